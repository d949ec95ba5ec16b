"""The order in which a crowd is served, and deadlines by a clock that is late."""

import asyncio
import socket
import time

import pytest
from fastapi import APIRouter, Request

from pgvector_ready.server.alarm import Alarm
from pgvector_ready.server.budget import Budget
from pgvector_ready.server.limits import Limits
from pgvector_ready.server.turns import Turns, beginnings
from tests.conftest import Database
from tests.support.service import DATABASE, HEALTH, running

router = APIRouter()


@router.post("/length")
async def length(request: Request) -> int:
    return len(await request.body())


_HASTY = Limits(head_seconds=0.3, body_seconds=0.3, linger_seconds=0.3)


async def test_without_a_crowd_nobody_waits() -> None:
    turns, begun = Turns(), list[int]()

    for number in range(4):
        turns.take(lambda number=number: begun.append(number))  # type: ignore[misc]

    assert begun == [0, 1, 2, 3]


async def test_a_crowd_begins_a_few_in_each_turn_of_the_loop_and_in_order() -> None:
    turns, begun, seen = Turns(), list[int](), list[int]()

    for number in range(20):
        turns.take(lambda number=number: begun.append(number))  # type: ignore[misc]
    while turns.waiting:
        seen.append(len(begun))
        await asyncio.sleep(0)

    assert seen == [4, 8, 12, 16]
    assert begun == list(range(20))


async def test_one_that_breaks_keeps_nobody_from_a_turn() -> None:
    turns, begun = Turns(), list[str]()
    complaints = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["exception"]))
    for _ in range(4):
        turns.take(lambda: None)

    turns.take(lambda: 1 // 0)  # type: ignore[arg-type]
    turns.take(lambda: begun.append("next"))
    while turns.waiting:
        await asyncio.sleep(0)

    assert begun == ["next"]
    assert [type(complaint) for complaint in complaints] == [ZeroDivisionError]


def test_a_poll_is_known_by_how_it_begins() -> None:
    polls = beginnings({HEALTH, DATABASE})

    for begins in (f"GET {HEALTH} HTTP/1.1", f"HEAD {DATABASE}?strict=true HTTP/1.1"):
        assert begins.encode().startswith(polls)
    for begins in ("GET / HTTP/1.1", f"GET {HEALTH}/badge.svg HTTP/1.1", f"POST {HEALTH} HTTP/1.1", f"GET {HEALTH}x"):
        assert not begins.encode().startswith(polls)


class Kept:
    def __init__(self) -> None:
        self.has_given_up = False

    def give_up(self) -> None:
        self.has_given_up = True


def test_beyond_the_budget_those_without_progress_give_way_first() -> None:
    budget, (first, second, third) = Budget(100), (Kept(), Kept(), Kept())

    budget.hold(first, 40)
    budget.hold(second, 40)
    budget.hold(first, 45)  # it has moved
    budget.hold(third, 50)

    assert [one.has_given_up for one in (first, second, third)] == [False, True, False]
    assert budget.total_bytes == 95


def test_a_single_one_may_hold_more_than_the_budget() -> None:
    budget, only = Budget(100), Kept()

    budget.hold(only, 1_000)
    before = budget.total_bytes
    budget.hold(only, 0)

    assert not only.has_given_up
    assert (before, budget.total_bytes) == (1_000, 0)


async def test_what_a_loop_was_late_by_is_granted_once_more() -> None:
    """A deadline that passed while nothing could be read is no fault of who was waited for."""
    loop = asyncio.get_running_loop()
    alarm, rung = Alarm(loop), asyncio.Event()
    alarm.set(0.1, rung.set)

    time.sleep(0.6)  # noqa: ASYNC251 - the loop is held up
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    was_spared = not rung.is_set()
    await asyncio.wait_for(rung.wait(), 30)

    assert was_spared
    assert alarm.due_at is None


REQUESTS = {
    "a head in pieces": (f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\nX: ".encode(), b"x" * 30_000 + b"\r\n\r\n", b" 200 "),
    "a body in pieces": (
        b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"x" * 100_000,
        b"100000",
    ),
}


@pytest.mark.parametrize(("begins", "rest", "expected"), REQUESTS.values(), ids=REQUESTS)
async def test_a_client_is_not_blamed_for_a_loop_that_was_late(
    database: Database, begins: bytes, rest: bytes, expected: bytes
) -> None:
    """All that it sends is there in time, and takes several turns of the loop to read."""
    async with running(database.url, limits=_HASTY, routers=[router]) as service:
        await service.until_latched()
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as client:
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            await loop.sock_sendall(client, begins)
            await asyncio.sleep(0.05)
            sent = client.send(rest)
            time.sleep(3 * _HASTY.head_seconds)  # noqa: ASYNC251 - the loop is held up
            await loop.sock_sendall(client, rest[sent:])
            async with asyncio.timeout(30):
                answer = await loop.sock_recv(client, 65536)

    assert expected in answer
