"""The observations behind the answers, and whether they tell one story."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

# How old an observation may be, from the beginning of its probe, for somebody who did not wait for it. Said here once
# more: a checker that asked the service would believe it.
HEALTHY_FOR_SECONDS = 2.0
FAILING_FOR_SECONDS = 1.0
# An instant is cut to the millisecond and a latency to a tenth of one.
ROUNDING_SECONDS = 0.0011
# Between two clocks of one machine, and for the line of code between them.
_CLOCKS_SECONDS = 0.01
# Warnings, which only a strict answer takes for failures; nothing in the scenario leads to another one.
_WARNING = "slow"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one probe found, as told by the documents about it."""

    begins_at: float
    latency_seconds: float
    is_healthy: bool
    code: str | None
    port: int | str
    fingerprint: str | None
    since: float
    consecutive_failures: int

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Observation":
        code = (document["error"] or {}).get("code")
        is_warned = code == _WARNING
        return cls(
            begins_at=_seconds(document["observed_at"]),
            latency_seconds=document["latency_ms"] / 1000,
            is_healthy=document["healthy"] or is_warned,
            code=None if is_warned else code,
            port=document["target"]["port"],
            fingerprint=document["target"]["fingerprint"],
            since=_seconds(document["since"]),
            consecutive_failures=document["consecutive_failures"],
        )

    @classmethod
    def read(cls, body: bytes) -> "Observation":
        return cls.of(json.loads(body))

    @property
    def ends_at(self) -> float:
        """Not later than this, and at most `ROUNDING_SECONDS` before it."""
        return self.begins_at + self.latency_seconds + ROUNDING_SECONDS

    @property
    def fresh_until(self) -> float:
        lives_for = HEALTHY_FOR_SECONDS if self.is_healthy else FAILING_FOR_SECONDS
        return max(self.ends_at, self.begins_at + lives_for + ROUNDING_SECONDS)


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


def inconsistencies(observations: list[Observation]) -> Iterator[tuple[Observation, str]]:
    """What each, in order, says that cannot follow from the one before."""
    for one in observations:
        if one.is_healthy != (one.consecutive_failures == 0):
            yield one, "consecutive_failures is 0 exactly when healthy"
        if one.since > one.begins_at:
            yield one, "since is later than observed_at"
    for last, one in pairwise(observations):
        yield from ((one, why) for why in _broken_rules(last, one))


def _broken_rules(last: Observation, one: Observation) -> Iterator[str]:
    is_same = last.is_healthy == one.is_healthy
    if one.since < last.since:
        yield "since went back"
    if one.begins_at < last.fresh_until - ROUNDING_SECONDS - _CLOCKS_SECONDS:
        yield "a probe before the last one's time to live was over"
    if one.begins_at > last.fresh_until + FAILING_FOR_SECONDS:
        return  # there may have been one in between that nobody was given
    if one.since != (last.since if is_same else one.begins_at // 1):
        yield "since does not change exactly with healthy"
    if not one.is_healthy and one.consecutive_failures != last.consecutive_failures + 1:
        yield "consecutive_failures does not count"
