"""Statements after which the server crashed: recognised, counted, and not repeated at a probe's rhythm."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from pgvector_ready.clock import moment
from pgvector_ready.database.errors import classify
from pgvector_ready.database.exceptions import Deed, ServerCrashesError
from pgvector_ready.judgement.failures import Code, Step

_HOUR_SECONDS = 3600.0
# After the second crash, and after every later one. A restart of the server is worth one more try at once.
_SHORT_PAUSE_SECONDS, _LONG_PAUSE_SECONDS = 600.0, 3600.0
# A session that was cut may be asked about at once, a backend that dies is noticed by its server within milliseconds.
_NOTICED_SECONDS = 0.5
# A backend that writes its memory to disk while it dies is silent until it has done so.
_DYING_SECONDS = 60.0


# Ends of a session in which the server has said nothing of why. A pooler has a word of its own for it.
CUT = frozenset({Code.CONNECTION_LOST, Code.POOLER_ERROR})
SILENT = frozenset({Code.QUERY_TIMEOUT})


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when the server runs, and since when without a crash, in seconds before it was asked."""

    started_ago: float
    recovered_ago: float


@dataclass(frozen=True, slots=True)
class _Loss:
    deed: Deed
    begun_at: float
    lost_at: float
    is_silent: bool


@dataclass(slots=True)
class Crashes:
    """The crashes that statements of this process have caused; those of other sessions are not counted.

    A server shows afterwards when it last recovered (`pgvector.standing`), which tells a crash from a cut network.
    """

    # So many make sure that it is no coincidence.
    certain_after: int = 2
    most_in_an_hour: int = 3
    now: Callable[[], float] = moment
    _begun_at: float = 0.0
    _losses: list[_Loss] = field(default_factory=list)
    _crashes: list[tuple[Deed, float]] = field(default_factory=list)
    _started_at: float = 0.0

    @classmethod
    def of_a_command(cls) -> Self:
        """Return one for a command, which tries once and counts the first crash as certain."""
        return cls(certain_after=1, most_in_an_hour=1)

    def begin(self, deed: Deed) -> None:
        """Note that the statement is about to run. Raises ServerCrashesError if it crashed the server too often."""
        times, last = self._times(deed)
        if times and self._is_held(times, last):
            raise ServerCrashesError(deed, times)
        self._begun_at = self.now()

    @contextmanager
    def watching(self, deed: Deed) -> Iterator[None]:
        """Run the block between `begin` and `end`. Raises ServerCrashesError where it crashed the server too often."""
        self.begin(deed)
        try:
            yield
        except Exception as error:
            self.end(deed, classify(error, Step.USABLE)[0])
            raise
        self.end(deed)

    def end(self, deed: Deed, failure: Code | None = None) -> None:
        """Note how the statement that was begun last has ended; None is success."""
        now = self.now()
        if failure in CUT | SILENT:
            self._losses.append(_Loss(deed, self._begun_at, now, is_silent=failure in SILENT))
        elif failure is None:
            self._losses = [loss for loss in self._losses if loss.deed is not deed]
            self._crashes = [crash for crash in self._crashes if crash[0] is not deed]

    @property
    def is_open(self) -> bool:
        """True while a session was cut and nobody knows yet whether a crash was the reason."""
        return any(not loss.is_silent for loss in self._losses)

    @property
    def has_any(self) -> bool:
        """True once the server has crashed."""
        return bool(self._crashes)

    @property
    def needs_standing(self) -> bool:
        """True while the next session must call `settle` before it begins anything else."""
        return bool(self._losses or self._crashes)

    def settle(self, standing: Standing) -> None:
        """Count each session lost before the server last recovered as a crash; drop those too old to be one."""
        now = self.now()
        recovered_at = now - standing.recovered_ago
        self._started_at = now - standing.started_ago
        open_losses = []
        for loss in self._losses:
            if recovered_at > loss.begun_at:
                self._crashes.append((loss.deed, loss.begun_at))
            elif now - loss.lost_at < (_DYING_SECONDS if loss.is_silent else _NOTICED_SECONDS):
                open_losses.append(loss)
        self._losses = open_losses

    def _times(self, deed: Deed) -> tuple[int, float]:
        moments = [at for which, at in self._crashes if which is deed]
        return len(moments), max(moments, default=0.0)

    def _is_held(self, times: int, last: float) -> bool:
        now = self.now()
        if sum(at > now - _HOUR_SECONDS for _, at in self._crashes) >= self.most_in_an_hour:
            return True
        if times < self.certain_after or self._started_at > last:
            return False
        return now < last + (_SHORT_PAUSE_SECONDS if times == self.certain_after else _LONG_PAUSE_SECONDS)
