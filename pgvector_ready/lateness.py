"""Notices when the event loop did not run: the process was stopped, the machine slept, or a callback held it up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from pgvector_ready.clock import moment

_T = TypeVar("_T")

# How often the loop is looked at, and how late it must have been to count: less is an ordinary busy machine.
_LOOKED_AT_EVERY_SECONDS = 0.1
_LATE_SECONDS = 0.25


class Lateness:
    """Watches the running loop for the length of a `with` block; `seconds` is how long it did not run."""

    def __init__(self, now: Callable[[], float] = moment) -> None:
        self.seconds = 0.0
        self._now = now
        self._expected_at = 0.0
        self._next: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._expect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._next:
            self._next.cancel()
        self._look()

    @property
    def is_late(self) -> bool:
        """True where a deadline may have passed while this process did not run."""
        return self.seconds > 0

    def _expect(self) -> None:
        self._expected_at = self._now() + _LOOKED_AT_EVERY_SECONDS
        self._next = asyncio.get_running_loop().call_later(_LOOKED_AT_EVERY_SECONDS, self._again)

    def _again(self) -> None:
        self._look()
        self._expect()

    def _look(self) -> None:
        late = self._now() - self._expected_at
        if late > _LATE_SECONDS:
            self.seconds += late


async def again_if_late(work: Callable[[], Awaitable[_T]]) -> _T:
    """Return what `work` returns; if its time ran out while the loop did not run, call it a second time."""
    with Lateness() as lateness:
        try:
            return await work()
        except TimeoutError:
            if not lateness.is_late:
                raise
    return await work()
