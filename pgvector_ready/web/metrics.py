"""`/metrics` for Prometheus: the last observation and the probes up to it; a scrape never touches the database."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import accumulate

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pgvector_ready import __version__
from pgvector_ready.documents.documents import DatabaseDocument
from pgvector_ready.documents.identity import Identity
from pgvector_ready.judgement.observation import Observation, ProvisioningState
from pgvector_ready.judgement.report import State
from pgvector_ready.judgement.vectors import IndexState
from pgvector_ready.paths import METRICS_PATH
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.web.contract import TAGS
from pgvector_ready.web.health import Health
from pgvector_ready.web.rendered import Rendered

# From a held connection next door (about 1 ms) up to 5 s, which no probe reaches: the settings must stay below it.
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_OK = "ok"
# What an anonymous scrape is told where there is a token: as much as an anonymous document.
_VERDICT = ("pgvector_ready_healthy", "pgvector_ready_failure")


class Metrics(Collector):
    """Counts every observation as it is made, which is all a probe pays; the rest is worked out by a scrape."""

    def __init__(self, readiness: Readiness, identity: Identity) -> None:
        self._readiness = readiness
        self._identity = identity
        self._probes = Counter({_OK: 0})  # there from the beginning: a rate needs a first value
        self._durations = [0] * (len(_BUCKETS_SECONDS) + 1)
        self._spent_seconds = 0.0
        # By the monotonic clock: an age must not jump with the wall's.
        self._observed_at: float | None = None
        self._succeeded_at: float | None = None
        self._reached: Observation | None = None

    def count(self, observation: Observation) -> None:
        """Add a new observation to the counters."""
        report = observation.report
        seconds = report.facts.latency_ms / 1000
        self._durations[bisect_left(_BUCKETS_SECONDS, seconds)] += 1
        self._spent_seconds += seconds
        self._probes[report.failure.code if report.failure else _OK] += 1
        self._observed_at = time.monotonic()
        if report.is_healthy:
            self._succeeded_at = self._observed_at
        if report.facts.server:
            self._reached = observation

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics for one scrape."""
        observation = self._readiness.observation
        yield self._info(self._reached or observation)  # an outage must not make another series of it
        yield from self._last(observation)
        yield from self._ages()
        yield from self._vectors(observation)
        yield from self._counted()
        yield from self._provisioned()

    def _info(self, observation: Observation | None) -> Metric:
        told = {"version": __version__, "commit": self._identity.commit}
        if observation:
            document = DatabaseDocument.of(observation, self._identity)
            told |= {
                "postgresql_version": document.server.version,
                "pgvector_version": document.pgvector.installed_version,
                "provider": document.target.provider,
                "fingerprint": document.target.fingerprint,
                "host": document.target.host,
                "database": document.target.database,
            }
        # An empty label is, to Prometheus, one that is not there.
        known = {name: value or "" for name, value in told.items()}
        return InfoMetricFamily("pgvector_ready", "The service, and the database that it last reached.", value=known)

    def _last(self, observation: Observation | None) -> Iterator[Metric]:
        report = observation.report if observation else None
        yield GaugeMetricFamily(
            "pgvector_ready_healthy",
            "Whether the last observation found PostgreSQL with pgvector usable; 0 before the first one.",
            value=int(report.is_healthy) if report else 0,
        )
        failure = GaugeMetricFamily(
            "pgvector_ready_failure",
            "1 with the code and the step of what is wrong; absent while nothing is.",
            labels=["code", "step"],
        )
        if report and report.failure:
            failure.add_metric([report.failure.code, report.failure.step], 1)
        yield failure
        steps = GaugeMetricFamily(
            "pgvector_ready_step_state",
            "1 for the state that each step of the runbook is in, 0 for the others.",
            labels=["step", "state"],
        )
        for verdict in report.verdicts if report else ():
            for state in State:
                steps.add_metric([verdict.step, state], int(verdict.state is state))
        yield steps
        yield GaugeMetricFamily(
            "pgvector_ready_consecutive_failures",
            "How many observations in a row have failed, up to the last one.",
            value=observation.consecutive_failures if observation else 0,
        )

    def _ages(self) -> Iterator[Metric]:
        now = time.monotonic()
        yield _age(
            "pgvector_ready_observation_age_seconds",
            "Seconds since the last observation; it grows while nobody asks. Absent before the first one.",
            self._observed_at,
            now,
        )
        yield _age(
            "pgvector_ready_last_success_age_seconds",
            "Seconds since the last observation that found the database usable. Absent before the first one.",
            self._succeeded_at,
            now,
        )

    def _vectors(self, observation: Observation | None) -> Iterator[Metric]:
        """The metrics of the last look at the catalogue; none before the first one."""
        inventory = observation.report.facts.look.inventory if observation else None
        columns = GaugeMetricFamily("pgvector_ready_vector_columns", "Columns of vectors in the database.")
        indexes = GaugeMetricFamily(
            "pgvector_ready_vector_indexes", "Indexes on columns of vectors, by state.", labels=["state"]
        )
        findings = GaugeMetricFamily(
            "pgvector_ready_vector_findings",
            "What is wrong with the vectors, by code; what somebody accepted is not counted.",
            labels=["code"],
        )
        age = GaugeMetricFamily(
            "pgvector_ready_vector_inventory_age_seconds", "Seconds since the last look at the columns of vectors."
        )
        if observation and inventory:
            columns.add_metric([], inventory.total)
            states = Counter(index.state for index in inventory.indexes)
            for state in IndexState:
                indexes.add_metric([state], states[state])
            counted = Counter(one.failure.code for one in observation.report.findings if not one.is_accepted)
            for code, number in counted.items():
                findings.add_metric([code], number)
            age.add_metric([], (datetime.now(UTC) - inventory.observed_at).total_seconds())
        yield from (columns, indexes, findings, age)

    def _counted(self) -> Iterator[Metric]:
        bounds = [*map(str, _BUCKETS_SECONDS), "+Inf"]
        yield HistogramMetricFamily(
            "pgvector_ready_probe_duration_seconds",
            "How long probes took, connecting included, whatever came of them.",
            buckets=list(zip(bounds, accumulate(self._durations), strict=True)),
            sum_value=self._spent_seconds,
        )
        probes = CounterMetricFamily(
            "pgvector_ready_probes",
            "Probes by outcome: ok, or the code of the failure.",
            labels=["code"],
        )
        for code, number in self._probes.items():
            probes.add_metric([code], number)
        yield probes

    def _provisioned(self) -> Iterable[Metric]:
        provisioning = self._readiness.provisioning
        states = GaugeMetricFamily(
            "pgvector_ready_provisioning_state",
            "1 for what start-up has made of the extension, 0 for the others.",
            labels=["state"],
        )
        for state in ProvisioningState:
            states.add_metric([state], int(provisioning.state is state))
        yield states
        yield CounterMetricFamily(
            "pgvector_ready_provisioning_attempts",
            "Attempts of start-up at making the database ready.",
            value=provisioning.attempts,
        )
        yield GaugeMetricFamily(
            "pgvector_ready_started",
            "Whether start-up has succeeded once; it stays 1 from then on.",
            value=int(provisioning.is_done),
        )


