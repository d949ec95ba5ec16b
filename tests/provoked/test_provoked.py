"""Failures on the way to the server, each provoked for real: named, in time, with its remedy, and mended again."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import Database
from tests.support import faults
from tests.support.faults import Door, Manner, door
from tests.support.postgres import PostgresServer
from tests.support.service import running
from tests.support.told import error_in, warning_in

RAILWAY = {"host": "switchback.proxy.rlwy.net", "hostaddr": "127.0.0.1"}
SUPABASE = {"host": "aws-0-eu-central-1.pooler.supabase.com", "hostaddr": "127.0.0.1"}
NEON = {"host": "ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech", "hostaddr": "127.0.0.1"}
DISABLE = {"sslmode": "disable"}
# Where there is silence to wait for; otherwise the service keeps its own, which a busy machine does not reach.
TIMEOUTS: dict[str, Any] = {"connect_timeout_seconds": 0.6, "query_timeout_seconds": 0.4}
DEADLINE_SECONDS = 1.0

FACTS, PROOF, LOGIN = b"pg_available_extensions", b"[3,2,1]", b"SCRAM-SHA-256"
HTTP = faults.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", first=False)
SSH = faults.say(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
MYSQL = faults.say(b"J\x00\x00\x00\n8.0.36\x00\x08\x00\x00\x00s]LkB\x1d\x01R\x00\xff\xff\xff\x02\x00\xff\xdf\x15")
NOISE = faults.say(bytes(range(255, 0, -7)) * 40)
ZEROS = faults.say(bytes(4096))


@dataclass(frozen=True, slots=True)
class Row:
    """A way to be met at the door, and what it must be called; `None` is a closed port."""

    id: str
    manner: Manner | None
    code: str
    words: tuple[str, ...]
    step: str = "connected"
    parameters: dict[str, str] = field(default_factory=dict)
    sqlstate: str | None = None


def rows(name: str, modes: str, manner: Manner, code: str, *words: str) -> list[Row]:
    return [Row(f"{name}-{mode}", manner, code, words, parameters={"sslmode": mode}) for mode in modes.split()]


FROZEN = ("stayed silent", "restart it")
CLOSED = ("closed it", "Wake or restart the database")
WAIT = ("cut in the middle", "asks again by itself")
ROWS = [
    Row("closed port", None, "connection_refused", ("Nothing listens", "database is running")),
    Row("closed port of Railway's", None, "connection_refused", ("DATABASE_PUBLIC_URL",), parameters=RAILWAY),
    *rows(
        "silent after accepting",
        "prefer disable",
        faults.say_nothing,
        "connect_timeout",
        "accepted the connection",
        *FROZEN,
    ),
    Row("silent at login", faults.stall_after(1), "connect_timeout", ("during the login",)),
    Row(
        "silent at Neon's login",
        faults.stall_after(1),
        "connect_timeout",
        ("during the login", "may be waking up", "--timeout 30"),
        parameters=NEON,
    ),
    Row(
        "silent at RDS's login",
        faults.stall_after(1),
        "connect_timeout",
        ("may be waking up",),
        parameters={"host": "app.cluster-x.eu-central-1.rds.amazonaws.com", "hostaddr": "127.0.0.1"},
    ),
    Row("silent behind Railway's proxy", faults.say_nothing, "connect_timeout", ("waking up",), parameters=RAILWAY),
    Row("silent at login in the clear", faults.stall_after(1), "connect_timeout", ("the login",), parameters=DISABLE),
    Row("silent at the password", faults.stall_at(LOGIN), "connect_timeout", ("during the login", "overloaded")),
    *rows("HTTP", "prefer disable require allow", HTTP, "not_postgresql", "it is not PostgreSQL", "Check the port"),
    *rows("SSH", "prefer disable", SSH, "not_postgresql", "Check the port"),
    *rows("MySQL", "prefer disable require allow", MYSQL, "not_postgresql", "Check the port"),
    *rows("noise", "prefer disable", NOISE, "not_postgresql", "Check the port"),
    *rows("zeros", "prefer disable", ZEROS, "not_postgresql", "Check the port"),
    *rows("accepted and closed", "prefer disable", faults.close_at_once, "connection_closed", *CLOSED),
    *rows("accepted and reset", "prefer require", faults.reset_at_once, "connection_closed", *CLOSED),
    Row("asleep behind Railway's proxy", faults.close_at_once, "connection_closed", ("Railway's",), parameters=RAILWAY),
    Row(
        "a tenant that Supabase does not know",
        faults.refuse("XX000"),
        "pooler_error",
        ("postgres. and the project's reference", "paused"),
        parameters=SUPABASE,
        sqlstate="XX000",
    ),
    Row(
        "a compute that Neon has switched off",
        faults.refuse("XX000"),
        "pooler_error",
        ("branch's compute still exists",),
        parameters=NEON,
        sqlstate="XX000",
    ),
    Row(
        "an internal error of nobody in particular",
        faults.refuse("XX000"),
        "unexpected_error",
        ("pgvector-ready check prints them",),
        sqlstate="XX000",
    ),
    *(
        Row(
            f"another system that says {sqlstate}",
            faults.answer_at(
                FACTS,
                faults.message(b"E", f"SERROR\0VERROR\0C{sqlstate}\0Mnot here\0\0".encode())
                + faults.message(b"Z", b"I"),
            ),
            "not_postgresql",
            ("its catalogue lacks", "another database system"),
            sqlstate=sqlstate,
        )
        for sqlstate in ("42883", "42P01", "42703")
    ),
    Row("closed at the password", faults.cut_at(LOGIN), "connection_closed", CLOSED),
    Row("reset at the password", faults.cut_at(LOGIN, reset=True), "connection_closed", CLOSED),
    Row("closed in a query", faults.cut_at(FACTS), "connection_lost", WAIT),
    Row("reset in a query", faults.cut_at(FACTS, reset=True), "connection_lost", WAIT),
    Row("closed in the proof", faults.cut_at(PROOF), "connection_lost", WAIT, step="usable"),
    Row("silent in a query", faults.stall_at(FACTS), "query_timeout", ("frozen, overloaded", "restart it")),
    Row("silent in the proof", faults.stall_at(PROOF), "query_timeout", ("frozen, overloaded",), step="usable"),
]


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> Iterator[Database]:
    """One for all: what goes wrong on the way does nothing to it."""
    server.create_database("behind_the_door")
    server.execute("CREATE EXTENSION vector", database="behind_the_door")
    url = server.connection_string(database="behind_the_door")
    yield Database(server, "behind_the_door", url, "postgres", url)
    server.drop_database("behind_the_door")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_it_is_told_and_found_mended(row: Row, database: Database) -> None:
    async with door(database.server.port, row.manner or faults.pass_through) as way:
        if row.manner is None:
            await way.shut()

        timeouts, deadline = (TIMEOUTS, DEADLINE_SECONDS) if row.code.endswith("timeout") else ({}, 4.0)
        async with running(through(way, database, **row.parameters), **timeouts) as service:
            answer = await service.database()
            error_in(answer, row.code, row.step, *row.words, sqlstate=row.sqlstate, within_seconds=deadline)
            way.manner = faults.pass_through
            if row.manner is None:
                await way.open()
            if row.parameters.get("sslmode") != "require":  # this server has no TLS
                await service.until(None)
            else:
                await service.until("tls_not_supported")


async def test_dropped_packets_are_a_timeout_that_blames_the_firewall(database: Database) -> None:
    async with door(database.server.port) as way, AsyncExitStack() as services:
        await way.shut()
        with faults.black_hole(way.port):
            url = through(way, database)

            service = await services.enter_async_context(running(url, **TIMEOUTS))
            answer = await service.database()

            words = ("nothing answered at all", "firewall", "allowed addresses")
            error_in(answer, "connect_timeout", "connected", *words, within_seconds=DEADLINE_SECONDS)

        await way.open()
        await service.until(None)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_held_connection_that_was_cut_between_two_probes_is_replaced_and_nobody_notices(
    database: Database, caplog: pytest.LogCaptureFixture, *, reset: bool
) -> None:
    async with (
        door(database.server.port) as way,
        running(through(way, database)) as service,
    ):
        await service.until(None)

        await way.cut(reset=reset)
        answers = [await service.database()]
        while answers[-1].json()["observed_at"] == answers[0].json()["observed_at"]:
            await asyncio.sleep(0.05)
            answers.append(await service.database())

        assert {answer.status_code for answer in answers} == {200}
        assert "probe_failed" not in caplog.text


async def test_a_path_that_falls_silent_under_a_held_connection_is_told_and_found_mended(
    database: Database,
) -> None:
    async with (
        door(database.server.port) as way,
        running(through(way, database), **TIMEOUTS) as service,
    ):
        await service.until(None)

        way.freeze()
        answer = await service.until("query_timeout")
        await service.until(None)

        error_in(answer, "query_timeout", "connected", "did not answer a tiny query", within_seconds=DEADLINE_SECONDS)


async def test_a_slow_path_is_a_warning(database: Database) -> None:
    async with door(database.server.port) as way:
        way.delay_seconds = 0.02

        async with running(through(way, database), slow_query_seconds=0.015) as service:
            answer = await service.database()

        warning_in(answer, "slow", "usable")


async def test_a_public_host_without_tls_is_a_warning(database: Database) -> None:
    async with door(database.server.port) as way:
        url = through(way, database, **RAILWAY)

        async with running(url) as service:
            answer = await service.database()

        warning_in(answer, "tls_off", "connected")
        assert answer.json()["target"]["provider"] == "railway-proxy"


def through(way: Door, database: Database, *, host: str = "127.0.0.1", **parameters: str) -> str:
    server = database.server
    return server.connection_string(database=database.name, host=host, port=way.port, **parameters)
