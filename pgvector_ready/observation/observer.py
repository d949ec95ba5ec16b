"""One probe: over a connection of its own, within a hard bound, and whatever happens it comes back with facts."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pgvector_ready.clock import moment
from pgvector_ready.database import Database, Link
from pgvector_ready.database.errors import failure_of
from pgvector_ready.database.exceptions import Deed
from pgvector_ready.dsn import provider_of
from pgvector_ready.judgement.facts import Extension, Facts, Listener, Server, values_of
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.requirements import USUAL_VERSION_TABLE, VersionTable
from pgvector_ready.judgement.target import NOWHERE, Target
from pgvector_ready.lateness import Lateness
from pgvector_ready.observation import pgvector
from pgvector_ready.observation.bounded import bounded

_logger = logging.getLogger(__name__)

# A held connection stays green while new ones fail: a changed password, no slots left, a host that moved.
MAX_AGE_SECONDS = 60.0
# Unused for so long it is given back: a serverless database sleeps only when nobody is connected. Well within the 30 s
# after which the server ends it (`database`), so that this never stands in the server's log.
MAX_IDLE_SECONDS = 15.0
# Verdicts that a clock gives, which means nothing where this process did not run.
_OUT_OF_TIME = frozenset({Code.CONNECT_TIMEOUT, Code.QUERY_TIMEOUT})
# What the server says when a session is gone, and nothing else about the database: worth one try on a fresh one.
_GONE = frozenset({Code.CONNECTION_LOST, Code.SERVER_SHUTDOWN})


@dataclass(slots=True)
class _Findings:
    """All that one probe has found so far, and the step it has come to."""

    target: Target
    step: Step = Step.CONNECTED
    is_asking: bool = False
    server: Server | None = None
    extension: Extension | None = None
    revisions: frozenset[str] | None = None
    durations_ms: dict[Step, float] = field(default_factory=dict)

    def facts(self, observed_at: datetime, latency_ms: float, failure: Failure | None = None) -> Facts:
        """Return the findings as frozen facts."""
        return Facts(
            target=self.target,
            observed_at=observed_at,
            latency_ms=latency_ms,
            server=self.server,
            extension=self.extension,
            revisions=self.revisions,
            failure=failure,
            durations_ms=dict(self.durations_ms),
        )


class Misconfigured:
    """Stands for the database where the configuration names none that can be asked."""

    def __init__(self, failure: Failure | None) -> None:
        self._failure = failure

    async def observe(self) -> Facts:
        """Return the failure, as a probe would."""
        return Facts(NOWHERE, observed_at=datetime.now(UTC), latency_ms=0, failure=self._failure)

    def release(self) -> None:
        """Nothing is held."""


class Observer:
    """Holds one connection between probes, never the application's. Its caller sees to one probe at a time."""

    def __init__(  # noqa: PLR0913 - a test is less patient
        self,
        database: Database,
        query_timeout_seconds: float,
        *,
        version_table: VersionTable = USUAL_VERSION_TABLE,
        max_age_seconds: float = MAX_AGE_SECONDS,
        max_idle_seconds: float = MAX_IDLE_SECONDS,
        listener: Listener | None = None,
        now: Callable[[], float] = moment,
    ) -> None:
        self._now = now
        self._database = database
        self._crashes = database.crashes
        self._query_timeout_seconds = query_timeout_seconds
        self._version_table = version_table
        self._max_age_seconds = max_age_seconds
        self._max_idle_seconds = max_idle_seconds
        self._listener = listener
        self._link: Link | None = None
        self._linked_at = self._used_at = 0.0
        self._giving_back: asyncio.TimerHandle | None = None
        self._last_code: Code | None = None
        self._last_error: Exception | None = None

    async def observe(self) -> Facts:
        """Ask once; never raises, and takes at most the time for connecting and for the query together.

        It takes longer only where this process did not run meanwhile: what is late then is not the database.
        """
        loop = asyncio.get_running_loop()
        observed_at, started = datetime.now(UTC), loop.time()
        most_seconds = self._database.connect_timeout_seconds + self._query_timeout_seconds
        self._keep()
        with Lateness() as lateness:
            findings, failure = await self._try(started + most_seconds)
        if failure and failure.code in _OUT_OF_TIME and lateness.is_late:
            self.release()
            more_seconds = min(most_seconds, max(lateness.seconds, 2 * self._query_timeout_seconds))
            findings, failure = await self._try(loop.time() + more_seconds)
        self._log(failure)
        self._giving_back = loop.call_later(self._max_idle_seconds, self.release)
        self._used_at = self._now()
        return findings.facts(observed_at, (loop.time() - started) * 1000, failure)

    def release(self) -> None:
        """Give the held connection back, if there is one."""
        self._keep()
        if self._link:
            self._link.terminate()
        self._link = None

    def _keep(self) -> None:
        if self._giving_back:
            self._giving_back.cancel()
        self._giving_back = None

    async def _try(self, deadline: float) -> tuple[_Findings, Failure | None]:
        is_held = self._is_link_usable()
        findings, failure, error = await self._ask(deadline)
        if is_held and (_is_gone(failure) or not _is_still_chosen(self._link, findings.server)):
            self.release()
            findings, failure, error = await self._ask(deadline)
        self._last_error = error
        if not _is_worth_holding(findings, failure):
            self.release()
        return findings, failure

    async def _ask(self, deadline: float) -> tuple[_Findings, Failure | None, Exception | None]:
        findings = _Findings(self._database.target)
        try:
            await self._gather(findings, deadline)
        except Exception as error:  # noqa: BLE001 - nothing may escape: what is unforeseen fails closed
            return findings, _failure(error, findings), error
        return findings, None, None

    async def _gather(self, findings: _Findings, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._tell(findings)
        link = await self._linked(deadline - self._query_timeout_seconds)
        findings.target = _reached(findings.target, link)
        findings.is_asking = True
        deadline = min(deadline, loop.time() + self._query_timeout_seconds)
        server, extension = await bounded(link, pgvector.observe(link, self._version_table), deadline)
        findings.server, findings.extension = server, extension
        if self._crashes.needs_standing:
            self._crashes.settle(await bounded(link, pgvector.standing(link), deadline))
        findings.durations_ms[Step.CONNECTED] = (loop.time() - started) * 1000
        if extension.installed_version and extension.is_own:
            started, findings.step = loop.time(), Step.USABLE
            self._tell(findings)
            with self._crashes.watching(Deed.PROOF):
                proof = await bounded(link, pgvector.prove(link, server, extension), deadline)
            findings.server, findings.revisions = proof.server, proof.revisions
            findings.extension = replace(extension, library_version=proof.library_version)
            findings.durations_ms[Step.USABLE] = (loop.time() - started) * 1000

    def _tell(self, findings: _Findings) -> None:
        if self._listener:
            self._listener(findings.facts(datetime.now(UTC), latency_ms=0), findings.step)

    def _is_link_usable(self) -> bool:
        if self._link is None or self._link.connection.is_closed():
            return False
        # A timer gives an idle connection back, but for a machine that slept: the server has ended it meanwhile.
        now = self._now()
        return now - self._linked_at < self._max_age_seconds and now - self._used_at < 2 * self._max_idle_seconds

    async def _linked(self, deadline: float) -> Link:
        if self._link is None or not self._is_link_usable():
            self.release()
            seconds = deadline - asyncio.get_running_loop().time()
            self._link = await self._database.connect(is_probe=True, timeout_seconds=seconds)
            self._linked_at = self._used_at = self._now()
        return self._link

    def _log(self, failure: Failure | None) -> None:
        """The server's own text, and the detail of what nobody foresaw, stand here and nowhere else."""
        error = self._last_error
        if failure and failure.code is not self._last_code:
            detail = {"code": failure.code, "step": failure.step, "detail": repr(error)}
            is_unforeseen = failure.code is Code.UNEXPECTED_ERROR
            told = ("probe_failed: %s at %s", failure.code, failure.step)
            _logger.warning(*told, extra=detail, exc_info=error if is_unforeseen else None)
        self._last_code = failure.code if failure else None


def _is_gone(failure: Failure | None) -> bool:
    """True if a held session was found dead; not if the proof lost it, which may have crashed the server."""
    if failure is None or failure.code not in _GONE:
        return False
    return failure.code is not Code.CONNECTION_LOST or failure.step is not Step.USABLE


def _is_still_chosen(link: Link | None, server: Server | None) -> bool:
    """True while the server has the role for which target_session_attrs chose it when the connection was made."""
    if link is None or server is None:
        return True
    match link.chosen_as:
        case "primary":
            return not server.is_standby
        case "standby" | "prefer-standby":
            return server.is_standby
        case "read-write":
            return server.is_writable
        case "read-only":
            return not server.is_writable
        case _:
            return True


def _failure(error: Exception, findings: _Findings) -> Failure:
    values = values_of(findings.server, findings.extension)
    return failure_of(error, findings.step, findings.target, values, is_asking=findings.is_asking)


def _is_worth_holding(findings: _Findings, failure: Failure | None) -> bool:
    """True if the next probe may use this session; not if a setting may be wrong: a new session sees the cure."""
    server, extension = findings.server, findings.extension
    if failure or server is None or extension is None or not extension.available_version or not extension.is_own:
        return False
    return server.is_standby or not server.is_read_only  # that a standby was promoted is seen in any session


def _reached(target: Target, link: Link) -> Target:
    return replace(target, host=link.host.shown, port=link.host.port, provider=provider_of(link.host.name))
