"""What goes wrong with TLS, each provoked on a real server with a certificate that it signed itself."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pgvector_ready.database import Database as Connector
from pgvector_ready.dsn import parse
from pgvector_ready.loop import Loop
from pgvector_ready.observation.observer import Observer
from tests.conftest import Database
from tests.support import faults
from tests.support.faults import Manner, door
from tests.support.postgres import DEBIAN_15, PostgresServer
from tests.support.service import running
from tests.support.told import MARGIN_SECONDS, error_in

# Debian's server has TLS and no pgvector: whoever gets so far has connected.
CONNECTED = "pgvector_not_available"
TIMEOUTS: dict[str, Any] = {"connect_timeout_seconds": 0.6, "query_timeout_seconds": 0.4}
RAILWAY = "switchback.proxy.rlwy.net"
BY_NAME = {"host": "localhost", "hostaddr": "127.0.0.1"}


@pytest.fixture(scope="module")
def tls_server() -> Iterator[PostgresServer]:
    """Like Railway's: the certificate is self-signed and made out to localhost."""
    with PostgresServer(binaries=DEBIAN_15, tls=True) as server:
        yield server


@pytest.fixture
def files(tls_server: PostgresServer, tmp_path: Path) -> dict[str, str]:
    """The files that a connection string may name."""
    (tmp_path / "garbage").write_text("not a certificate")
    return {
        "root": str(tls_server.folder / "server.crt"),
        "key": str(tls_server.folder / "server.key"),
        "garbage": str(tmp_path / "garbage"),
        "missing": str(tmp_path / "missing"),
    }


@dataclass(frozen=True, slots=True)
class Row:
    """Words of a connection string, and what comes of them at a server with TLS; the remedy's own words mend it."""

    id: str
    parameters: dict[str, str]
    code: str
    words: tuple[str, ...]
    mended: dict[str, str]


REQUIRED = {"sslmode": "require"}
VERIFIED = {"sslmode": "verify-full", "sslrootcert": "{root}", **BY_NAME}
ROWS = [
    Row(
        "signed by nobody known here",
        {"sslmode": "verify-full", "sslrootcert": "system", **BY_NAME},
        "tls_untrusted",
        ("not signed by an authority trusted here", "sslrootcert=/path/to/ca.crt"),
        VERIFIED,
    ),
    Row(
        "Railway's, signed by nobody",
        {"sslmode": "verify-full", "sslrootcert": "system", "host": RAILWAY, "hostaddr": "127.0.0.1"},
        "tls_untrusted",
        ("sslmode=require", "self-signed"),
        REQUIRED,
    ),
    Row(
        "made out to somebody else",
        {"sslmode": "verify-full", "sslrootcert": "{root}"},
        "tls_hostname_mismatch",
        ("not made out to 127.0.0.1", "sslmode=verify-ca"),
        {"sslmode": "verify-ca", "sslrootcert": "{root}"},
    ),
    Row(
        "Railway's, made out to localhost",
        {"sslmode": "verify-full", "sslrootcert": "{root}", "host": RAILWAY, "hostaddr": "127.0.0.1"},
        "tls_hostname_mismatch",
        ("not made out to switchback.proxy.rlwy.net", "sslmode=require", "localhost"),
        REQUIRED,
    ),
    Row(
        "no root to verify against",
        {"sslmode": "verify-ca"},
        "tls_root_missing",
        ("sslrootcert names", "is not there", "sslmode=require"),
        REQUIRED,
    ),
    Row(
        "a root that is not there",
        {"sslmode": "verify-full", "sslrootcert": "{missing}"},
        "tls_root_missing",
        ("sslrootcert names",),
        VERIFIED,
    ),
    Row(
        "a root that is none",
        {"sslmode": "verify-full", "sslrootcert": "{garbage}"},
        "tls_root_missing",
        ("sslrootcert names",),
        VERIFIED,
    ),
    Row(
        "a certificate of one's own that is none",
        {"sslmode": "require", "sslcert": "{garbage}", "sslkey": "{key}"},
        "tls_root_missing",
        ("sslcert names", "no certificate"),
        {"sslmode": "require", "sslcert": "{root}", "sslkey": "{key}"},
    ),
]


