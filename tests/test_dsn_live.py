"""The strings that psql connects with connect here too: to the same database, as the same user, with the same TLS."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from app import pgvector
from app.database import Database as Connecting
from app.dsn import parse
from tests.conftest import Database
from tests.pooler import PgBouncer
from tests.postgres import DEBIAN_15, PASSWORD, PostgresServer
from tests.service import running
from tests.told import error_in

_NASTY = "p@ss:w/o?r#d% +&="


@pytest.fixture(scope="module")
def tls_server() -> Iterator[PostgresServer]:
    """Debian's PostgreSQL 15 with TLS, a nasty password and a nasty name."""
    with PostgresServer(binaries=DEBIAN_15, tls=True) as server:
        server.create_role("nasty", password=_NASTY)
        server.create_database("odd name/%", owner="nasty")
        yield server


def _reached_by_psql(url: str) -> tuple[str, str, bool]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_database(), current_user").fetchone()
        assert row is not None
        return row[0], row[1], connection.pgconn.ssl_in_use


async def _reached_by_us(url: str) -> tuple[str, str, bool]:
    link = await Connecting(parse(url), 5.0).connect()
    try:
        row = await link.connection.fetchrow("SELECT current_database(), current_user")
    finally:
        link.terminate()
    return row[0], row[1], link.tls is not None


_LOGIN = f"nasty:{quote(_NASTY, safe='')}"
_NAME = quote("odd name/%", safe="")

_STRINGS: list[tuple[str, Callable[[PostgresServer], str]]] = [
    ("plain", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}"),
    ("postgres scheme", lambda s: f"postgres://{_LOGIN}@localhost:{s.port}/{_NAME}"),
    ("everything in the query", lambda s: f"postgresql:///?host=127.0.0.1&port={s.port}&user=nasty&dbname={_NAME}"
     f"&password={quote(_NASTY, safe='')}"),
    ("keywords and values", lambda s: f"host=127.0.0.1 port={s.port} user=nasty password='{_NASTY}'"
     " dbname='odd name/%'"),
    ("hostaddr beside a name", lambda s: f"postgresql://{_LOGIN}@db.invalid:{s.port}/{_NAME}?hostaddr=127.0.0.1"),
    ("the last word wins", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:1/{_NAME}?port={s.port}"),
    ("the second host", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:1,127.0.0.1:{s.port}/{_NAME}"),
    ("no encryption", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?sslmode=disable"),
    ("allow", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?sslmode=allow"),
    ("prefer", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?sslmode=prefer"),
    ("require", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?sslmode=require"),
    ("require, root missing", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?sslmode=require"
     "&sslrootcert=/nonexistent"),
    ("verify-ca", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?sslmode=verify-ca"
     f"&sslrootcert={s.folder}/server.crt"),
    ("verify-full", lambda s: f"postgresql://{_LOGIN}@localhost:{s.port}/{_NAME}?sslmode=verify-full"
     f"&sslrootcert={s.folder}/server.crt"),
    ("verify-full, hostaddr", lambda s: f"postgresql://{_LOGIN}@localhost:{s.port}/{_NAME}?sslmode=verify-full"
     f"&sslrootcert={s.folder}/server.crt&hostaddr=127.0.0.1"),
    ("left aside", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?gssencmode=disable&keepalives_idle=30"
     "&connect_timeout=5&application_name=app&target_session_attrs=read-write&channel_binding=prefer"),
    ("options", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}?options=-c%20search_path%3Dpublic"),
    ("socket in the query", lambda s: f"postgresql://postgres@/postgres?host={s.folder}&port={s.port}"),
    ("socket in the authority", lambda s: f"postgresql://postgres@{quote(str(s.folder), safe='')}:{s.port}/postgres"),
]  # fmt: skip


@pytest.mark.parametrize("string", [make for _, make in _STRINGS], ids=[name for name, _ in _STRINGS])
async def test_it_leads_where_psql_is_led(tls_server: PostgresServer, string: Callable[[PostgresServer], str]) -> None:
    url = string(tls_server)

    theirs = await asyncio.to_thread(_reached_by_psql, url)
    ours = await _reached_by_us(url)

    assert ours == theirs


async def _fingerprint(url: str) -> str | None:
    link = await Connecting(parse(url), 5.0).connect(is_probe=True)
    try:
        return (await pgvector.observe(link))[0].fingerprint
    finally:
        link.terminate()


async def test_a_fingerprint_is_one_databases_by_whatever_way_it_is_reached(
    database: Database, tls_server: PostgresServer
) -> None:
    server, name = database.server, database.name
    with PgBouncer(server) as pooler:
        ways = [
            server.connection_string(database=name),
            server.connection_string(database=name, host="localhost"),
            server.connection_string(database=name, host=server.folder, password=None),
            server.connection_string(database.owner, name, password=PASSWORD),
            pooler.connection_string(name),
        ]
        same = {await _fingerprint(url) for url in ways}
    sibling = await _fingerprint(server.connection_string(database="postgres"))
    stranger = await _fingerprint(tls_server.connection_string())

    assert len(same) == 1
    assert None not in same
    assert len({*same, sibling, stranger}) == 3


async def test_the_guard_lets_the_expected_database_through_and_no_other(database_with_vector: Database) -> None:
    fingerprint = await _fingerprint(database_with_vector.url)
    expected: dict[str, Any] = {
        "expected_database_host": "127.0.0.1",
        "expected_database_name": database_with_vector.name,
        "expected_database_fingerprint": fingerprint,
    }

    async with running(database_with_vector.url, **expected) as service:
        right = await service.database()
    other = database_with_vector.server.connection_string(database="postgres")
    async with running(other, **expected) as service:
        wrong = await service.database()
        gate = await service.health()

    assert right.status_code == 200
    error_in(wrong, "wrong_target", "expected", database_with_vector.name, "postgres was reached")
    assert gate.status_code == 503, "a deploy against the wrong database does not go live"
