"""Decides who is served next: a poll at once, everything else a few at a time."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

# How many connections or requests that are no polls are begun in one turn of the event loop. Each takes up to a
# millisecond. Between two turns the loop looks at its sockets, so that a poll waits for about this many of them,
# however large the crowd is.
_AT_ONCE = 4
# One more for each of so many that wait, lest they wait for ever.
_HASTE = 256


class Turns:
    """Bounds how many begin together, and so how long the event loop is away.

    A bound on requests under way would let a few slow ones lock out the rest. Without a crowd nobody waits.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._left = _AT_ONCE
        self._is_counting = False

    @property
    def waiting(self) -> int:
        """The number of those that wait."""
        return len(self._waiting)

    def take(self, begin: Callable[[], None]) -> None:
        """Call `begin`: now, or when it is its turn."""
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._next)
        if self._left and not self._waiting:
            self._left -= 1
            begin()
        else:
            self._waiting.append(begin)

    def _next(self) -> None:
        """Once in every turn of the loop, for as long as somebody comes."""
        self._left = _AT_ONCE + len(self._waiting) // _HASTE
        self._is_counting = bool(self._waiting)
        if self._is_counting:
            asyncio.get_running_loop().call_soon(self._next)
        while self._waiting and self._left:
            self._left -= 1
            self._waiting.popleft()()

    def take_all(self) -> None:
        """Let nobody wait any longer: the process is about to end."""
        while self._waiting:
            self._waiting.popleft()()


def beginnings(paths: Iterable[str]) -> tuple[bytes, ...]:
    """Return the ways in which a poll of one of these paths begins."""
    return tuple(
        f"{method} {path}{end}".encode() for method in ("GET", "HEAD") for path in sorted(paths) for end in (" ", "?")
    )
