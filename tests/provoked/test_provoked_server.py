"""Failures that a server tells of, each provoked on a real one: named rightly, with its remedy, and mended again."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from pgvector_ready.observation.statements import LOCK
from tests.conftest import Database
from tests.support.service import Running, running
from tests.support.told import error_in, warning_in


@dataclass(frozen=True, slots=True)
class Row:
    """What breaks a database and what mends it, in SQL as superuser; `{name}` is the database and its owner."""

    id: str
    breaking: tuple[str, ...]
    mending: tuple[str, ...]
    code: str
    sqlstate: str | None
    words: tuple[str, ...]
    step: str = "connected"
    settings: dict[str, Any] = field(default_factory=dict)


ROWS = [
    Row(
        "password changed",
        ("""ALTER ROLE "{name}" PASSWORD 'another secret'""",),
        ("""ALTER ROLE "{name}" PASSWORD 'secret'""",),
        "invalid_password",
        "28P01",
        ("refused the password", "set it on the server"),
    ),
    Row(
        "NOLOGIN",
        ('ALTER ROLE "{name}" NOLOGIN',),
        ('ALTER ROLE "{name}" LOGIN',),
        "login_not_permitted",
        "28000",
        ('ALTER ROLE "{name}" LOGIN;', "pg_hba.conf"),
    ),
    Row(
        "no such database",
        ('ALTER DATABASE "{name}" RENAME TO "{name}_elsewhere"',),
        ('ALTER DATABASE "{name}_elsewhere" RENAME TO "{name}"',),
        "database_missing",
        "3D000",
        ("There is no database {name}", 'CREATE DATABASE "{name}";'),
    ),
    Row(
        "no right to connect",
        ('REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC, "{name}"',),
        ('GRANT CONNECT ON DATABASE "{name}" TO "{name}"',),
        "database_connect_denied",
        "42501",
        ('GRANT CONNECT ON DATABASE "{name}" TO "{name}";',),
    ),
    Row(
        "connections switched off",
        ('ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',),
        ('ALTER DATABASE "{name}" ALLOW_CONNECTIONS true',),
        "database_not_accepting",
        "55000",
        ('ALTER DATABASE "{name}" ALLOW_CONNECTIONS true;',),
    ),
    Row(
        "no connection left for the role",
        ('ALTER ROLE "{name}" CONNECTION LIMIT 0',),
        ('ALTER ROLE "{name}" CONNECTION LIMIT -1',),
        "too_many_connections",
        "53300",
        ("no connection left", "pool size x processes x instances"),
    ),
    Row(
        "no connection left for the database",
        ('ALTER DATABASE "{name}" CONNECTION LIMIT 0',),
        ('ALTER DATABASE "{name}" CONNECTION LIMIT -1',),
        "too_many_connections",
        "53300",
        ("no connection left",),
    ),
    Row(
        "read-only by default",
        ('ALTER DATABASE "{name}" SET default_transaction_read_only = on',),
        ('ALTER DATABASE "{name}" RESET default_transaction_read_only',),
        "read_only",
        None,
        ('ALTER DATABASE "{name}" RESET default_transaction_read_only;',),
        step="writable",
    ),
    Row(
        "no pgvector on the server",
        ("ALTER DATABASE \"{name}\" SET extension_control_path = '/nonexistent'", "DROP EXTENSION vector"),
        ('ALTER DATABASE "{name}" RESET extension_control_path', "CREATE EXTENSION vector"),
        "pgvector_not_available",
        None,
        ("PostgreSQL 18", "this is the database you mean", "pgvector/pgvector:pg18"),
        step="available",
    ),
    Row(
        "not enabled, and enabling is switched off",
        ("DROP EXTENSION vector",),
        ("CREATE EXTENSION vector",),
        "pgvector_not_enabled",
        None,
        ("CREATE EXTENSION vector;", "ENABLE_PGVECTOR=true"),
        step="enabled",
        settings={"enable_pgvector": False},
    ),
    Row(
        "no right to enable",
        ("DROP EXTENSION vector",),
        ("CREATE EXTENSION vector",),
        "pgvector_permission_denied",
        "42501",
        ("not a trusted extension", "CREATE EXTENSION vector;"),
        step="enabled",
    ),
    Row(
        "too old",
        ("UPDATE pg_extension SET extversion = '0.4.4' WHERE extname = 'vector'",),
        ("UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'",),
        "pgvector_too_old",
        None,
        ("0.4.4 is older than the 0.5.0", "ALTER EXTENSION vector UPDATE;"),
        step="enabled",
    ),
    Row(
        "library gone",
        ("ALTER DATABASE \"{name}\" SET dynamic_library_path = '/nonexistent'",),
        ('ALTER DATABASE "{name}" RESET dynamic_library_path',),
        "pgvector_library_missing",
        "58P01",
        ("its library is gone", "pgvector/pgvector:pg18"),
        step="usable",
    ),
    Row(
        "not on the search path",
        (
            "CREATE SCHEMA hidden",
            "ALTER EXTENSION vector SET SCHEMA hidden",
            'GRANT USAGE ON SCHEMA hidden TO "{name}"',
        ),
        ('ALTER ROLE "{name}" SET search_path = "$user", public, hidden',),
        "pgvector_not_on_search_path",
        None,
        ('ALTER ROLE "{name}" IN DATABASE "{name}" SET search_path = "$user", public, "hidden";',),
        step="usable",
    ),
    Row(
        "in a schema that may not be used",
        ("CREATE SCHEMA hidden", "ALTER EXTENSION vector SET SCHEMA hidden"),
        ('GRANT USAGE ON SCHEMA hidden TO "{name}"', 'ALTER ROLE "{name}" SET search_path = public, hidden'),
        "pgvector_not_on_search_path",
        None,
        ('GRANT USAGE ON SCHEMA "hidden" TO "{name}";',),
        step="usable",
    ),
    Row(
        "an SQLSTATE that nobody foresaw",
        ('REVOKE EXECUTE ON FUNCTION json_build_object(VARIADIC "any") FROM PUBLIC',),
        ('GRANT EXECUTE ON FUNCTION json_build_object(VARIADIC "any") TO PUBLIC',),
        "unexpected_error",
        "42501",
        ("pgvector-ready check prints them",),
    ),
    Row(
        "a distance that is wrong",
        (
            "CREATE OR REPLACE FUNCTION l2_distance(vector, vector) RETURNS float8 IMMUTABLE STRICT PARALLEL SAFE "
            "LANGUAGE sql AS 'SELECT 1.0::float8'",
        ),
        ("DROP EXTENSION vector", "CREATE EXTENSION vector"),
        "pgvector_replaced",
        None,
        ("function public.l2_distance(public.vector,public.vector)", "LANGUAGE c"),
        step="usable",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_it_is_told_and_found_mended(row: Row, database_with_vector: Database) -> None:
    database = database_with_vector

    def do(statements: tuple[str, ...]) -> None:
        for statement in statements:
            is_about_the_database = statement.startswith("ALTER DATABASE")
            where = database.server.execute if is_about_the_database else database.execute
            where(statement.format(name=database.name))

    do(row.breaking)
    async with running(database.plain_url, **row.settings) as service:
        answer = await service.database()
        words = [word.format(name=database.name) for word in row.words]
        error_in(answer, row.code, row.step, *words, sqlstate=row.sqlstate)

        do(row.mending)
        await service.until(None)


async def test_a_role_that_does_not_exist_is_told_as_a_wrong_password(database_with_vector: Database) -> None:
    """With SCRAM the server does not tell the two apart, on purpose."""
    server, role = database_with_vector.server, f"{database_with_vector.name}_late"
    async with running(server.connection_string(role, database_with_vector.name)) as service:
        error_in(await service.database(), "invalid_password", "connected", role, sqlstate="28P01")

        server.create_role(role)
        await service.until(None)
    server.execute(f'DROP ROLE "{role}"')


async def test_a_password_that_is_missing_is_told_as_a_wrong_one(database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    async with running(server.connection_string(name, name, password=None)) as service:
        error_in(await service.database(), "invalid_password", "connected", "refused the password", sqlstate="28P01")


async def test_a_rule_of_the_server_refuses_the_login(database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    server.set_rules(f"host all {name} 127.0.0.1/32 reject", "host all all 127.0.0.1/32 scram-sha-256")
    try:
        async with running(database_with_vector.plain_url) as service:
            words = ("does not let user", "pg_hba.conf or list of allowed addresses")
            error_in(await service.database(), "login_not_permitted", "connected", *words, sqlstate="28000")

            server.set_rules()
            await service.until(None)
    finally:
        server.set_rules()


@contextmanager
def catalogue_locked(database: Database) -> Iterator[Callable[[], list[int]]]:
    """Every probe waits in the middle of its query; gives the process ids of those that do."""

    def waiting() -> list[int]:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        return [pid for (pid,) in database.server.execute(query, database.name)]

    with database.server.connect(database.name) as session, session.transaction():
        session.execute("LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")
        yield waiting


async def test_a_statement_timeout_of_the_role_ends_the_probe(database_with_vector: Database) -> None:
    database_with_vector.execute(f'ALTER ROLE "{database_with_vector.owner}" SET statement_timeout = 200')
    async with running(database_with_vector.plain_url) as service:
        with catalogue_locked(database_with_vector):
            answer = await service.until("statement_timeout")
            error_in(answer, "statement_timeout", "connected", "SET statement_timeout", sqlstate="57014")

        await service.until(None)


async def test_a_transaction_timeout_of_the_role_is_told_and_the_advice_ends_it(database_with_vector: Database) -> None:
    database, name = database_with_vector, database_with_vector.owner
    database.execute(f'ALTER ROLE "{name}" SET transaction_timeout = 500')
    async with running(database.plain_url, query_timeout_seconds=1.9) as service:
        with catalogue_locked(database):
            answer = await service.until("statement_timeout")
        error = error_in(answer, "statement_timeout", "connected", "its own transaction_timeout", sqlstate="25P04")
        database.execute(error["remedy"].partition(": ")[2])
        await service.until(None)

    assert database.server.execute(
        "SELECT setconfig FROM pg_db_role_setting WHERE setrole = %s::regrole AND setdatabase > 0", name
    ) == [(["transaction_timeout=30s"],)]


@pytest.mark.parametrize(
    "setting",
    [
        "extra_float_digits = -15",
        "DateStyle = 'German'",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off",
        "bytea_output = escape",
        "default_transaction_isolation = serializable",
        "row_security = off",
        "enable_seqscan = off",
        "quote_all_identifiers = on",
        "IntervalStyle = sql_standard",
        "array_nulls = off",
        "lc_numeric = 'C'",
        "xmlbinary = hex",
        "plan_cache_mode = force_generic_plan",
        "lock_timeout = 1000",
        "temp_tablespaces = ''",
    ],
)
async def test_a_setting_of_the_database_changes_no_verdict(database_with_vector: Database, setting: str) -> None:
    """What an administrator, or the database of another tool, may have set for everybody."""
    database = database_with_vector
    database.server.execute(f'ALTER DATABASE "{database.name}" SET {setting}')
    async with running(database.plain_url) as service:
        await service.until_latched()
        answer = await service.database()

    # On a busy machine it may be slow, which is a warning.
    codes = {step.get("code") for step in answer.json()["steps"]}
    assert (answer.status_code, codes - {"slow"}) == (200, {None}), answer.text


async def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it is true; the limit only catches a hang."""
    async with asyncio.timeout(30):
        while not (found := condition()):
            await asyncio.sleep(0.01)
        return found


