"""Figures, and what they are held against. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Judged(StrEnum):
    """Which of several measurements must keep to a bound."""

    MEDIAN = "median"  # a comparison, which noise moves either way
    WORST = "worst"  # a promise, which one exception breaks


@dataclass(frozen=True, slots=True)
class Bound:
    """`at_least` or `at_most`."""

    limit: float
    is_upper: bool
    judged: Judged

    def is_kept_by(self, values: Sequence[float]) -> bool:
        """Whether these measurements keep to it."""
        if self.judged is Judged.MEDIAN:
            return self._admits(statistics.median(values))
        return all(map(self._admits, values))

    def _admits(self, value: float) -> bool:
        return value <= self.limit if self.is_upper else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.is_upper else '≥'} {self.limit:g}"


def at_least(limit: float) -> Bound:
    """For a ratio: the median is judged."""
    return Bound(limit, is_upper=False, judged=Judged.MEDIAN)


def at_most(limit: float, judged: Judged = Judged.WORST) -> Bound:
    """For a promise, of which the worst is judged, unless told otherwise."""
    return Bound(limit, is_upper=True, judged=judged)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: what was measured, as often as there were rounds."""

    part: str
    name: str
    unit: str
    values: tuple[float, ...]
    baseline: str | None = None
    bound: Bound | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third; of a single measurement, that one."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    @property
    def is_reached(self) -> bool | None:
        """Whether the bound is kept; None where there is none."""
        return self.bound.is_kept_by(self.values) if self.bound else None


def ratios(ours: Iterable[float], theirs: Iterable[float]) -> tuple[float, ...]:
    """Round by round, so that what slowed down a whole round slows down both sides of the ratio.

    A round in which the other side managed nothing has no ratio.
    """
    return tuple(our / their for our, their in zip(ours, theirs, strict=True) if their)


def shown(value: float) -> str:
    """Three digits that count, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
