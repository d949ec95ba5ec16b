"""A silent path comes back: whoever waits for an answer already is given a good one, and nothing of the wait stays."""

import asyncio

import pytest

from pgvector_ready.database import Database as Connector
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.failures import Code
from pgvector_ready.observation.observer import Observer
from tests.conftest import Database
from tests.support.bad_ways import held_by
from tests.support.faults import Door, Manner, door, pass_through, say, say_nothing, stall_after

# Longer than any test may take: what succeeds has not waited for it.
_NEVER_SECONDS = 600.0

_SILENT = [
    pytest.param(say_nothing, id="accepted and then silent"),
    pytest.param(say(b"S", first=False), id="stalled TLS"),
    pytest.param(stall_after(1), id="stalled login"),
]


def connector(database: Database, way: Door, connect_seconds: float, again_seconds: float) -> Connector:
    url = database.server.connection_string(database=database.name, port=way.port)
    return Connector(parse(url), connect_seconds, asked_again_after_seconds=again_seconds)


@pytest.mark.parametrize("manner", _SILENT)
async def test_a_probe_that_waits_sees_the_path_come_back(database_with_vector: Database, manner: Manner) -> None:
    """What it asked first stays without an answer for ever."""
    async with door(database_with_vector.server.port, manner) as way:
        observer = Observer(connector(database_with_vector, way, _NEVER_SECONDS, 0.1), query_timeout_seconds=1)
        probe = asyncio.create_task(observer.observe())
        while not way.visits:
            await asyncio.sleep(0.01)
        way.manner = pass_through

        facts = await probe
        observer.release()

    assert facts.failure is None


@pytest.mark.parametrize(("is_probe", "is_patient"), [(True, False), (False, True)], ids=["probe", "engine"])
async def test_only_a_probe_asks_again(database_with_vector: Database, *, is_probe: bool, is_patient: bool) -> None:
    """The application's own connections cost a server that is slow no more than they must."""
    async with door(database_with_vector.server.port, say_nothing) as way:
        with pytest.raises(TimeoutError):
            await connector(database_with_vector, way, 1, 0.1).connect(is_probe=is_probe)
        visits = way.visits

    # One attempt, and two connections that ask who is there: for TLS, and without it.
    assert (visits == 3) is is_patient, visits
    assert visits >= 3


@pytest.mark.parametrize("manner", _SILENT)
async def test_what_was_asked_in_vain_leaves_nothing_behind(database_with_vector: Database, manner: Manner) -> None:
    async with door(database_with_vector.server.port, manner) as way:
        observer = Observer(connector(database_with_vector, way, 0.2, 0.05), query_timeout_seconds=0.1)
        held = []
        for number in range(20):
            facts = await observer.observe()
            assert facts.failure is not None
            assert facts.failure.code is Code.CONNECT_TIMEOUT, facts.failure
            if number % 10 == 9:
                await way.cut()  # what the way itself holds is the test's
                held.append(held_by(sessions=0))

    assert all(after <= before + 8 for before, after in zip(held[0].here, held[-1].here, strict=True)), held
