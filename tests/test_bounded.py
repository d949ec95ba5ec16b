"""Hundreds of pollers against a database that has gone bad: every answer in time, and nothing that piles up."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.database import Database
from app.dsn import parse
from app.failures import Code
from app.observer import Observer
from app.readiness import FAILING_FOR_SECONDS
from tests.faults import (
    Door,
    Manner,
    black_hole,
    close_at_once,
    cut_at,
    door,
    pass_through,
    reset_at_once,
    say,
    say_nothing,
    stall_after,
    stall_at,
)
from tests.pollers import Poll, poll, poll_steadily, poll_together
from tests.postgres import PostgresServer
from tests.service import DATABASE, HEALTH, ServiceProcess, service_process

_POLLERS = 500
_CONNECT_SECONDS, _QUERY_SECONDS = 1.0, 0.5
# Measured, it is the deadline and a fifth of a second. These limits only catch a hang: machines are noisy.
_SLOWEST_SECONDS = _CONNECT_SECONDS + _QUERY_SECONDS + 3.0
_SLOWEST_LIVENESS_SECONDS = 3.0
_RECOVERED_SECONDS = 10.0
_QUERY = b"COPY"

_PROBES = 10_000
_SESSIONS = 80  # of the server's 100; a hundred and more probes a second, each session abandoned for a tenth of one


@pytest.fixture(scope="module")
def broken_server() -> Iterator[PostgresServer]:
    """A server of this module's own, since every test breaks it."""
    with PostgresServer() as server:
        server.create_database("app")
        yield server


@dataclass(frozen=True, slots=True)
class Scene:
    """A service that has been ready once, and the way to its database."""

    service: ServiceProcess
    server: PostgresServer
    way: Door

    async def until(self, status: int, seconds: float) -> Poll:
        """Poll until the database's endpoint answers so."""
        async with asyncio.timeout(seconds):
            while (answer := await poll(self.service.url, DATABASE)).status != status:
                await asyncio.sleep(0.02)
        return answer


@asynccontextmanager
async def _scene(server: PostgresServer, log: Path) -> AsyncIterator[Scene]:
    async with door(server.port) as way:
        url = server.connection_string(database="app", port=way.port)
        times = {"CONNECT_TIMEOUT_SECONDS": str(_CONNECT_SECONDS), "QUERY_TIMEOUT_SECONDS": str(_QUERY_SECONDS)}
        with service_process(log, DATABASE_URL=url, **times) as service:
            await asyncio.to_thread(service.wait_for, 200)
            yield Scene(service, server, way)
            assert await asyncio.to_thread(service.end) == 0


async def _poll_hard(scene: Scene) -> tuple[list[Poll], list[Poll]]:
    """The database's endpoint by hundreds at once, and liveness one by one meanwhile."""
    await asyncio.sleep(FAILING_FOR_SECONDS)  # or they would all be given the answer that is remembered
    is_over = asyncio.Event()
    liveness = asyncio.create_task(poll_steadily(scene.service.url, HEALTH, is_over))
    polls = await poll_together(scene.service.url, DATABASE, _POLLERS)
    is_over.set()
    return polls, await liveness


def _assert_bounded(polls: list[Poll], liveness: list[Poll], code: Code) -> None:
    assert {one.status for one in polls} == {503}
    assert {one.code for one in polls} == {code}
    assert max(one.seconds for one in polls) < _SLOWEST_SECONDS
    assert {one.status for one in liveness} == {200}
    assert max(one.seconds for one in liveness) < _SLOWEST_LIVENESS_SECONDS


_MANNERS = [
    pytest.param(say_nothing, Code.CONNECT_TIMEOUT, id="accepted and then silent"),
    pytest.param(say(b"S", first=False), Code.CONNECT_TIMEOUT, id="stalled TLS"),
    pytest.param(stall_after(1), Code.CONNECT_TIMEOUT, id="stalled login"),
    pytest.param(stall_at(_QUERY), Code.QUERY_TIMEOUT, id="frozen in the middle of a query"),
    pytest.param(close_at_once, Code.CONNECTION_CLOSED, id="accepted and closed"),
    pytest.param(reset_at_once, Code.CONNECTION_CLOSED, id="accepted and reset"),
    pytest.param(cut_at(_QUERY), Code.CONNECTION_LOST, id="cut by FIN in the middle of a query"),
    pytest.param(cut_at(_QUERY, reset=True), Code.CONNECTION_LOST, id="cut by RST in the middle of a query"),
]


