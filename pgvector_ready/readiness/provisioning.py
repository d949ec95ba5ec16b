"""Start-up: enable the extension where it is missing, prove that it works, and keep trying until it does."""

import asyncio
import logging
import random
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from pgvector_ready.database import Database
from pgvector_ready.database.errors import failure_of
from pgvector_ready.database.exceptions import Deed
from pgvector_ready.judgement.facts import Facts, Listener, values_of, version
from pgvector_ready.judgement.failures import RUNBOOK, Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, ProvisioningState
from pgvector_ready.judgement.phrases import Part, phrase
from pgvector_ready.lateness import again_if_late
from pgvector_ready.observation.application import fingerprint_through, pool_considered, prove_for_application
from pgvector_ready.observation.bounded import take_outcome
from pgvector_ready.observation.enabling import enable
from pgvector_ready.readiness.readiness import Readiness

_logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 15.0
# One small script, or one small table: what takes longer hangs. Who waits longer for the lock tries again.
_LIMIT_SECONDS = 10.0
_LOCK_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Permissions:
    """Permissions: what provisioning may do to the database."""

    enable: bool = True
    update: bool = False
    # Look at the vectors before all is called ready.
    inspect: bool = False


class Provisioner:
    """Makes it true. Every outcome stands in `readiness.provisioning`; only `is_done` ends it."""

    def __init__(  # noqa: PLR0913 - what there is to make ready, and for whom
        self,
        database: Database,
        engine: AsyncEngine,
        readiness: Readiness,
        permissions: Permissions,
        listener: Listener | None = None,
        *,
        is_engine_given: bool = False,
    ) -> None:
        self._crashes = database.crashes
        self._database = database
        self._engine = engine
        self._readiness = readiness
        self._permissions = permissions
        self._listener = listener
        # An application's own, which may lead elsewhere, and whose connections are not ours to end.
        self._is_engine_given = is_engine_given
        # Set after the first attempt, whatever came of it.
        self.has_tried = asyncio.Event()
        if not permissions.enable:
            self._note(state=ProvisioningState.DISABLED)

    async def run(self) -> None:
        """Try until it has succeeded once. Between two attempts a change of what is wrong is worth not waiting for."""
        delay = _FIRST_DELAY_SECONDS
        while not await self._is_done():
            self._readiness.has_changed.clear()
            try:
                async with asyncio.timeout(delay * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter
                    await self._readiness.has_changed.wait()
            except TimeoutError:
                delay = min(2 * delay, _LONGEST_DELAY_SECONDS)

    async def _is_done(self) -> bool:
        observation = await self.attempt()
        self.has_tried.set()
        return observation.report.is_healthy

    async def attempt(self) -> Observation:
        """Make one attempt, and return what there is after it; healthy means proven as an application will use it."""
        before = self._readiness.provisioning
        self._note(attempts=before.attempts + 1)
        observation = await self._readiness.observe_anew()
        observation, blocked = await self._make_ready(observation)
        if blocked is None and _is_provable(observation):
            blocked = await self._prove(observation)
        if _is_enabled(observation) and self._readiness.provisioning.state in _UNDECIDED:
            self._note(state=ProvisioningState.FAILED if blocked else ProvisioningState.ALREADY_ENABLED)
        self._note(blocked=blocked)
        inspects = self._permissions.inspect and blocked is None and _is_usable(observation)
        if inspects:
            await self._readiness.inspect()
        if inspects or replace(self._readiness.provisioning, attempts=before.attempts) != before:
            observation = await self._readiness.observe_anew()
        self._note(is_done=before.is_done or observation.report.is_healthy)
        return observation

    async def _make_ready(self, observation: Observation) -> tuple[Observation, Failure | None]:
        """Create or update the extension, where that is wanted and nothing before it is in the way."""
        is_missing, is_outdated = _is_missing(observation), _is_outdated(observation)
        if not (is_missing and self._permissions.enable) and not (is_outdated and self._permissions.update):
            return observation, None
        blocked = await self._change(observation, update=is_outdated)
        if blocked:
            self._note(state=ProvisioningState.FAILED)
            return observation, blocked
        self._note(state=ProvisioningState.UPDATED if is_outdated else ProvisioningState.CREATED)
        _logger.info("extension_updated" if is_outdated else "extension_created")
        return await self._readiness.observe_anew(), None

    async def _change(self, observation: Observation, *, update: bool) -> Failure | None:
        self._tell(observation, Step.ENABLED)
        try:
            with self._crashes.watching(Deed.UPDATE if update else Deed.ENABLE):
                await again_if_late(partial(self._enable, update=update))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
            failure = _failure(error, Step.ENABLED, observation)
            if update and failure.code is Code.PGVECTOR_PERMISSION_DENIED:
                failure = replace(failure, case="update")
            return self._logged(error, failure)
        return None

    async def _enable(self, *, update: bool) -> None:
        link = await self._database.connect()
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                await enable(link, update=update, lock_timeout_seconds=_LOCK_TIMEOUT_SECONDS)
        finally:
            link.terminate()

    async def _prove(self, observation: Observation) -> Failure | None:
        facts = observation.report.facts
        assert facts.extension is not None  # noqa: S101 - provable
        self._tell(observation, Step.USABLE)
        try:
            if self._is_engine_given and (elsewhere := await _bounded(self._elsewhere(facts))):
                return elsewhere
            with self._crashes.watching(Deed.APPLICATION):
                await again_if_late(self._use)
        except Exception as error:  # noqa: BLE001 - as above
            found = pool_considered(error, self._engine)
            return self._logged(found, _failure(found, Step.USABLE, observation))
        return None

    async def _elsewhere(self, facts: Facts) -> Failure | None:
        """Return the failure where the engine leads to another database than the probe, if both show who they are."""
        expected = facts.server.fingerprint if facts.server else None
        reached = await fingerprint_through(self._engine)
        if expected is None or reached in {None, expected}:
            return None
        differences = (phrase(Part.OTHER_ENGINE, expected=expected, reached=str(reached)),)
        return Failure.about(Code.WRONG_TARGET, Step.EXPECTED, facts.target, {"differences": differences})

    async def _use(self) -> None:
        link = await self._database.connect()
        try:
            await _bounded(prove_for_application(link, self._engine))
        finally:
            link.terminate()

    def _tell(self, observation: Observation, step: Step) -> None:
        if self._listener:
            self._listener(observation.report.facts, step)

    def _logged(self, error: Exception, failure: Failure) -> Failure:
        """Return the failure, written to the log with details for the log alone; a repeated one is not written."""
        last = self._readiness.provisioning.blocked
        if last is None or last.code is not failure.code:
            detail = {"code": failure.code, "step": failure.step, "detail": repr(error)}
            is_unforeseen = failure.code is Code.UNEXPECTED_ERROR
            told = ("provisioning_failed: %s at %s", failure.code, failure.step)
            _logger.warning(*told, extra=detail, exc_info=error if is_unforeseen else None)
        return failure

    def _note(self, **changes: Any) -> None:
        self._readiness.provisioning = replace(self._readiness.provisioning, **changes)


async def _bounded(work: Coroutine[Any, Any, _T]) -> _T:
    """Return its outcome within the limit; cancelling may ask a frozen server for help, and is not waited for."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(take_outcome)
    try:
        done, _ = await asyncio.wait({task}, timeout=_LIMIT_SECONDS)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise TimeoutError
    return task.result()


def _failure(error: Exception, step: Step, observation: Observation) -> Failure:
    facts = observation.report.facts
    return failure_of(error, step, facts.target, values_of(facts.server, facts.extension))


_UNDECIDED = frozenset({ProvisioningState.PENDING, ProvisioningState.FAILED})


def _stands_at(observation: Observation, step: Step) -> bool:
    """Return whether all steps before `step` pass, by the facts: the verdict may show an earlier attempt's failure."""
    failure = observation.report.failure
    if failure is None or (failure.step is Step.EXPECTED and failure == observation.provisioning.blocked):
        return True  # as far as the probe sees; what the engine led to is asked again
    return RUNBOOK.index(failure.step) >= RUNBOOK.index(step)


def _is_missing(observation: Observation) -> bool:
    extension = observation.report.facts.extension
    is_missing = extension is not None and extension.installed_version is None
    return is_missing and _stands_at(observation, Step.ENABLED)


def _is_outdated(observation: Observation) -> bool:
    extension = observation.report.facts.extension
    if extension is None or not extension.installed_version or not extension.available_version:
        return False
    is_older = version(extension.installed_version) < version(extension.available_version)
    return is_older and _stands_at(observation, Step.ENABLED)


def _is_enabled(observation: Observation) -> bool:
    facts = observation.report.facts
    is_found = facts.failure is None and facts.extension is not None and facts.extension.installed_version is not None
    return is_found and _stands_at(observation, Step.USABLE)


def _is_usable(observation: Observation) -> bool:
    """True if every step before the migrations is known to have passed."""
    extension = observation.report.facts.extension
    is_own = extension is not None and extension.is_own
    return is_own and _is_enabled(observation) and _stands_at(observation, Step.MIGRATED)


def _is_provable(observation: Observation) -> bool:
    """True if an application could make a temporary table there (a standby refuses) and finds pgvector's own type."""
    server, extension = observation.report.facts.server, observation.report.facts.extension
    may = server is not None and server.is_writable and server.may_create_temporary_tables
    return may and extension is not None and extension.is_own and _is_enabled(observation)
