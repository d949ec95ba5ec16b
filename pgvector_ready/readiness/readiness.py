"""One shared, bounded, remembered answer to the question whether the database is usable."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pgvector_ready.clock import moment
from pgvector_ready.documents.answer import Answers, about_database
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.wording import wording
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import RUNBOOK, Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning, ProvisioningState
from pgvector_ready.judgement.report import Reason, Report, State, Verdict
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Target
from pgvector_ready.judgement.vectors import Look
from pgvector_ready.redaction import Own

_logger = logging.getLogger(__name__)

# How old an observation may be, counted from the beginning of its probe, before a request starts the next one. Whoever
# waited for it is served all the same.
HEALTHY_FOR_SECONDS = 2.0
FAILING_FOR_SECONDS = 1.0


# A clock that was set is told from one that drifts, and from the time between two readings of two clocks.
_CLOCK_SET = timedelta(seconds=2)


class Observes(Protocol):
    """The part of `observer.Observer` that is used here."""

    async def observe(self) -> Facts:
        """Ask once, within a bound."""

    def release(self) -> None:
        """Let go of what is held between probes."""


class Inspects(Protocol):
    """The part of `inspector.Inspector` that is used here."""

    @property
    def look(self) -> Look:
        """The last inventory, and why there is no newer one."""

    def begin_if_due(self) -> None:
        """Look again in the background, if that is due."""

    async def inspect(self) -> None:
        """Look now; never raises."""

    def close(self) -> None:
        """End a look that is under way."""


class Readiness:
    """Asks on demand, at most one probe at a time, and lets everybody who asks meanwhile have the same answer."""

    def __init__(  # noqa: PLR0913 - what an answer is made of
        self,
        observer: Observes,
        target: Target,
        requirements: Requirements,
        identity: Identity,
        *,
        inspector: Inspects | None = None,
        now: Callable[[], float] = moment,
    ) -> None:
        self._observer = observer
        # None: nobody looks at the vectors.
        self._inspector = inspector
        self._now = now
        self._target = target
        self._requirements = requirements
        self._identity = identity
        self._probing: asyncio.Task[None] | None = None
        self._fresh_until = 0.0
        self._observation: Observation | None = None
        # When it became as it is, by a clock that nobody sets.
        self._since = 0.0
        self._answers: Answers | None = None
        self._draining: Answers | None = None
        self.provisioning = Provisioning()
        # Set whenever what is wrong has changed; whoever waits for it clears it first.
        self.has_changed = asyncio.Event()
        # Called with every new observation: whoever counts or draws them.
        self.listeners: list[Callable[[Observation], None]] = []

    def begin(self, observer: Observes, inspector: Inspects | None = None) -> None:
        """Forget everything, and ask these two from now on, on the event loop that runs now."""
        self._observer, self._inspector = observer, inspector
        self._probing, self._fresh_until = None, 0.0
        self._observation = self._answers = self._draining = None
        self.provisioning = Provisioning()
        self.has_changed = asyncio.Event()

    def expire(self) -> None:
        """Take the last observation for too old: the next request starts a probe."""
        self._fresh_until = 0.0

    @property
    def observation(self) -> Observation | None:
        """The last one, however old."""
        return self._observation

    def fresh(self) -> Answers | None:
        """The answers in hand, unless they are too old."""
        return self._answers if asyncio.get_running_loop().time() < self._fresh_until else None

    async def answers(self) -> Answers:
        """Fresh answers, after a probe where needed. A caller that goes away cancels nothing."""
        answers = self.fresh()
        while answers is None:
            await asyncio.wait({self._probe()})
            answers = self._answers
        return answers

    async def observe_anew(self) -> Observation:
        """An observation that began after this call: what was done before it is seen in it."""
        if self._probing and not self._probing.done():
            await asyncio.wait({self._probing})
        await asyncio.wait({self._probe()})
        return self._known()

    async def inspect(self) -> None:
        """Look at the vectors now; the next observation tells what was found."""
        if self._inspector:
            await self._inspector.inspect()

    def draining(self) -> Answers:
        """Return the last observation, with a failed step in front: this process takes no new work."""
        if self._draining is None:
            self._draining = self._last_words()
        return self._draining

    def _last_words(self) -> Answers:
        observation = self._known() if self._observation else self._nothing_known()
        failure = Failure.about(Code.DRAINING, Step.SERVICE, self._target)
        verdicts = (Verdict(Step.SERVICE, State.FAIL, failure), *observation.report.verdicts)
        report = replace(observation.report, verdicts=verdicts)
        return self._about(replace(observation, report=report))

    def _about(self, observation: Observation) -> Answers:
        def instead() -> Answers:
            return about_database(replace(observation, report=self._unforeseen()), self._identity)

        return about_database(observation, self._identity, instead)

    def close(self) -> None:
        """Stop probing and let go of the connection."""
        if self._probing:
            self._probing.cancel()
        if self._inspector:
            self._inspector.close()
        self._observer.release()

    def _probe(self) -> asyncio.Task[None]:
        if self._probing is None or self._probing.done():
            self._probing = asyncio.get_running_loop().create_task(self._run(), name="probe")
        return self._probing

    async def _run(self) -> None:
        began, began_at = asyncio.get_running_loop().time(), self._now()
        try:
            facts = await self._observer.observe()
            if self._inspector:
                facts = replace(facts, look=self._inspector.look)
                if facts.failure is None and facts.extension and facts.extension.is_usable:
                    # After whoever waits for this probe has been answered.
                    asyncio.get_running_loop().call_soon(self._inspector.begin_if_due)
            report = judge(facts, self._requirements, self.provisioning.blocked)
        except Exception:
            _logger.exception("probe_broke")  # a mistake of ours: fails closed like every other surprise
            report = self._unforeseen()
        self._fresh_until = began + (HEALTHY_FOR_SECONDS if report.is_healthy else FAILING_FOR_SECONDS)
        self._remember(report, began_at)

    def _remember(self, report: Report, began_at: float) -> None:
        last = self._observation
        is_same = last is not None and last.report.is_healthy == report.is_healthy
        lasted_seconds = began_at - self._since if last else 0.0
        if not is_same:
            self._since = began_at
        self._observation = Observation(
            report=report,
            provisioning=self.provisioning,
            since=_since(last, report, lasted_seconds) if last and is_same else report.facts.observed_at,
            consecutive_failures=0 if report.is_healthy else (last.consecutive_failures if last else 0) + 1,
        )
        self._answers, self._draining = self._about(self._observation), None
        if last is None or _code(last.report) != _code(report):
            self.has_changed.set()
            self._log_change(self._observation, lasted_seconds)
        for listen in self.listeners:
            listen(self._observation)

    def _log_change(self, now: Observation, lasted_seconds: float) -> None:
        failure = now.report.failure
        if failure is None:
            _logger.info("became_ready", extra={"outage_seconds": round(lasted_seconds, 1)})
        elif failure.code is not Code.PGVECTOR_NOT_ENABLED or self.provisioning.state is not ProvisioningState.PENDING:
            # Not enabled and about to be enabled is how every new database begins.
            said = wording(failure)
            detail = {
                "code": failure.code,
                "step": failure.step,
                "detail": Own(said.message),
                "remedy": Own(said.remedy),
            }
            _logger.warning("became_unready: %(code)s: %(detail)s %(remedy)s", detail, extra=detail)

    def _known(self) -> Observation:
        if self._observation is None:  # pragma: no cover - every probe remembers something
            raise AssertionError
        return self._observation

    def _unforeseen(self) -> Report:
        failure = Failure.about(Code.UNEXPECTED_ERROR, Step.CONNECTED, self._target)
        facts = Facts(self._target, observed_at=datetime.now(UTC), latency_ms=0, failure=failure)
        return judge(facts, Requirements())

    def _nothing_known(self) -> Observation:
        facts = Facts(self._target, observed_at=self._identity.started_at, latency_ms=0)
        verdicts = tuple(Verdict(step, State.SKIPPED, reason=Reason.NOT_LOOKED) for step in RUNBOOK)
        return Observation(Report(facts, verdicts), self.provisioning, self._identity.started_at, 0)


def _since(last: Observation, report: Report, lasted_seconds: float) -> datetime:
    """Return since when it has been so; the moment moves where the machine's clock was set meanwhile."""
    counted_back = report.facts.observed_at - timedelta(seconds=lasted_seconds)
    return last.since if abs(counted_back - last.since) < _CLOCK_SET else counted_back


def _code(report: Report) -> Code | None:
    return report.failure.code if report.failure else None