@pytest.mark.parametrize(("manner", "code"), _MANNERS)
async def test_pollers_behind_a_bad_way(
    broken_server: PostgresServer, tmp_path: Path, manner: Manner, code: Code
) -> None:
    async with _scene(broken_server, tmp_path / "log") as scene:
        scene.way.manner = manner
        await scene.way.cut()
        await scene.until(503, _SLOWEST_SECONDS)

        before = scene.way.visits
        polls, liveness = await _poll_hard(scene)
        visits = scene.way.visits - before
        scene.way.manner = pass_through
        await scene.until(200, _RECOVERED_SECONDS)

    _assert_bounded(polls, liveness, code)
    # One probe at a time, two at most in so short a time, and each with one more connection that asks who answers.
    assert visits <= 4


async def test_pollers_before_a_black_hole(broken_server: PostgresServer, tmp_path: Path) -> None:
    async with _scene(broken_server, tmp_path / "log") as scene:
        await scene.way.shut()
        with black_hole(scene.way.port):
            await scene.until(503, _SLOWEST_SECONDS)
            polls, liveness = await _poll_hard(scene)
        await scene.way.open()
        await scene.until(200, _RECOVERED_SECONDS)

    _assert_bounded(polls, liveness, Code.CONNECT_TIMEOUT)


async def test_pollers_before_a_frozen_server(broken_server: PostgresServer, tmp_path: Path) -> None:
    """Postmaster and sessions alike: the kernel still accepts, and nobody is there."""
    async with _scene(broken_server, tmp_path / "log") as scene:
        with broken_server.frozen():
            held = await scene.until(503, _SLOWEST_SECONDS)
            polls, liveness = await _poll_hard(scene)
        await scene.until(200, _RECOVERED_SECONDS)

    assert held.code == Code.QUERY_TIMEOUT
    _assert_bounded(polls, liveness, Code.CONNECT_TIMEOUT)


async def test_pollers_when_the_session_alone_is_frozen(broken_server: PostgresServer, tmp_path: Path) -> None:
    """One bad answer, in time; the next probe has a session of its own."""
    async with _scene(broken_server, tmp_path / "log") as scene:
        await scene.until(200, _RECOVERED_SECONDS)
        with broken_server.frozen(*broken_server.backends("app")):
            frozen = await scene.until(503, _SLOWEST_SECONDS)
            await scene.until(200, _RECOVERED_SECONDS)

    assert frozen.code == Code.QUERY_TIMEOUT
    assert frozen.seconds < _SLOWEST_SECONDS


@pytest.mark.timeout(300)
async def test_ten_thousand_probes_of_a_frozen_path_leave_nothing_behind(broken_server: PostgresServer) -> None:
    """Sockets, tasks and threads here, and sessions on the server: as many at the end as at the beginning."""
    async with door(broken_server.port, stall_at(_QUERY)) as way:
        url = broken_server.connection_string(database="app", port=way.port)
        database = Database(parse(url), 0.1, abandoned_after_seconds=0.1)
        observer = Observer(database, 0.001)

        held: list[tuple[int, int, int]] = []
        for number in range(1, _PROBES + 1):
            facts = await observer.observe()
            assert facts.failure is not None
            # Were the abandoned sessions not ended by the server, it would be too_many_connections before long.
            assert facts.failure.code in {Code.QUERY_TIMEOUT, Code.CONNECT_TIMEOUT}
            if number % 500 == 0:
                assert len(await asyncio.to_thread(broken_server.backends, "app")) < _SESSIONS
                await way.cut()  # what the way itself holds is the test's
                held.append(_held())
        observer.release()

    first, last = held[0], held[-1]
    assert all(after <= before + 8 for before, after in zip(first, last, strict=True)), held


def _held() -> tuple[int, int, int]:
    """Open files and sockets, tasks, and threads of this process."""
    return len(tuple(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks()), threading.active_count()
