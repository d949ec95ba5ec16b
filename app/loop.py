"""The event loop of every command: its end waits for nothing."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own, whose end does not wait for a name server that never answers."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's
        """Leave the threads behind; the process is about to end."""


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """As asyncio.run, on this loop."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
