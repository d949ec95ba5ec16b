"""Deadlines that pass while nobody looks: a stopped process, a callback that holds all up, a sleeping machine."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pgvector_ready.database import Database as Connector
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.failures import Code
from pgvector_ready.lateness import Lateness, again_if_late
from pgvector_ready.observation.observer import Observer
from tests.conftest import Database
from tests.support.faults import door, pass_through, stall_at
from tests.support.service import DATABASE, service_process


async def test_a_loop_that_runs_is_not_late() -> None:
    with Lateness() as watch:
        await asyncio.sleep(0.3)

    assert not watch.is_late


@pytest.mark.parametrize("before", [0.0, 0.25])
async def test_a_loop_that_is_held_up_is_late_by_so_much(before: float) -> None:
    with Lateness() as watch:
        await asyncio.sleep(before)
        time.sleep(0.6)  # noqa: ASYNC251 - this is what it is about
        await asyncio.sleep(0.15)

    assert 0.3 < watch.seconds < 1.5


async def test_a_machine_that_slept_is_late_though_the_loop_knows_nothing_of_it() -> None:
    asleep = 0.0
    with Lateness(lambda: time.monotonic() + asleep) as watch:
        asleep = 3600.0
        await asyncio.sleep(0.15)

    assert watch.seconds == pytest.approx(3600, abs=1)


async def test_what_ran_out_of_time_meanwhile_is_done_once_more() -> None:
    tries: list[int] = []

    async def work() -> str:
        tries.append(1)
        async with asyncio.timeout(0.5):
            if len(tries) == 1:
                time.sleep(0.9)  # noqa: ASYNC251 - as above
            await asyncio.sleep(0)
            await asyncio.sleep(0.1)
        return "done"

    assert await again_if_late(work) == "done"
    assert len(tries) == 2


async def test_what_ran_out_of_time_by_itself_is_not() -> None:
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        async with asyncio.timeout(0.2):
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await again_if_late(work)
    assert len(tries) == 1


FACTS, LOGIN = b"pg_available_extensions", b"SCRAM-SHA-256"


@pytest.mark.parametrize("words", [FACTS, LOGIN])
async def test_a_database_is_not_blamed_for_a_loop_that_was_held_up(
    words: bytes, database_with_vector: Database
) -> None:
    """The answer was there all the time, or would have been: the way is silent only while nobody could have read."""
    async with door(database_with_vector.server.port, stall_at(words)) as way:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=way.port)
        observer = Observer(Connector(parse(url), 1.0), 0.5)
        asking = asyncio.create_task(observer.observe())
        while not way.visits:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)

        way.manner = pass_through
        time.sleep(2.5)  # noqa: ASYNC251 - as above
        facts = await asking
        observer.release()

    assert facts.failure is None


async def test_a_silent_database_is_blamed_all_the_same(database_with_vector: Database) -> None:
    async with door(database_with_vector.server.port, stall_at(FACTS)) as way:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=way.port)
        observer = Observer(Connector(parse(url), 1.0), 0.5)
        asking = asyncio.create_task(observer.observe())
        while not way.visits:
            await asyncio.sleep(0.005)
        time.sleep(2.0)  # noqa: ASYNC251 - as above
        began = time.monotonic()
        facts = await asking
        observer.release()

    assert facts.failure is not None
    assert facts.failure.code in {Code.QUERY_TIMEOUT, Code.CONNECT_TIMEOUT}  # whichever phase the second time was in
    assert time.monotonic() - began < 4


async def test_a_connection_that_a_machine_slept_over_is_not_asked(database_with_vector: Database) -> None:
    """Its timers slept too; the server, or a firewall between, has long forgotten the session."""
    asleep = 0.0
    observer = Observer(Connector(parse(database_with_vector.url), 3.0), 1.0, now=lambda: time.monotonic() + asleep)
    await observer.observe()
    (first,) = database_with_vector.server.backends(database_with_vector.name)
    await observer.observe()
    assert database_with_vector.server.backends(database_with_vector.name) == [first]

    asleep = 40.0
    facts = await observer.observe()

    (second,) = set(database_with_vector.server.backends(database_with_vector.name)) - {first}
    assert facts.failure is None
    assert second != first
    observer.release()


async def test_a_process_that_was_stopped_asks_again(database_with_vector: Database, tmp_path: Path) -> None:
    """Ctrl-Z, a debugger, a paused container: SIGSTOP for longer than every deadline, in the middle of a probe."""
    async with door(database_with_vector.server.port) as way:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=way.port)
        with service_process(tmp_path / "log", DATABASE_URL=url) as service:
            assert service.process is not None
            await asyncio.to_thread(service.wait_for, 200)
            await asyncio.sleep(2.1)  # what is known is too old from now on: the next poll is a probe

            way.freeze()
            polling = asyncio.create_task(asyncio.to_thread(service.get, DATABASE))
            await until(lambda: bool(way.held))
            os.kill(service.process.pid, signal.SIGSTOP)
            way.thaw()
            await asyncio.sleep(6)
            os.kill(service.process.pid, signal.SIGCONT)
            answer = await polling
            codes = [event.get("code") for event in service.events()]

    assert answer is not None
    assert answer.status_code == 200, answer.text
    assert codes.count("query_timeout") + codes.count("connect_timeout") == 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)
