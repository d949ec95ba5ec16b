"""The strings that psql connects with connect here too: to the same database, as the same user, with the same TLS."""

import asyncio
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from pgvector_ready.database import Database as Connecting
from pgvector_ready.dsn import parse
from pgvector_ready.observation import pgvector
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.support.pooler import PgBouncer
from tests.support.postgres import DEBIAN_15, PASSWORD, PostgresServer
from tests.support.service import running
from tests.support.told import error_in

_NASTY = "p@ss:w/o?r#d% +&=\\"
_ACCOUNT = pwd.getpwuid(os.geteuid()).pw_name  # whom libpq takes for an unnamed user


@pytest.fixture(scope="module")
def tls_server() -> Iterator[PostgresServer]:
    """Debian's PostgreSQL 15 with TLS, a nasty password and a nasty name."""
    with PostgresServer(binaries=DEBIAN_15, tls=True) as server:
        server.restart(ssl_ca_file=str(server.folder / "server.crt"))
        server.set_rules(
            "hostssl all certified 127.0.0.1/32 cert",
            "host all all 127.0.0.1/32 scram-sha-256",
            "local all all scram-sha-256",
        )
        server.create_role("nasty", password=_NASTY)
        server.create_role(_ACCOUNT)
        server.create_role("certified")
        server.create_database("odd name/%", owner="nasty")
        _certify(server.folder, "certified")
        _write_passfile(server)
        yield server


def _certify(folder: Path, role: str) -> None:
    """A client certificate that the server's own has signed, in `client.crt`, and its key under a pass phrase."""
    authority = ("-CA", folder / "server.crt", "-CAkey", folder / "server.key", "-days", "2", "-subj", f"/CN={role}")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-passout", "pass:a phrase")
    files = ("-keyout", folder / "client.key", "-out", folder / "client.crt")
    subprocess.run(["openssl", "req", "-x509", *authority, *key, *files], check=True, capture_output=True)
    (folder / "client.key").chmod(0o600)


def _write_passfile(server: PostgresServer) -> None:
    """By name where libpq is given an address too, by folder for a socket, and with all that has to be escaped."""
    secret = _NASTY.replace("\\", "\\\\").replace(":", "\\:")
    port = server.port
    lines = ("# a comment", f"db.invalid:{port}:*:nasty:{secret}", f"{server.folder}:{port}:odd name/%:nasty:{secret}")
    passfile = server.folder / "passfile"
    passfile.write_text("\r\n".join((*lines, "")))
    passfile.chmod(0o600)


def _reached_by_psql(url: str) -> tuple[str, str, bool]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_database(), current_user").fetchone()
        assert row is not None
        return row[0], row[1], connection.pgconn.ssl_in_use


async def _reached_by_us(url: str) -> tuple[str, str, bool]:
    link = await Connecting(load(database_url=url).connection_string, 5.0).connect()
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
    ("keywords and values", lambda s: f"host=127.0.0.1 port={s.port} user=nasty password='{_NASTY}\\'"
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
    ("an unnamed user", lambda s: f"postgresql://:{PASSWORD}@127.0.0.1:{s.port}/postgres"),
    ("a client certificate", lambda s: f"postgresql://certified@localhost:{s.port}/postgres?sslmode=verify-full"
     f"&sslrootcert={s.folder}/server.crt&sslcert={s.folder}/client.crt&sslkey={s.folder}/client.key"
     "&sslpassword=a%20phrase"),
    ("a client certificate, prefer", lambda s: f"postgresql://certified@localhost:{s.port}/postgres"
     f"?sslcert={s.folder}/client.crt&sslkey={s.folder}/client.key&sslpassword=a%20phrase"),
    ("a client certificate that is missing", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}"
     "?sslcert=/nonexistent&sslkey=/nonexistent"),
    ("the same, require", lambda s: f"postgresql://{_LOGIN}@127.0.0.1:{s.port}/{_NAME}"
     "?sslcert=/nonexistent&sslkey=/nonexistent&sslmode=require"),
    ("password file, by name", lambda s: f"postgresql://nasty@db.invalid:{s.port}/{_NAME}?hostaddr=127.0.0.1"
     f"&passfile={s.folder}/passfile"),
    ("password file, socket", lambda s: f"postgresql://nasty@/{_NAME}?host={s.folder}&port={s.port}"
     f"&passfile={s.folder}/passfile"),
    ("socket in the query", lambda s: f"postgresql://postgres@/postgres?host={s.folder}&port={s.port}"),
    ("socket in the authority", lambda s: f"postgresql://postgres@{quote(str(s.folder), safe='')}:{s.port}/postgres"),
]  # fmt: skip


@pytest.mark.parametrize("string", [make for _, make in _STRINGS], ids=[name for name, _ in _STRINGS])
async def test_it_leads_where_psql_is_led(tls_server: PostgresServer, string: Callable[[PostgresServer], str]) -> None:
    url = string(tls_server)

    theirs = await asyncio.to_thread(_reached_by_psql, url)
    ours = await _reached_by_us(url)

    assert ours == theirs


_REFUSED: list[tuple[str, str, str, str | None]] = [
    ("postgres?options=-c%20nonsense%3D1", "database_url_invalid", "options=...", "42704"),
    ("postgres?options=-c%20geqo%3Dperhaps", "database_url_invalid", "options=...", "22023"),
    ("postgres?options=nonsense", "database_url_invalid", "options=...", "42601"),
    ("postgres?options=-c%20max_connections%3D5", "database_url_invalid", "options=...", "55P02"),
    ("postgres?user=certified&sslmode=require", "login_not_permitted", "sslcert and sslkey", "28000"),
    ("postgres?user=certified&sslmode=require&sslcert=/nonexistent", "tls_root_missing", "sslcert names", "28000"),
    ("postgres?sslmode=require&sslcert={folder}/client.crt&sslkey={folder}/client.key&sslpassword=no",
     "tls_root_missing", "pass phrase in sslpassword", None),
    ("postgres?passfile={folder}/server.crt&user=nasty&password=", "invalid_password", "refused the password", "28P01"),
    ("postgres?target_session_attrs=standby", "no_matching_host", "target_session_attrs", None),
]  # fmt: skip


@pytest.mark.parametrize(("rest", "code", "words", "sqlstate"), _REFUSED, ids=[row[0] for row in _REFUSED])
async def test_what_psql_is_refused_is_refused_here_with_a_code_that_says_why(
    tls_server: PostgresServer, rest: str, code: str, words: str, sqlstate: str | None
) -> None:
    url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{tls_server.port}/{rest.format(folder=tls_server.folder)}"

    with pytest.raises(psycopg.OperationalError):
        await asyncio.to_thread(_reached_by_psql, url)
    async with running(url) as service:
        error_in(await service.database(), code, "connected", words, sqlstate=sqlstate)


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
