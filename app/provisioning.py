"""Start-up: enable the extension where it is missing, prove that it works, and keep trying until it does."""

import asyncio
import logging
import random
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from app import pgvector
from app.advice import name
from app.database import Database
from app.failures import Code, Failure, Step
from app.readiness import Readiness
from app.report import Observation, ProvisioningState
from app.runbook import State, Verdict

_logger = logging.getLogger(__name__)

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 15.0
# CREATE EXTENSION reads one small script; who waits longer for the lock tries again.
_ENABLE_TIMEOUT_SECONDS = 10.0
_LOCK_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What provisioning may do to the database."""

    enable: bool = True
    update: bool = False


class Provisioner:
    """Makes it true. Every outcome stands in `readiness.provisioning`; only `is_done` ends it."""

    def __init__(self, database: Database, engine: AsyncEngine, readiness: Readiness, orders: Orders) -> None:
        self._database = database
        self._engine = engine
        self._readiness = readiness
        self._orders = orders
        if not orders.enable:
            self._note(state=ProvisioningState.DISABLED)

    async def run(self) -> None:
        """Try until it has succeeded once. Between two attempts a change of what is wrong is worth not waiting for."""
        delay = _FIRST_DELAY_SECONDS
        while not (await self.attempt()).report.is_healthy:
            self._readiness.has_changed.clear()
            try:
                async with asyncio.timeout(delay * random.uniform(0.5, 1.0)):  # noqa: S311 - jitter
                    await self._readiness.has_changed.wait()
            except TimeoutError:
                delay = min(2 * delay, _LONGEST_DELAY_SECONDS)

    async def attempt(self) -> Observation:
        """One attempt, and what there is after it; healthy means proven as an application will use it."""
        self._note(attempts=self._readiness.provisioning.attempts + 1, blocked=None)
        observation = await self._readiness.observe_anew()
        observation = await self._enable(observation)
        if observation.report.is_healthy:
            await self._prove(observation)
            observation = await self._readiness.observe_anew()
        self._note(is_done=self._readiness.provisioning.is_done or observation.report.is_healthy)
        return observation

    async def _enable(self, observation: Observation) -> Observation:
        step = _step(observation, Step.ENABLED)
        is_missing = step.failure is not None and step.failure.code is Code.PGVECTOR_NOT_ENABLED
        is_outdated = step.failure is not None and step.failure.code in _OUTDATED
        if not (is_missing and self._orders.enable) and not (is_outdated and self._orders.update):
            return self._content(observation)
        failure = await self._change(observation, update=is_outdated)
        if failure:
            self._note(state=ProvisioningState.FAILED, blocked=failure)
            _logger.warning("provisioning_failed", extra={"code": failure.code, "detail": failure.message})
        else:
            self._note(state=ProvisioningState.UPDATED if is_outdated else ProvisioningState.CREATED)
            _logger.info("extension_updated" if is_outdated else "extension_created")
        return await self._readiness.observe_anew()

    def _content(self, observation: Observation) -> Observation:
        is_pending = self._readiness.provisioning.state in {ProvisioningState.PENDING, ProvisioningState.FAILED}
        if is_pending and observation.report.is_healthy:
            self._note(state=ProvisioningState.ALREADY_ENABLED)
        return observation

    async def _change(self, observation: Observation, *, update: bool) -> Failure | None:
        try:
            link = await self._database.connect()
            try:
                async with asyncio.timeout(_ENABLE_TIMEOUT_SECONDS):
                    await pgvector.enable(link, update=update, lock_timeout_seconds=_LOCK_TIMEOUT_SECONDS)
            finally:
                link.terminate()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
            _logger.info("enabling_failed", extra={"detail": repr(error)})
            return name(error, Step.ENABLED, observation.report.facts.target)
        return None

    async def _prove(self, observation: Observation) -> None:
        facts = observation.report.facts
        if facts.extension is None or facts.server is None:
            return
        if not (facts.server.is_writable and facts.server.may_create_temporary_tables):
            return
        try:
            async with asyncio.timeout(_ENABLE_TIMEOUT_SECONDS):
                await pgvector.prove_for_application(self._engine, facts.extension)
        except Exception as error:  # noqa: BLE001 - as above
            failure = name(error, Step.USABLE, facts.target, schema=facts.extension.schema)
            self._note(blocked=failure)
            _logger.warning("proof_failed", extra={"code": failure.code, "detail": repr(error)})

    def _note(self, **changes: Any) -> None:
        self._readiness.provisioning = replace(self._readiness.provisioning, **changes)


_OUTDATED = frozenset({Code.PGVECTOR_UPDATE_AVAILABLE, Code.PGVECTOR_TOO_OLD})


def _step(observation: Observation, step: Step) -> Verdict:
    found = (verdict for verdict in observation.report.verdicts if verdict.step is step)
    return next(found, Verdict(step, State.SKIPPED))
