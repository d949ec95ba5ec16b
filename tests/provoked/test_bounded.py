"""Hundreds of pollers against a database that has gone bad: every answer in time, and nothing that piles up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgvector_ready.judgement.failures import Code
from pgvector_ready.readiness.readiness import FAILING_FOR_SECONDS
from tests.support.bad_ways import BAD_WAYS, CONNECT_SECONDS, QUERY_SECONDS, Scene, probe_frozen_path, set_scene
from tests.support.faults import Manner, black_hole, pass_through
from tests.support.pollers import Poll, poll_steadily, poll_together
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH

_POLLERS = 500
# Measured, it is the deadline and a fifth of a second. These limits only catch a hang: machines are noisy.
_SLOWEST_SECONDS = CONNECT_SECONDS + QUERY_SECONDS + 3.0
_SLOWEST_LIVENESS_SECONDS = 3.0
_RECOVERED_SECONDS = 10.0

_PROBES = 1_000  # `make bench BENCH=flatness` makes a hundred thousand
_SESSIONS = 80  # of the server's 100; a hundred and more probes a second, each session abandoned for a tenth of one


@pytest.fixture(scope="module")
def broken_server() -> Iterator[PostgresServer]:
    """A server of this module's own, since every test breaks it."""
    with PostgresServer() as server:
        server.create_database("app")
        yield server


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


_MANNERS = [pytest.param(manner, code, id=name) for name, (manner, code) in BAD_WAYS.items()]


@pytest.mark.parametrize(("manner", "code"), _MANNERS)
async def test_pollers_behind_a_bad_way(
    broken_server: PostgresServer, tmp_path: Path, manner: Manner, code: Code
) -> None:
    async with set_scene(broken_server, tmp_path / "log") as scene:
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
    async with set_scene(broken_server, tmp_path / "log") as scene:
        await scene.way.shut()
        with black_hole(scene.way.port):
            await scene.until(503, _SLOWEST_SECONDS)
            polls, liveness = await _poll_hard(scene)
        await scene.way.open()
        await scene.until(200, _RECOVERED_SECONDS)

    _assert_bounded(polls, liveness, Code.CONNECT_TIMEOUT)


async def test_pollers_before_a_frozen_server(broken_server: PostgresServer, tmp_path: Path) -> None:
    """Postmaster and sessions alike: the kernel still accepts, and nobody is there."""
    async with set_scene(broken_server, tmp_path / "log") as scene:
        with broken_server.frozen():
            held = await scene.until(503, _SLOWEST_SECONDS)
            polls, liveness = await _poll_hard(scene)
        await scene.until(200, _RECOVERED_SECONDS)

    assert held.code == Code.QUERY_TIMEOUT
    _assert_bounded(polls, liveness, Code.CONNECT_TIMEOUT)


async def test_pollers_when_the_session_alone_is_frozen(broken_server: PostgresServer, tmp_path: Path) -> None:
    """One bad answer, in time; the next probe has a session of its own."""
    async with set_scene(broken_server, tmp_path / "log") as scene:
        await scene.until(200, _RECOVERED_SECONDS)
        with broken_server.frozen(*broken_server.backends("app")):
            frozen = await scene.until(503, _SLOWEST_SECONDS)
            await scene.until(200, _RECOVERED_SECONDS)

    assert frozen.code == Code.QUERY_TIMEOUT
    assert frozen.seconds < _SLOWEST_SECONDS


async def test_a_thousand_probes_of_a_frozen_path_leave_nothing_behind(broken_server: PostgresServer) -> None:
    """Sockets, tasks and threads here, and sessions on the server: as many at the end as at the beginning."""
    held = [one async for one in probe_frozen_path(broken_server, _PROBES)]

    assert max(one.sessions for one in held) < _SESSIONS
    assert all(after <= before + 8 for before, after in zip(held[0].here, held[-1].here, strict=True)), held
