"""Traces, by what a real collector receives from the service as its users run it, and by what it does without one."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pgvector_ready import __version__
from pgvector_ready.service import create_app
from pgvector_ready.settings import load
from pgvector_ready.tracing import excluding, secrets_in
from pgvector_ready.web import contract
from tests.conftest import Database
from tests.support.collector import Collector, attributes, collecting
from tests.support.postgres import free_port, wait_until
from tests.support.service import DATABASE, HEALTH, ServiceProcess

ROOT = Path(__file__).parents[2]
WORD = "Kz7QxSecret"
POLLED = (
    HEALTH,
    f"{HEALTH}/",
    DATABASE,
    f"{DATABASE}?strict=true",
    f"{DATABASE}/?format=text",
    f"{HEALTH}/badge.svg",
    "/metrics",
    "/",
)


TEAM = (sys.executable, "-m", "tests.support.team")


@contextmanager
def team(folder: Path, url: str, **environment: str) -> Iterator[ServiceProcess]:
    """The service with the endpoints of tests/support/team.py."""
    with ServiceProcess(log=folder / "log", program=TEAM, DATABASE_URL=url, **environment) as process:
        process.wait_for(200)
        yield process


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def names(spans: list[Span]) -> set[str]:
    return {span.name for span in spans}


def events(process: ServiceProcess, name: str) -> list[dict[str, Any]]:
    return [event for event in process.events() if event["event"] == name]


# Off


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "{collector}", "OTEL_SDK_DISABLED": "True"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "{collector}", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "{collector}"},
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "{collector}", "FASTAPI_OTEL_AUTO_CONFIGURE": "true"},
    ],
    ids=["unset", "empty", "disabled", "none", "metrics only", "logs only"],
)
def test_unless_it_is_asked_for_nothing_is_imported_and_nothing_sent(
    database: Database, tmp_path: Path, collector: Collector, environment: dict[str, str]
) -> None:
    asked = {name: value.format(collector=collector.url) for name, value in environment.items()}

    with team(tmp_path, database.url, **asked) as process:
        answer = process.get("/team/modules")
        process.end()

    assert answer is not None
    assert answer.json() == []
    assert collector.requests == []
    assert "trace" not in process.log.read_text()


def test_the_interpreter_imports_nothing_of_the_sdk() -> None:
    """By its own account, not by what is left of it."""
    modules = "app.main, pgvector_ready.server.server, pgvector_ready.commands.cli, pgvector_ready.tracing.sql"
    command = [sys.executable, "-X", "importtime", "-c", f"import {modules}"]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr

    imported = {line.rpartition("|")[2].strip() for line in told.splitlines()}
    assert "app.main" in imported
    assert not {name for name in imported if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))}
    assert "requests" not in imported


# On


def test_the_endpoints_of_a_team_are_traced_with_their_route_and_status(
    database: Database, tmp_path: Path, collector: Collector
) -> None:
    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/") as process:
        for path in ("/team/items/7", "/team/missing", "/team/nothing", "/docs"):
            process.get(path)
        process.end()

    found = {span.name: attributes(span.attributes) for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER}
    assert {name: one["http.response.status_code"] for name, one in found.items()} == {
        "GET /team/items/{item}": 200,
        "GET /team/missing": 404,
        "GET": 404,
        "GET /docs": 200,
    }
    assert found["GET /team/items/{item}"]["url.path"] == "/team/items/7"
    assert {path for path, _ in collector.requests} == {"/v1/traces"}


def test_polls_are_not_traced(database: Database, tmp_path: Path, collector: Collector) -> None:
    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        for path in POLLED:
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                httpx.request(method, process.url + path)
        process.get("/team/items/last")
        process.end()

    assert {name for name in names(collector.spans) if not name.startswith("fastapi.")} == {"GET /team/items/{item}"}
    assert len({span.trace_id for span in collector.spans}) == 1


def test_who_sends(database: Database, tmp_path: Path, collector: Collector) -> None:
    platform = {"ENVIRONMENT": "staging", "GIT_COMMIT": "a6be012", "HOSTNAME": "srv-1"}

    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/x", **platform) as process:
        process.get("/team/items/1")
        process.end()

    assert {path for path, _ in collector.requests} == {"/x"}
    assert (
        collector.resource.items()
        >= {
            "service.name": "pgvector-ready",
            "service.version": __version__,
            "service.instance.id": "srv-1",
            "deployment.environment": "staging",
            "deployment.environment.name": "staging",
            "vcs.ref.head.revision": "a6be012",
        }.items()
    )


def test_what_the_environment_calls_it_goes_first(database: Database, tmp_path: Path, collector: Collector) -> None:
    called = {
        "OTEL_SERVICE_NAME": "search",
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=seven,team=vectors",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20opensesame",
    }

    with team(tmp_path, database.url, HOSTNAME="srv-1", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **called) as process:
        process.get("/team/items/1")
        process.end()

    assert collector.resource.items() >= {"service.name": "search", "service.instance.id": "seven"}.items()
    assert collector.resource["team"] == "vectors"
    assert collector.requests[0][1]["authorization"] == "Bearer opensesame"


def test_the_trace_of_a_caller_is_continued_and_named_in_the_log(
    database: Database, tmp_path: Path, collector: Collector
) -> None:
    trace_id, parent_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"

    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        httpx.get(f"{process.url}/team/items/1", headers={"traceparent": f"00-{trace_id}-{parent_id}-01"})
        httpx.get(f"{process.url}/team/items/2", headers={"traceparent": f"00-{trace_id}-{parent_id}-00"})
        process.end()

    (span,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (trace_id, parent_id)
    assert attributes(span.attributes)["url.path"] == "/team/items/1"  # the other was asked not to be kept
    line, _ = [event for event in events(process, "request") if event["path"].startswith("/team")]
    assert (line["trace_id"], line["span_id"]) == (trace_id, span.span_id.hex())
    assert "trace_id" not in events(process, "serving")[0]


def test_statements_are_spans_of_their_request(database: Database, tmp_path: Path, collector: Collector) -> None:
    """The text where SQLAlchemy composed it; where somebody wrote it, a value may be written out in it."""
    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        answer = process.get(f"/team/sql?title={WORD}")
        process.end()

    assert answer is not None
    assert answer.status_code == 200, answer.text
    endpoint = collector.span("fastapi.endpoint")
    statements = [span for span in collector.spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert [(span.name, span.parent_span_id) for span in statements] == [("SELECT", endpoint.span_id)] * 2
    assert sorted("db.query.text" in attributes(span.attributes) for span in statements) == [False, True]
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in statements)
    assert not any(WORD.encode() in body for body in collector.bodies)


def test_a_statement_that_fails_says_how(database: Database, tmp_path: Path, collector: Collector) -> None:
    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        process.get(f"/team/failing-sql?title={WORD}")
        process.end()

    (statement,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_CLIENT]
    said = attributes(statement.attributes)
    assert statement.status.code == Status.STATUS_CODE_ERROR
    assert said["db.response.status_code"] == "42P01"
    assert said["db.query.text"].startswith("SELECT documents.id")
    assert not any(WORD.encode() in body for body in collector.bodies)


def test_a_statement_that_is_given_up_ends_too(database: Database, tmp_path: Path, collector: Collector) -> None:
    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        answer = process.get("/team/cancelled-sql")
        process.end()

    assert answer is not None
    assert answer.json() == "too slow"
    (statement,) = [span for span in collector.spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert statement.status.code == Status.STATUS_CODE_ERROR
    assert attributes(statement.attributes)["error.type"] == "CancelledError"


# Secrets


def test_no_secret_reaches_the_collector_or_the_log(secret_url: str, tmp_path: Path, collector: Collector) -> None:
    """An endpoint does its worst, with every one of them in all that a span can hold."""
    secrets = {"HEALTH_TOKEN": f"{WORD}-token", "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={WORD}-key"}
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "LOG_LEVEL": "debug"}

    with team(tmp_path, secret_url, **secrets, **asked) as process:
        answer = process.get(f"/team/broken?password={WORD}")
        process.end()

    assert answer is not None
    assert answer.status_code == 500
    request = collector.span("GET /team/broken")
    assert request.status.code == Status.STATUS_CODE_ERROR
    assert attributes(request.attributes)["error.type"] == "RuntimeError"
    own = next(span for span in collector.spans if span.name.startswith("team "))
    assert "***" in own.name
    assert "***" in own.status.message
    assert own.events[0].name.count("***") == 2
    assert attributes(own.events[1].attributes)["exception.type"] == "RuntimeError"
    for written in (*collector.bodies, (tmp_path / "log").read_bytes()):
        assert WORD.encode() not in written


def test_the_collectors_key_is_not_logged(database: Database, tmp_path: Path) -> None:
    """Not even where everything is, and every request to the collector with its address."""
    with collecting(status=401) as collector:
        asked = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces?key={WORD}"}
        with team(tmp_path, database.url, LOG_LEVEL="debug", OTEL_BSP_SCHEDULE_DELAY="50", **asked) as process:
            process.get("/team/items/1")
            wait_until(lambda: bool(events(process, "traces_lost")))
            process.end()

    assert f"?key={WORD}" in collector.requests[0][0]
    assert "/v1/traces?***" in process.log.read_text()
    assert WORD not in process.log.read_text()


@pytest.fixture
def secret_url(database: Database) -> Iterator[str]:
    """A connection string with a password that says so."""
    database.execute(f"CREATE ROLE traced LOGIN SUPERUSER PASSWORD '{WORD}'")
    yield database.server.connection_string("traced", database.name, password=WORD)
    database.execute("REASSIGN OWNED BY traced TO postgres")
    database.execute("DROP ROLE traced")


@pytest.mark.parametrize(
    ("environment", "secrets"),
    [
        ({}, set()),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "x-scope-orgid=12"}, set()),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=12345678,b=Bearer%20abcdefgh"}, {"12345678", "abcdefgh"}),
        ({"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "withoutaname"}, {"withoutaname"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:swordfish@collector:4318"}, {"swordfish"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://swordfish@collector:4318"}, {"swordfish"}),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/v1?key=swordfish"}, {"key=swordfish"}),
    ],
)
def test_what_opens_the_collectors_door_is_known(environment: dict[str, str], secrets: set[str]) -> None:
    assert secrets <= secrets_in(environment)
    assert bool(secrets) == bool(secrets_in(environment))


# A collector that does not take them


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("unreachable", "Connection refused"), ("silent", "no answer within 1 s"), ("refusing", "Service Unavailable")],
)
def test_a_collector_that_takes_nothing_delays_neither_an_answer_nor_the_end(
    database: Database, tmp_path: Path, kind: str, reason: str
) -> None:
    with collecting(is_silent=kind == "silent", status=503 if kind == "refusing" else 200) as collector:
        url = f"http://127.0.0.1:{free_port()}" if kind == "unreachable" else collector.url
        often = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
        with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=url, **often) as process:
            process.get("/team/items/1")
            if kind != "unreachable":
                wait_until(lambda: bool(collector.requests))
            answers = [process.get(f"/team/items/{number}") for number in range(10)]
            started = time.monotonic()
            code = process.end()
            spent = time.monotonic() - started

    assert [answer and answer.status_code for answer in answers] == [200] * 10
    assert code == 0
    (lost,) = events(process, "last_traces_lost")
    assert reason in lost["detail"]
    assert spent < 8  # the SDK's own patience is 10 s for a batch, and 30 s for the end


@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_collector_with_an_endless_answer_is_not_listened_to(database: Database, tmp_path: Path, status: int) -> None:
    with collecting(is_endless=True, status=status) as collector:
        often = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
        with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **often) as process:
            for number in range(2):
                process.get("/team/items/1")
                wait_until(lambda number=number: len(collector.requests) > number)  # type: ignore[misc]
            process.end()

    assert collector.sent < 10 * 2**20 * len(collector.requests)


def test_the_last_spans_are_sent_before_the_end(database: Database, tmp_path: Path, collector: Collector) -> None:
    """Of a request just before SIGTERM; the SDK would send them after 5 s."""
    with team(tmp_path, database.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        process.get("/team/items/last")
        assert collector.bodies == []
        process.end()

    assert "GET /team/items/{item}" in names(collector.spans)


def test_lost_traces_are_told_once_and_so_is_their_return(database: Database, tmp_path: Path) -> None:
    with collecting(status=401) as collector:
        asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with team(tmp_path, database.url, **asked) as process:
            for number in range(1, 4):
                process.get("/team/items/1")
                wait_until(lambda number=number: len(collector.requests) >= number)  # type: ignore[misc]
            wait_until(lambda: bool(events(process, "traces_lost")))
            collector.status = 200
            process.get("/team/items/1")
            wait_until(lambda: bool(events(process, "traces_sent_again")))
            process.end()

    (lost,) = events(process, "traces_lost")
    assert lost["level"] == "warning"
    assert "401" in lost["detail"]
    assert len(events(process, "traces_sent_again")) == 1
    assert not [event for event in process.events() if event["logger"].startswith("opentelemetry")]


# What is documented


def test_every_variable_that_is_read_here_is_documented() -> None:
    document = (ROOT / "docs" / "tracing.md").read_text()

    read = set(re.findall(r'"(OTEL_\w+)"', (ROOT / "pgvector_ready" / "tracing" / "__init__.py").read_text()))

    assert read
    assert {name for name in read if f"`{name}" not in document} == set()


def test_the_lock_with_the_extra_has_what_the_usual_one_has_and_the_exporter() -> None:
    usual, extended = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-otel.lock")
    )

    assert usual < extended
    added = {pin.partition("==")[0] for pin in extended - usual}
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"} <= added
    assert len(added) == 12  # as docs/tracing.md says


# Asked for in vain


@pytest.mark.parametrize(
    ("environment", "detail"),
    [
        ({"WITHOUT_THE_EXTRA": "true"}, "the extra `otel` is not installed: docs/tracing.md says how"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "only http/protobuf is spoken"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER must be otlp or none"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "swordfish:4317"}, "must be an address such as http://"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://[swordfish"}, "must be an address such as http://"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"}, "OpenTelemetry refused its settings with ValueError"),
    ],
    ids=["no extra", "grpc", "zipkin", "no address", "bad address", "bad limit"],
)
def test_what_cannot_be_done_is_one_warning_and_the_service_serves(
    database: Database, tmp_path: Path, collector: Collector, environment: dict[str, str], detail: str
) -> None:
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **environment}

    with team(tmp_path, database.url, **asked) as process:
        answer = process.get("/team/items/1")
        assert process.end() == 0

    assert answer is not None
    assert answer.status_code == 200
    (line,) = events(process, "traces_unavailable")
    assert line["level"] == "warning"
    assert detail in line["detail"]
    assert "swordfish" not in process.log.read_text()
    assert collector.requests == []


# In another application


def spans_of_another_application(mounted_at: str, application: FastAPI, exporter: InMemorySpanExporter) -> set[str]:
    client = TestClient(application)
    for path in POLLED[:5]:
        assert client.get(mounted_at + path).status_code in {200, 503}
    client.get("/theirs")
    return {str((span.attributes or {})["url.path"]) for span in exporter.get_finished_spans() if span.kind.value == 1}


@pytest.mark.parametrize("mounted_at", ["", "/below"], ids=["as a router", "mounted"])
def test_polls_stay_out_of_another_applications_traces(mounted_at: str) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    service = create_app(load(database_url=f"postgresql://app:secret@127.0.0.1:{free_port()}/app"))
    other = FastAPI(telemetry={"tracer_provider": provider, "exclude": excluding(mounted_at)})
    if mounted_at:
        other.mount(mounted_at, service)
    else:
        other.include_router(contract.create_router(service.state.ready.health))

    assert spans_of_another_application(mounted_at, other, exporter) == {"/theirs"}


@pytest.mark.parametrize(
    ("mounted_at", "scope", "is_excluded"),
    [
        ("", {"path": HEALTH}, True),
        ("", {"path": f"{DATABASE}/"}, True),
        ("", {"path": "/"}, False),
        ("", {"path": "/orders/metrics"}, False),
        ("", {"path": f"/proxy{HEALTH}", "root_path": "/proxy"}, True),
        ("/below", {"path": f"/below{HEALTH}"}, True),
        ("/below", {"path": "/metrics"}, False),
    ],
)
def test_what_is_excluded(mounted_at: str, scope: dict[str, str], *, is_excluded: bool) -> None:
    assert excluding(mounted_at)(scope) is is_excluded
