"""A library that crashes the server: named after two crashes, and not asked again at a probe's rhythm."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from pgvector_ready.database.crashes import Crashes, Standing
from pgvector_ready.database.exceptions import Deed, ServerCrashesError
from pgvector_ready.judgement.failures import Code
from tests.conftest import Database
from tests.support.broken_library import break_library
from tests.support.faults import Visit, cut_at, door
from tests.support.postgres import PostgresServer, wait_until
from tests.support.service import Running, running
from tests.support.told import error_in

FRESH = Standing(started_ago=1e6, recovered_ago=1e6)


class Time:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def crash(crashes: Crashes, time: Time, deed: Deed = Deed.PROOF, *, failure: Code = Code.CONNECTION_LOST) -> None:
    crashes.begin(deed)
    crashes.end(deed, failure)
    time.now += 1
    crashes.settle(Standing(started_ago=1e6, recovered_ago=0.5))


def is_held(crashes: Crashes, deed: Deed = Deed.PROOF) -> bool:
    try:
        crashes.begin(deed)
    except ServerCrashesError:
        return True
    return False


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def crashes(clock: Time) -> Crashes:
    return Crashes(now=clock)


@pytest.mark.parametrize("failure", [Code.CONNECTION_LOST, Code.POOLER_ERROR, Code.QUERY_TIMEOUT])
def test_two_crashes_are_a_finding(crashes: Crashes, clock: Time, failure: Code) -> None:
    crash(crashes, clock, failure=failure)
    assert not is_held(crashes)

    crash(crashes, clock, failure=failure)

    with pytest.raises(ServerCrashesError) as found:
        crashes.begin(Deed.PROOF)
    assert (found.value.deed, found.value.times) == (Deed.PROOF, 2)
    assert not is_held(crashes, Deed.ENABLE)


def test_it_is_run_at_most_three_times_in_an_hour(crashes: Crashes, clock: Time) -> None:
    ran_at = []
    for _ in range(6 * 3600):
        clock.now += 1
        if not is_held(crashes):
            ran_at.append(clock.now)
            crash(crashes, clock)

    assert 4 <= len(ran_at) <= 9
    assert all(sum(start <= at < start + 3600 for at in ran_at) <= 3 for start in ran_at)


def test_a_restarted_server_is_asked_at_once_and_no_more_than_three_times(crashes: Crashes, clock: Time) -> None:
    for _ in range(2):
        crash(crashes, clock)
    assert is_held(crashes)

    crashes.settle(Standing(started_ago=0.1, recovered_ago=0.1))

    assert not is_held(crashes)
    crash(crashes, clock)
    crashes.settle(Standing(started_ago=0.1, recovered_ago=0.1))
    assert is_held(crashes)


def test_a_cut_network_is_no_crash(crashes: Crashes, clock: Time) -> None:
    for _ in range(50):
        crashes.begin(Deed.PROOF)
        crashes.end(Deed.PROOF, Code.CONNECTION_LOST)
        clock.now += 1
        crashes.settle(FRESH)
        assert not crashes.is_open

    crashes.settle(Standing(started_ago=1e6, recovered_ago=0.5))

    assert not is_held(crashes)


def test_a_backend_that_dies_slowly_is_waited_for(crashes: Crashes, clock: Time) -> None:
    """It writes its memory to disk first, and the server notices its death much later than we gave up."""
    for _ in range(2):
        crashes.begin(Deed.PROOF)
        crashes.end(Deed.PROOF, Code.QUERY_TIMEOUT)
        clock.now += 2
        crashes.settle(FRESH)
        assert crashes.needs_standing
        assert not crashes.is_open  # nobody waits for it

    clock.now += 10
    crashes.settle(Standing(started_ago=1e6, recovered_ago=1))

    assert is_held(crashes)


@pytest.mark.parametrize("failure", [Code.SERVER_SHUTDOWN, Code.STATEMENT_TIMEOUT, Code.PGVECTOR_LIBRARY_MISSING])
def test_whatever_the_server_says_of_an_end_is_no_crash(crashes: Crashes, clock: Time, failure: Code) -> None:
    for _ in range(3):
        crash(crashes, clock, failure=failure)

    assert not is_held(crashes)


def test_what_works_again_is_forgotten(crashes: Crashes, clock: Time) -> None:
    crash(crashes, clock)
    crash(crashes, clock)
    clock.now += 700

    crashes.begin(Deed.PROOF)
    crashes.end(Deed.PROOF)

    assert not crashes.needs_standing
    crash(crashes, clock)
    assert not is_held(crashes)


# On real servers.

ENABLED, NOT_ENABLED = "CREATE EXTENSION vector", "SELECT 1"


@contextmanager
def broken_server(symbol: str, before: str = ENABLED) -> Iterator[PostgresServer]:
    """A server with a database `app`, whose pgvector dies in this function."""
    folder = Path(tempfile.mkdtemp(prefix="pgvr-", dir="/tmp"))
    with PostgresServer() as server:
        server.create_database("app")
        server.execute(before, database="app")
        server.restart(**break_library(folder, symbol))
        yield server


def crashes_of(server: PostgresServer) -> int:
    return server.log.read_text().count("terminated by signal")


async def poll(service: Running, seconds: float) -> list[str | None]:
    """The codes, one after the other, that polls see."""
    seen: list[str | None] = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        code = await service.code()
        if not seen or seen[-1] != code:
            seen.append(code)
        await asyncio.sleep(0.1)
    return seen


@pytest.mark.parametrize(
    ("symbol", "before", "step", "words"),
    [
        ("_PG_init", ENABLED, "usable", "2 times the session was lost at the statement that calculates a distance"),
        (
            "_PG_init",
            NOT_ENABLED,
            "enabled",
            "session was lost at the statement that creates the extension",
        ),
        ("l2_distance", ENABLED, "usable", "calculates a distance"),
        ("hnswhandler", ENABLED, "usable", "makes a temporary table with a vector index"),
    ],
)
async def test_a_library_that_kills_its_server_is_named_and_not_asked_again(
    symbol: str, before: str, step: str, words: str
) -> None:
    with broken_server(symbol, before) as server:
        async with running(server.connection_string(database="app")) as service:
            answer = await service.until("pgvector_crashes_server")
            await poll(service, 2.5)
            again = await service.database()
            crashes = crashes_of(server)
            server.restart(dynamic_library_path=None)
            mended = await service.until(None)

    error_in(answer, "pgvector_crashes_server", step, words, "went through crash recovery", "pgvector/pgvector:pg18")
    assert again.json()["error"]["code"] == "pgvector_crashes_server"
    assert crashes == 2
    assert mended.json()["pgvector"]["state"] == "installed"


async def test_a_backend_that_is_killed_at_that_statement_is_the_same() -> None:
    """As by the kernel that has no memory left: SIGKILL for the backend that is asked for a distance."""
    kills = 0
    with PostgresServer() as server:
        server.create_database("app")
        server.execute("CREATE EXTENSION vector", database="app")

        async def kill(visit: Visit) -> None:
            nonlocal kills
            await visit.forward(until=b"[3,2,1]")
            assert visit.server is not None
            port = visit.server.get_extra_info("sockname")[1]
            found = "SELECT pid FROM pg_stat_activity WHERE client_port = %s"
            with suppress(psycopg.OperationalError):  # it is recovering already
                for (pid,) in await asyncio.to_thread(server.execute, found, port):
                    os.kill(pid, signal.SIGKILL)
                    kills += 1

        async with AsyncExitStack() as stack:
            way = await stack.enter_async_context(door(server.port, kill))
            url = server.connection_string(database="app", port=way.port)
            service = await stack.enter_async_context(running(url))
            answer = await service.until("pgvector_crashes_server")
            await poll(service, 2)

    error_in(answer, "pgvector_crashes_server", "usable", "9: no memory left")
    assert kills == 2


async def test_the_crash_of_somebody_else_is_not_ours() -> None:
    with PostgresServer() as server:
        server.create_database("app")
        server.execute("CREATE EXTENSION vector", database="app")
        async with running(server.connection_string(database="app")) as service:
            await service.until(None)
            seen: list[str | None] = []
            for _ in range(3):
                await service.until(None)
                with server.connect("app") as other, suppress(Exception):
                    pid = other.info.backend_pid
                    os.kill(pid, signal.SIGKILL)
                seen += await poll(service, 1.5)
            await service.until(None)

    assert "pgvector_crashes_server" not in seen


async def test_a_cut_in_the_proof_is_a_cut_still(database_with_vector: Database) -> None:
    async with door(database_with_vector.server.port, cut_at(b"[3,2,1]")) as way:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=way.port)
        async with running(url) as service:
            seen = await poll(service, 2.5)

    assert set(seen) == {"connection_lost"}


@pytest.mark.parametrize(("before", "arguments"), [(ENABLED, ()), (NOT_ENABLED, ("--enable",))])
def test_a_command_crashes_it_once_and_says_so(before: str, arguments: tuple[str, ...]) -> None:
    with broken_server("_PG_init", before) as server:
        command = [sys.executable, "-m", "pgvector_ready", "check", "--format", "json", *arguments]
        environment = {"PATH": os.environ["PATH"], "DATABASE_URL": server.connection_string(database="app")}
        check = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
        wait_until(lambda: crashes_of(server))
        crashes = crashes_of(server)

    assert check.returncode == 1, check.stderr
    error = json.loads(check.stdout)["error"]
    assert error["code"] == "pgvector_crashes_server"
    assert error["message"].startswith("The session was lost at the statement that")
    assert crashes == 1
