"""A bound on the sum of what is kept in memory for clients, over all connections of a server."""

from typing import Protocol


class Holder(Protocol):
    """A connection that something is kept for."""

    def give_up(self) -> None:
        """Close at once, and let go of everything."""


class Budget:
    """Bytes of requests that are not answered yet, and of answers that are not taken yet.

    Beyond the limit those give way that have made no progress for the longest time; never the one that came last, so
    that a single large answer is no offence.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        # In the order of their last progress.
        self._held: dict[Holder, int] = {}
        self.total_bytes = 0

    def hold(self, holder: Holder, number: int) -> None:
        """Keep this many bytes for a connection from now on, in place of what it had before."""
        self.total_bytes += number - self._held.pop(holder, 0)
        if number:
            self._held[holder] = number
        while self.total_bytes > self._limit_bytes and len(self._held) > 1:
            slowest = next(iter(self._held))
            self.total_bytes -= self._held.pop(slowest)
            slowest.give_up()