async def test_a_session_ended_between_two_probes_is_replaced_and_nobody_notices(
    database_with_vector: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database = database_with_vector
    async with running(database.plain_url) as service:
        await service.until(None)
        before = (await service.database()).json()["observed_at"]

        database.server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", database.name
        )
        answers = [await service.database()]
        while answers[-1].json()["observed_at"] == before:
            await asyncio.sleep(0.05)
            answers.append(await service.database())

        assert {answer.status_code for answer in answers} == {200}
        assert "probe_failed" not in caplog.text


async def test_a_session_ended_in_the_middle_of_a_probe_is_tried_once_more_and_then_told(
    database_with_vector: Database,
) -> None:
    database = database_with_vector
    async with running(database.plain_url, query_timeout_seconds=1.9) as service:
        await service.until(None)

        with catalogue_locked(database) as waiting:
            asking = asyncio.create_task(service.until("server_shutdown"))
            (first,) = await until(waiting)
            database.server.execute("SELECT pg_terminate_backend(%s)", first)
            (second,) = await until(lambda: [pid for pid in waiting() if pid != first])
            database.server.execute("SELECT pg_terminate_backend(%s)", second)
            answer = await asking

        error_in(answer, "server_shutdown", "connected", "asks again by itself", sqlstate="57P01")
        await service.until(None)


