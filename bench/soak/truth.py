"""What the database really was, moment by moment: the scenario writes it down, the checker holds the answers to it."""

from bisect import bisect_right
from dataclasses import dataclass, field

from pgvector_ready.judgement.failures import Code


@dataclass(frozen=True, slots=True)
class Phase:
    """From `begins_at` to the next phase's. `is_usable` is None while it is being changed: then it may be either."""

    begins_at: float
    event: str
    is_usable: bool | None
    # The servers that a healthy answer may come from.
    ports: frozenset[int]
    # What a failing answer may say.
    codes: frozenset[Code] = frozenset()
    # How long a held connection may go on without noticing.
    unnoticed_seconds: float = 0.0

    def __str__(self) -> str:
        state = {True: "usable", False: "down", None: "changing"}[self.is_usable]
        return f"{state} ({self.event})" if self.event else state

    def may_be_healthy(self, asked_at: float) -> bool:
        """Whether a probe that began then may find it well."""
        return self.is_usable is not False or asked_at < self.begins_at + self.unnoticed_seconds


@dataclass(slots=True)
class Timeline:
    """Phase after phase. Nothing is said of the time before the first."""

    fingerprint: str
    phases: list[Phase] = field(default_factory=list)

    def during(self, begins_at: float, ends_at: float) -> list[Phase]:
        """All phases that there was something of between these two moments."""
        first = bisect_right(self.phases, begins_at, key=_begins_at) - 1
        return self.phases[max(first, 0) : bisect_right(self.phases, ends_at, key=_begins_at)]

    def told(self, begins_at: float, ends_at: float) -> str:
        """The same for people."""
        return ", then ".join(map(str, self.during(begins_at, ends_at)))


def _begins_at(phase: Phase) -> float:
    return phase.begins_at
