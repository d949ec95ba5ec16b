"""The judgement's result: a verdict for each step, and the worst of them."""

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Failure, Step
from pgvector_ready.judgement.findings import NAMES
from pgvector_ready.judgement.phrases import Phrase


class State(StrEnum):
    """The result of a step or of the whole runbook, from best to worst."""

    PASS = "pass"  # noqa: S105 - a state
    SKIPPED = "skipped"
    WARN = "warn"
    FAIL = "fail"


class Reason(StrEnum):
    """The reasons for which a step is skipped."""

    NOT_ASKED = "not_asked"  # nobody set what it needs
    NOT_REACHED = "not_reached"  # an earlier step failed
    NOT_LOOKED = "not_looked"  # not yet, or it could not
    NOT_THERE = "not_there"  # there is nothing to look at


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
    # Somebody has decided to live with this warning.
    is_accepted: bool = False

    @property
    def counted(self) -> State:
        """The state as the whole runbook counts it."""
        return State.PASS if self.state is State.WARN and self.is_accepted else self.state


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with the vectors, and which object it is about; the step tells the gravest."""

    failure: Failure
    table: str | None
    column: str | None
    index: str | None
    is_accepted: bool = False

    def without_names(self) -> "Finding":
        """Return it with nothing that names an object of the database."""
        return replace(self, failure=_without_names(self.failure), table=None, column=None, index=None)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole runbook, judged, with what it was judged on."""

    facts: Facts
    verdicts: tuple[Verdict, ...]
    # The newest revisions this code knows.
    heads: frozenset[str] = frozenset()
    # The gravest first.
    findings: tuple[Finding, ...] = ()

    @property
    def state(self) -> State:
        """The worst of the steps; neither a skipped one nor an accepted warning counts."""
        states = {verdict.counted for verdict in self.verdicts}
        return next(state for state in (State.FAIL, State.WARN, State.PASS) if state in states)

    @property
    def failure(self) -> Failure | None:
        """The failure of the first step that failed; None where none did."""
        return next((verdict.failure for verdict in self.verdicts if verdict.state is State.FAIL), None)

    @property
    def is_healthy(self) -> bool:
        """True if no step failed, so that the database can be used."""
        return self.state is not State.FAIL

    def strictly(self) -> "Report":
        """The report with every warning taken for a failure, unless it is accepted."""
        return replace(self, verdicts=tuple(_strictly(verdict) for verdict in self.verdicts))

    def without_names(self) -> "Report":
        """The report for somebody who may not know what the tables, columns and indexes are called."""
        return replace(
            self,
            verdicts=tuple(_anonymous(verdict) for verdict in self.verdicts),
            findings=tuple(finding.without_names() for finding in self.findings),
        )


def _strictly(verdict: Verdict) -> Verdict:
    return replace(verdict, state=State.FAIL) if verdict.counted is State.WARN else verdict


def _anonymous(verdict: Verdict) -> Verdict:
    if verdict.step is not Step.SEARCHABLE or verdict.failure is None:
        return verdict
    return replace(verdict, failure=_without_names(verdict.failure))


def _without_names(failure: Failure) -> Failure:
    kept = {name: value for name, value in failure.values.items() if name not in NAMES}
    return replace(failure, values=MappingProxyType(kept))