async def test_a_session_ended_once_in_the_middle_of_a_probe_is_not_noticed(database_with_vector: Database) -> None:
    database = database_with_vector
    async with running(database.plain_url, query_timeout_seconds=1.9) as service:
        await service.until(None)
        before = (await service.database()).json()["observed_at"]

        with catalogue_locked(database) as waiting:
            asking = asyncio.create_task(seen_after(service, before))
            (first,) = await until(waiting)
            database.server.execute("SELECT pg_terminate_backend(%s)", first)
            await until(lambda: [pid for pid in waiting() if pid != first])
        answer = await asking

        assert answer.status_code == 200


async def seen_after(service: Running, observed_at: str) -> httpx.Response:
    """The first answer with a newer observation than this."""
    answer = await service.database()
    while answer.json()["observed_at"] == observed_at:
        await asyncio.sleep(0.02)
        answer = await service.database()
    return answer


async def test_enabling_waits_for_its_lock_only_so_long(database: Database) -> None:
    with database.server.connect(database.name) as session:
        session.execute("BEGIN")
        session.execute(LOCK.encode())

        async with running(database.url) as service:
            answer = await service.until("pgvector_lock_timeout")
            error_in(answer, "pgvector_lock_timeout", "enabled", "tries again by itself", sqlstate="55P03")

            session.execute("ROLLBACK")
            await service.until(None)


@pytest.mark.parametrize(("version", "code"), [("0.5.0", "pgvector_update_available"), ("99.0", "pgvector_downgraded")])
async def test_another_version_in_the_catalogue_is_a_warning(
    version: str, code: str, database_with_vector: Database
) -> None:
    database_with_vector.execute("UPDATE pg_extension SET extversion = %s WHERE extname = 'vector'", version)

    async with running(database_with_vector.plain_url) as service:
        answer = await service.database()

    warning_in(answer, code, "enabled")