def _age(name: str, documentation: str, since: float | None, now: float) -> Metric:
    family = GaugeMetricFamily(name, documentation)
    if since is not None:
        family.add_metric([], now - since)
    return family


def create_router(readiness: Readiness, identity: Identity, health: Health) -> APIRouter:
    """The route, counting from now on; `health` says who may see more than a verdict."""
    metrics = Metrics(readiness, identity)
    readiness.listeners.append(metrics.count)
    # Our own: the global one would carry what other libraries put there.
    registry = CollectorRegistry(auto_describe=True)
    registry.register(metrics)
    ProcessCollector(registry=registry)
    verdict = registry.restricted_registry(_VERDICT)
    rendered = Rendered()
    router = APIRouter()

    async def scrape(request: Request) -> Response:
        """Always 200 while the service lives, whatever the database does."""
        shows_all = health.shows_all(request.scope)
        moment = (readiness.observation, readiness.provisioning, int(time.monotonic()))
        body = rendered.get(moment, shows_all, lambda: generate_latest(registry if shows_all else verdict))
        # One format whatever is accepted: every Prometheus and every agent beside it reads this one.
        return Response(body, media_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})

    router.add_api_route(
        METRICS_PATH, scrape, methods=["GET", "HEAD"], tags=TAGS, operation_id="get_metrics", include_in_schema=False
    )
    return router
