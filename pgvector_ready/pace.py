"""Bounds how many log lines are written in a second, and counts those that were left out."""

import logging
from collections import Counter
from http import HTTPStatus

# A second of these shows what there is to see. Whoever asks ten thousand times for a failure writes no more.
ALIKE_LINES = 100
# Of all kinds; also of an application's own successful requests, each of which is worth a line until then.
ALL_LINES = 1_000


class Pace:
    """Counts within a second of the clock; lines are alike that have the logger, level, event and status in common."""

    def __init__(self) -> None:
        self._second = 0
        self._alike: Counter[tuple[object, ...]] = Counter()
        self._all = 0
        self._left_out = 0

    def admits(self, record: logging.LogRecord) -> bool:
        """Count this record; return whether it may be written."""
        second = int(record.created)
        if second != self._second:
            self._second, self._all = second, 0
            self._alike.clear()
        status = getattr(record, "status", None)
        is_served = (
            str(record.msg).startswith("request:") and isinstance(status, int) and status < HTTPStatus.BAD_REQUEST
        )
        kind = (record.name, record.levelno, str(record.msg), status)
        if self._all >= ALL_LINES or (self._alike[kind] >= ALIKE_LINES and not is_served):
            self._left_out += 1
            return False
        self._alike[kind] += 1
        self._all += 1
        return True

    def take_left_out(self, now: float | None = None) -> int:
        """Return how many lines were left out in the seconds before `now`, each once; without it, up to this moment."""
        if now is not None and int(now) == self._second:
            return 0
        left_out, self._left_out = self._left_out, 0
        return left_out
