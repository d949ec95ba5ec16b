"""A timer for a client's deadline, which grants more time where the event loop itself was late."""

import asyncio
from collections.abc import Callable
from typing import Any

# Timers are off by milliseconds. Beyond this the loop was held up, and what was sent meanwhile is still to be read.
_LATE_SECONDS = 0.25


class Alarm:
    """Makes one call later, unless it is stopped; where the event loop was late, it waits as long once more."""

    __slots__ = ("_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` after so many seconds, in place of what was set before."""
        self.stop()
        self._handle = self._loop.call_later(seconds, self._ring, self._loop.time() + seconds, act, arguments)

    def stop(self) -> None:
        """Call nothing."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    @property
    def due_at(self) -> float | None:
        """The moment, by the event loop's clock; None while nothing is set."""
        return self._handle.when() if self._handle else None

    def _ring(self, due_at: float, act: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        late_seconds = self._loop.time() - due_at
        if late_seconds > _LATE_SECONDS:
            self.set(late_seconds, act, *arguments)
        else:
            self._handle = None
            act(*arguments)
