"""The runbook once, from a command line: the same probe, the same judgement and the same document as the service's."""

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
from sqlalchemy import MetaData

from pgvector_ready.database import Database, create_engine
from pgvector_ready.database.crashes import Crashes
from pgvector_ready.documents.identity import Identity
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning, ProvisioningState
from pgvector_ready.judgement.report import Verdict
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge, judge_offline, judge_so_far
from pgvector_ready.judgement.target import NOWHERE
from pgvector_ready.migrations.history import find_history, requirements_for
from pgvector_ready.observation.inspector import Inspector
from pgvector_ready.observation.models import models_of
from pgvector_ready.observation.observer import Observer
from pgvector_ready.observation.pgvector import standing
from pgvector_ready.readiness.provisioning import Permissions, Provisioner
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.settings import Settings
from pgvector_ready.surroundings import own_network

# How long a command waits for a server that has crashed, to say more than that the connection was lost.
_RECOVERY_SECONDS, _LOOKED_AT_EVERY_SECONDS = 10.0, 0.5

Tell = Callable[[Sequence[Verdict]], None]


async def check(
    settings: Settings,
    *,
    enable: bool,
    timeout_seconds: float,
    metadata: MetaData | None = None,
    tell: Tell | None = None,
) -> Observation:
    """Ask the database, enabling the extension first where `enable` says so and it is missing.

    Last of all it looks at the vectors, and compares them with the models of `metadata`. `tell` hears of the steps that
    are known already, whenever another one is begun.
    """
    connect_seconds = max(timeout_seconds - settings.query_timeout_seconds, settings.query_timeout_seconds)
    database = Database(settings.connection_string, connect_seconds)
    database.crashes = Crashes.of_a_command()
    requirements = requirements_for(settings, find_history(settings))
    if metadata is not None:
        requirements = replace(requirements, models=models_of(metadata))

    def hear(facts: Facts, step: Step) -> None:
        if tell:
            tell(judge_so_far(facts, requirements, step))

    table = requirements.version_table
    observer = Observer(database, settings.query_timeout_seconds, version_table=table, listener=hear)
    # Once, when it is asked to: no probe makes another look due.
    inspector = Inspector(database, math.inf if settings.looks_at_vectors else 0, requirements.models)
    identity = Identity.of_a_command()
    readiness = Readiness(observer, database.target, requirements, identity, inspector=inspector)
    permissions = Permissions(enable=enable, inspect=settings.looks_at_vectors)
    engine = create_engine(database)
    try:
        provisioner = Provisioner(database, engine, readiness, permissions, hear)
        observation = await provisioner.attempt()
        await _look_after(database)
        return await provisioner.attempt() if database.crashes.has_any else observation
    finally:
        readiness.close()
        database.terminate()
        await engine.dispose()


async def _look_after(database: Database) -> None:
    """Wait until it is known whether the server crashed by what its session was lost by; ask nothing else of it."""
    with suppress(TimeoutError):  # it is still recovering, which is what there is to say then
        async with asyncio.timeout(_RECOVERY_SECONDS):
            while database.crashes.is_open:
                await asyncio.sleep(_LOOKED_AT_EVERY_SECONDS)
                with suppress(OSError, asyncpg.PostgresError):
                    link = await database.connect()
                    try:
                        database.crashes.settle(await standing(link))
                    finally:
                        link.terminate()


def check_offline(settings: Settings) -> Observation:
    """Judge the configuration alone; nothing is asked of any network."""
    now = datetime.now(UTC)
    facts = Facts(settings.connection_string.target, observed_at=now, latency_ms=0)
    requirements = requirements_for(settings, find_history(settings))
    report = judge_offline(facts, requirements, own_network(os.environ))
    return Observation(report, _UNTRIED, now, consecutive_failures=0)


def misconfigured(failure: Failure) -> Observation:
    """Return the report of a configuration that is wrong in itself."""
    now = datetime.now(UTC)
    facts = Facts(NOWHERE, observed_at=now, latency_ms=0, failure=failure)
    return Observation(judge(facts, Requirements()), _UNTRIED, now, consecutive_failures=1)


_UNTRIED = Provisioning(ProvisioningState.PENDING)
