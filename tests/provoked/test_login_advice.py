"""What the login's own words do not say: a template's brackets, a volume's first password, a name too long by one."""

import pytest

from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.report import State
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge_offline
from tests.conftest import Database
from tests.support.examples import NOON
from tests.support.faults import Manner, Visit, door
from tests.support.postgres import PASSWORD
from tests.support.service import running
from tests.support.told import error_in, note


@pytest.mark.parametrize("template", ["[{}]", "({})", "{{{}}}", '"{}"', "'{}'", "`{}`"])
async def test_the_brackets_of_a_template_are_named(template: str, database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    server.execute("DROP ROLE IF EXISTS plain_login")
    server.create_role("plain_login")
    wrapped = template.format(PASSWORD)
    async with running(server.connection_string("plain_login", name, password=wrapped)) as service:
        error = error_in(
            await service.database(), "invalid_password", "connected", "brackets or quotes", sqlstate="28P01"
        )

    assert wrapped not in f"{error}"
    server.execute("DROP ROLE plain_login")


async def test_the_password_of_a_volume_is_set_as_the_advice_says(database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    server.create_role("first_start", password="of-the-first-start")  # noqa: S106 - an example
    try:
        async with running(server.connection_string("first_start", name, password="new")) as service:  # noqa: S106
            error = error_in(
                await service.database(), "invalid_password", "connected", "of its first start", sqlstate="28P01"
            )
            statement = error["remedy"].partition("server: ")[2].partition(";")[0]

            server.execute(statement)
            answer = await service.until(None)
        assert answer.json()["target"]["user"] == "first_start"
    finally:
        server.execute('DROP ROLE "first_start"')


STRAY = ["app;", "app/", "/app", "app,", '"app"', "app&", "app)", "'app'", "app%20"]


@pytest.mark.parametrize("name", STRAY)
async def test_a_name_too_long_by_one_is_told_offline_and_online(name: str, database: Database) -> None:
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{database.server.port}/{name}"
    report = judge_offline(Facts(parse(url).target, NOON, 0), Requirements())
    configured = report.verdicts[0]
    assert configured.state is State.WARN
    assert configured.failure
    note(configured.failure)
    assert configured.failure.code is Code.DATABASE_URL_DOUBTFUL
    assert "End DATABASE_URL in /app if" in wording(configured.failure).remedy

    async with running(url) as service:
        error = error_in(
            await service.database(), "database_missing", "connected", "End DATABASE_URL in /app if", sqlstate="3D000"
        )
    assert "CREATE DATABASE" not in error["remedy"]


def neon(sentence: str) -> Manner:
    """Neon's proxy, which was told no endpoint."""

    async def manner(visit: Visit) -> None:
        await visit.reader.readexactly(8)
        visit.writer.write(b"N")
        await visit.reader.read(65_536)
        fields = f"SFATAL\0VFATAL\0CXX000\0M{sentence}\0\0".encode()
        visit.writer.write(b"E" + (4 + len(fields)).to_bytes(4, "big") + fields)
        await visit.writer.drain()

    return manner


@pytest.mark.parametrize("host", ["ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech", "127.0.0.1"])
async def test_neons_missing_endpoint_is_asked_for(host: str) -> None:
    sentence = "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support"
    async with door(1, neon(sentence)) as way:
        url = f"postgresql://app:x@{host}:{way.port}/app?hostaddr=127.0.0.1"
        async with running(url) as service:
            answer = await service.database()

    error_in(answer, "pooler_error", "connected", "options=endpoint%3D", "without hostaddr", sqlstate="XX000")
