"""The judgement's result: a verdict for each step, and the worst of them."""

from dataclasses import dataclass, replace
from enum import StrEnum

from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Failure, Step
from pgvector_ready.judgement.phrases import Phrase


class State(StrEnum):
    """How a step, or the whole runbook, came out; in the order from best to worst."""

    PASS = "pass"  # noqa: S105 - a state
    SKIPPED = "skipped"
    WARN = "warn"
    FAIL = "fail"


class Reason(StrEnum):
    """Why a step was skipped."""

    NOT_ASKED = "not_asked"  # nobody set what it needs
    NOT_REACHED = "not_reached"  # an earlier step failed
    NOT_LOOKED = "not_looked"  # not yet, or it could not


@dataclass(frozen=True, slots=True)
class Verdict:
    """One step, judged."""

    step: Step
    state: State
    failure: Failure | None = None
    duration_ms: float | None = None
    notes: tuple[Phrase, ...] = ()
    # Of a skipped step.
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The whole runbook, judged, with what it was judged on."""

    facts: Facts
    verdicts: tuple[Verdict, ...]
    # The newest revisions this code knows.
    heads: frozenset[str] = frozenset()

    @property
    def state(self) -> State:
        """The worst of the steps; a skipped one does not count."""
        states = {verdict.state for verdict in self.verdicts}
        return next(state for state in (State.FAIL, State.WARN, State.PASS) if state in states)

    @property
    def failure(self) -> Failure | None:
        """What made it fail: the first failed step's."""
        return next((verdict.failure for verdict in self.verdicts if verdict.state is State.FAIL), None)

    @property
    def is_healthy(self) -> bool:
        """Whether the database can be used."""
        return self.state is not State.FAIL

    def strictly(self) -> "Report":
        """The same with every warning taken for a failure."""
        return replace(self, verdicts=tuple(_strictly(verdict) for verdict in self.verdicts))


def _strictly(verdict: Verdict) -> Verdict:
    return replace(verdict, state=State.FAIL) if verdict.state is State.WARN else verdict
