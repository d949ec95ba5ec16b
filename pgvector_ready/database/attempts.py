"""Attempts that may all fall silent, and the one that answers."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar

from pgvector_ready.database.link import Link

_T = TypeVar("_T")


async def at(moment: float, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Begin the work at this moment of the event loop's clock, and return its result."""
    await asyncio.sleep(moment - asyncio.get_running_loop().time())
    return await work()


async def first_answer(begin: Callable[[], Coroutine[Any, Any, Link]], again_after_seconds: float | None) -> Link:
    """Return the first answer of several attempts; another one begins whenever all have been silent for so long."""
    attempts: set[asyncio.Task[Link]] = set()
    answered: set[asyncio.Task[Link]] = set()
    try:
        while not answered:
            attempts.add(asyncio.create_task(begin()))
            answered, _ = await asyncio.wait(attempts, timeout=again_after_seconds, return_when=asyncio.FIRST_COMPLETED)
        first = answered.pop()
        attempts.remove(first)
        return first.result()
    finally:
        await _abandon(attempts)


async def _abandon(attempts: Collection[asyncio.Task[Link]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, Link):
            outcome.terminate()