def written(parameters: dict[str, str], files: dict[str, str]) -> dict[str, Any]:
    return {word: value.format(**files) for word, value in parameters.items()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_it_is_told_and_the_advice_helps(row: Row, tls_server: PostgresServer, files: dict[str, str]) -> None:
    async with running(tls_server.connection_string(**written(row.parameters, files))) as service:
        answer = await service.database()
    error_in(answer, row.code, "connected", *row.words)

    async with running(tls_server.connection_string(**written(row.mended, files))) as service:
        answer = await service.until(CONNECTED)
    assert answer.json()["target"]["tls"] == "TLSv1.3"


@pytest.mark.parametrize(
    ("parameters", "tls"),
    [
        ({}, "TLSv1.3"),
        ({"sslmode": "prefer"}, "TLSv1.3"),
        ({"sslmode": "allow"}, None),
        ({"sslmode": "disable"}, None),
        ({"sslmode": "require"}, "TLSv1.3"),
        ({"sslmode": "require", "sslrootcert": "{missing}"}, "TLSv1.3"),
        ({"sslmode": "require", "ssl_max_protocol_version": "TLSv1.2"}, "TLSv1.2"),
        ({"sslmode": "verify-ca", "sslrootcert": "{root}"}, "TLSv1.3"),
        (VERIFIED, "TLSv1.3"),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
async def test_every_mode_connects_as_psql_would(
    parameters: dict[str, str], tls: str | None, tls_server: PostgresServer, files: dict[str, str]
) -> None:
    link = await connector(tls_server.connection_string(**written(parameters, files))).connect()
    link.terminate()

    assert link.tls == tls


async def test_no_tls_version_in_common_is_told(tls_server: PostgresServer) -> None:
    tls_server.restart(ssl_min_protocol_version="TLSv1.3")
    try:
        url = tls_server.connection_string(sslmode="require", ssl_max_protocol_version="TLSv1.2")
        async with running(url) as service:
            error_in(
                await service.database(),
                "tls_handshake_failed",
                "connected",
                "PROTOCOL_VERSION",
                "ssl_max_protocol_version",
            )

            tls_server.restart(ssl_min_protocol_version=None)
            await service.until(CONNECTED)
    finally:
        tls_server.restart(ssl_min_protocol_version=None)


# A server without TLS, and one that insists on it


async def test_a_server_without_tls_is_told_and_the_advice_helps(database_with_vector: Database) -> None:
    server = database_with_vector.server
    async with running(server.connection_string(database=database_with_vector.name, sslmode="require")) as service:
        error_in(await service.database(), "tls_not_supported", "connected", "insists on TLS", "sslmode=prefer")

    async with running(server.connection_string(database=database_with_vector.name, sslmode="prefer")) as service:
        await service.until(None)


async def test_a_server_of_railways_without_tls_is_told_with_the_template(database_with_vector: Database) -> None:
    server = database_with_vector.server
    ways: list[dict[str, Any]] = [REQUIRED, {**REQUIRED, "sslnegotiation": "direct"}]
    for words in ways:
        url = server.connection_string(host=RAILWAY, hostaddr="127.0.0.1", **words)

        async with running(url) as service:
            error_in(
                await service.database(), "tls_not_supported", "connected", "templates have no TLS", "sslmode=prefer"
            )


async def test_a_server_that_insists_on_tls_is_told_and_the_advice_helps(tls_server: PostgresServer) -> None:
    tls_server.set_rules("hostssl all all 127.0.0.1/32 scram-sha-256")
    try:
        async with running(tls_server.connection_string(sslmode="disable")) as service:
            answer = await service.database()
            error_in(answer, "tls_required", "connected", "sslmode=require", sqlstate="28000")

            for mode in ("require", "prefer", "allow"):
                async with running(tls_server.connection_string(sslmode=mode)) as mended:
                    answer = await mended.until(CONNECTED)
                assert answer.json()["target"]["tls"] == "TLSv1.3"

            tls_server.set_rules()
            await service.until(CONNECTED)
    finally:
        tls_server.set_rules()


async def test_a_refusal_that_tls_would_not_help_is_not_blamed_on_tls_alone(tls_server: PostgresServer) -> None:
    tls_server.set_rules("host all all 127.0.0.1/32 reject")
    try:
        async with running(tls_server.connection_string(sslmode="disable")) as service:
            answer = await service.database()
    finally:
        tls_server.set_rules()

    error_in(answer, "tls_required", "connected", "If that is refused as well", "pg_hba.conf", sqlstate="28000")


async def test_a_role_that_may_not_log_in_is_not_blamed_on_tls(tls_server: PostgresServer) -> None:
    tls_server.create_role("locked_out")
    tls_server.execute("ALTER ROLE locked_out NOLOGIN")
    async with running(tls_server.connection_string("locked_out", sslmode="disable")) as service:
        answer = await service.database()

    error_in(answer, "login_not_permitted", "connected", "ALTER ROLE", sqlstate="28000")


# Silence


@pytest.mark.parametrize(
    ("mode", "manner", "words"),
    [
        ("require", faults.say_nothing, ("accepted the connection and then stayed silent",)),
        ("prefer", faults.stall_after(1), ("silent in the TLS handshake", "holds back TLS")),
        ("require", faults.stall_after(1), ("silent in the TLS handshake", "holds back TLS")),
        # The third: PostgreSQL 15 first asks for another curve.
        ("prefer", faults.stall_after(3), ("silent during the login", "overloaded")),
        ("require", faults.stall_after(3), ("silent during the login", "overloaded")),
    ],
    ids=["greeting-require", "handshake-prefer", "handshake-require", "login-prefer", "login-require"],
)
async def test_silence_is_told_with_its_phase(
    mode: str,
    manner: Manner,
    words: tuple[str, ...],
    tls_server: PostgresServer,
) -> None:
    async with (
        door(tls_server.port, manner) as way,
        running(tls_server.connection_string(port=way.port, sslmode=mode), **TIMEOUTS) as service,
    ):
        answer = await service.database()
        error_in(answer, "connect_timeout", "connected", *words, within_seconds=1.0)

        way.manner = faults.pass_through
        await service.until(CONNECTED)


async def test_a_path_that_falls_silent_in_the_middle_of_a_query_is_told(tls_server: PostgresServer) -> None:
    async with door(tls_server.port) as way:
        with tls_server.connect() as session:
            session.execute("BEGIN")
            session.execute("LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")
            url = tls_server.connection_string(port=way.port, sslmode="require")
            asking = asyncio.create_task(Observer(connector(url), query_timeout_seconds=0.5).observe())
            while not tls_server.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                await asyncio.sleep(0.01)

            way.freeze()
            facts = await asking

    assert facts.failure is not None
    assert facts.failure.code == "query_timeout"
    assert facts.latency_ms < (1.5 + MARGIN_SECONDS) * 1000


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_handshake_that_is_cut_is_a_closed_connection(tls_server: PostgresServer, *, reset: bool) -> None:
    async def cut_in_the_handshake(visit: faults.Visit) -> None:
        await visit.forward(answers=1)
        visit.leave(reset=reset)

    async with (
        door(tls_server.port, cut_in_the_handshake) as way,
        running(tls_server.connection_string(port=way.port, sslmode="require")) as service,
    ):
        error_in(await service.database(), "connection_closed", "connected", "Wake or restart")
        way.manner = faults.pass_through
        await service.until(CONNECTED)


@pytest.mark.parametrize("mode", ["prefer", "require"])
def test_no_socket_of_a_silent_peer_is_left(mode: str, tls_server: PostgresServer) -> None:
    """On the service's own loop: OpenSSL's farewell waits 30 s on asyncio's for a peer that never answers."""

    async def probe_in_vain() -> None:
        async with door(tls_server.port, faults.stall_after(3)) as way:
            url = tls_server.connection_string(port=way.port, sslmode=mode)
            observer = Observer(connector(url, connect_timeout_seconds=0.2), query_timeout_seconds=0.2)
            for _ in range(4):
                facts = await observer.observe()
                assert facts.failure is not None
            assert way.visits
            async with asyncio.timeout(10):
                while open_sockets_to(way.port):
                    await asyncio.sleep(0.01)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(probe_in_vain())


def connector(url: str, connect_timeout_seconds: float = 1.0) -> Connector:
    return Connector(parse(url), connect_timeout_seconds)


def open_sockets_to(port: int) -> int:
    """How many this machine has that were neither closed nor ended: state 01 of proc(5)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(remote.endswith(f":{port:04X}") and state == "01" for _, _, remote, state, *_ in lines)
