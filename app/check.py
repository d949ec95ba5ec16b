"""The runbook once, from a command line: the same probe, the same judgement and the same document as the service's."""

from datetime import UTC, datetime

from app.database import Database, create_engine
from app.failures import Failure
from app.observer import Observer
from app.provisioning import Orders, Provisioner
from app.readiness import Readiness
from app.report import Identity, Observation, Provisioning, ProvisioningState
from app.revisions import revisions
from app.runbook import Facts, Requirements, judge, judge_offline
from app.settings import NOWHERE, Settings


async def check(settings: Settings, *, enable: bool, timeout_seconds: float) -> Observation:
    """Ask the database, enabling the extension first where `enable` says so and it is missing."""
    connect_seconds = max(timeout_seconds - settings.query_timeout_seconds, settings.query_timeout_seconds)
    database = Database(settings.connection_string, connect_seconds)
    observer = Observer(database, settings.query_timeout_seconds)
    readiness = Readiness(observer, database.target, settings.requirements(revisions()), Identity.of_a_command())
    engine = create_engine(database)
    try:
        return await Provisioner(database, engine, readiness, Orders(enable=enable)).attempt()
    finally:
        readiness.close()
        database.terminate()
        await engine.dispose()


def check_offline(settings: Settings) -> Observation:
    """Judge the configuration alone; nothing is asked of any network."""
    now = datetime.now(UTC)
    facts = Facts(settings.connection_string.target, observed_at=now, latency_ms=0)
    return Observation(judge_offline(facts, settings.requirements(revisions())), _UNTRIED, now, consecutive_failures=0)


def misconfigured(failure: Failure) -> Observation:
    """What there is to say when the configuration itself is wrong."""
    now = datetime.now(UTC)
    facts = Facts(NOWHERE, observed_at=now, latency_ms=0, failure=failure)
    return Observation(judge(facts, Requirements()), _UNTRIED, now, consecutive_failures=1)


_UNTRIED = Provisioning(ProvisioningState.PENDING)
