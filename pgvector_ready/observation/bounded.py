"""Work on a connection that ends in time, whatever the server does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pgvector_ready.database import Link

_T = TypeVar("_T")

# What is left to the driver to notice that its socket is gone; a mistake of its own must not make it longer.
_FAREWELL_SECONDS = 0.1


async def bounded(link: Link, work: Coroutine[Any, Any, _T], deadline: float) -> _T:
    """Return what `work` returns; after the deadline, by the loop's clock, end the connection and raise TimeoutError.

    asyncpg's own timeouts and a cancellation ask the frozen server for help; ending the socket does not.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0.0, deadline - loop.time()))
    except asyncio.CancelledError:
        link.terminate()
        task.add_done_callback(take_outcome)
        raise
    if not done:
        link.terminate()
        await asyncio.wait({task}, timeout=_FAREWELL_SECONDS)  # ends at once: its socket is gone
        task.add_done_callback(take_outcome)
        task.cancel()
        raise TimeoutError
    return task.result()


def take_outcome(task: asyncio.Task[Any]) -> None:
    """Take the outcome that nobody waits for any more, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
