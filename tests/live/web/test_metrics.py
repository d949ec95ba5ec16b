"""`/metrics` as Prometheus meets it, and the rules, the dashboard and the document that build on it."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from pgvector_ready.service import create_app
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.support.postgres import free_port
from tests.support.service import Running, running
from tests.unit.test_docs import anchors

METRICS = "/metrics"
DOCS = Path(__file__).parents[3] / "docs"
ALERTS = DOCS / "monitoring" / "alerts.yml"
DASHBOARD = DOCS / "monitoring" / "dashboard.json"
_LIMIT_SECONDS = 30.0


class Scrape:
    """One answer of `/metrics`, read as Prometheus reads it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}

    def value(self, name: str, **labels: str) -> float | None:
        samples = [sample for family in self.families.values() for sample in family.samples]
        found = [sample.value for sample in samples if sample.name == name and sample.labels == labels]
        assert len(found) <= 1
        return found[0] if found else None

    def labels(self, name: str) -> dict[str, str]:
        """Of the only sample with this name."""
        (sample,) = (sample for family in self.families.values() for sample in family.samples if sample.name == name)
        return dict(sample.labels)

    def probes(self) -> float:
        return sum(sample.value for sample in self.families["pgvector_ready_probes"].samples)

    def counted(self, code: str) -> float:
        return self.value("pgvector_ready_probes_total", code=code) or 0.0

    def age(self, what: str) -> float:
        value = self.value(f"pgvector_ready_{what}_age_seconds")
        assert value is not None
        return value


async def scrape(service: Running) -> Scrape:
    answer = await service.client.get(METRICS)
    assert answer.status_code == httpx.codes.OK
    return Scrape(answer.text)


def program(name: str) -> str:
    """Prometheus' own; a clear error instead of a silent skip where it is missing."""
    found = shutil.which(name)
    if found is None:
        package = name if name.startswith("prometheus") else "prometheus"
        message = f"The tests need {name}, which is not here: apt-get install {package}"
        raise RuntimeError(message)
    return found


def promtool(*arguments: str, given: str = "") -> str:
    """What promtool says of it; a complaint is an assertion."""
    done = subprocess.run([program("promtool"), *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(RuntimeError, match="apt-get install prometheus"):
        program("promtool")


# The endpoint


async def test_a_database_made_ready_is_healthy_and_told_of(database: Database) -> None:
    async with running(database.url, GIT_COMMIT="a6be012") as service:
        document = (await service.database()).json()
        seen = await scrape(service)

    assert seen.value("pgvector_ready_healthy") == 1
    assert seen.value("pgvector_ready_started") == 1
    assert seen.value("pgvector_ready_provisioning_state", state="created") == 1
    assert seen.value("pgvector_ready_provisioning_state", state="pending") == 0
    assert seen.value("pgvector_ready_provisioning_attempts_total") == 1
    assert seen.value("pgvector_ready_consecutive_failures") == 0
    assert seen.families["pgvector_ready_failure"].samples == []
    for step in document["steps"]:
        for state in ("pass", "skipped", "warn", "fail"):
            expected = float(step["state"] == state)
            assert seen.value("pgvector_ready_step_state", step=step["step"], state=state) == expected
    assert seen.labels("pgvector_ready_info") == {
        "version": document["version"],
        "commit": "a6be012",
        "postgresql_version": document["server"]["version"],
        "pgvector_version": document["pgvector"]["installed_version"],
        "provider": "local",
        "fingerprint": document["target"]["fingerprint"],
        "host": "127.0.0.1",
        "database": database.name,
    }


async def test_failing_and_recovering_is_counted(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        await service.database()
        before = await scrape(service)
        database_with_vector.execute("DROP EXTENSION vector")
        await service.until("pgvector_not_enabled")
        failing = await scrape(service)
        database_with_vector.execute("CREATE EXTENSION vector")
        await service.until(None)
        after = await scrape(service)

    failed = failing.counted("pgvector_not_enabled")
    assert before.counted("pgvector_not_enabled") == 0
    assert failed >= 1
    assert failing.value("pgvector_ready_consecutive_failures") == failed
    assert failing.value("pgvector_ready_healthy") == 0
    assert failing.value("pgvector_ready_started") == 1
    assert failing.value("pgvector_ready_failure", code="pgvector_not_enabled", step="enabled") == 1
    assert failing.value("pgvector_ready_step_state", step="enabled", state="fail") == 1
    assert failing.age("last_success") > failing.age("observation") >= 0

    assert after.value("pgvector_ready_healthy") == 1
    assert after.value("pgvector_ready_consecutive_failures") == 0
    assert after.families["pgvector_ready_failure"].samples == []
    assert after.age("last_success") == after.age("observation")
    assert after.counted("ok") > before.counted("ok") >= 1


async def test_an_outage_does_not_make_it_forget_which_database_it_is_about(database_with_vector: Database) -> None:
    """Labels that change are another series, and the instance on a dashboard would lose its name."""
    name = database_with_vector.name
    async with running(database_with_vector.url) as service:
        await service.database()
        before = await scrape(service)
        database_with_vector.server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        database_with_vector.server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name
        )
        await service.until("database_not_accepting")
        failing = await scrape(service)

    assert failing.labels("pgvector_ready_info") == before.labels("pgvector_ready_info")
    assert before.labels("pgvector_ready_info")["fingerprint"]


async def test_every_probe_is_in_the_histogram(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        document = (await service.database()).json()
        seen = await scrape(service)

    samples = seen.families["pgvector_ready_probe_duration_seconds"].samples
    buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
    spent = seen.value("pgvector_ready_probe_duration_seconds_sum")
    assert buckets == sorted(buckets)
    assert buckets[-1] == seen.value("pgvector_ready_probe_duration_seconds_count") == seen.probes()
    assert spent is not None
    assert spent >= document["latency_ms"] / 1000 - 0.0001  # of which the document shows one decimal


async def test_a_scrape_asks_the_database_nothing(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        await service.database()
        before = await scrape(service)
        database_with_vector.execute("DROP EXTENSION vector")
        async with asyncio.timeout(_LIMIT_SECONDS):
            while (after := await scrape(service)).age("observation") < 2.5:  # twice over for everybody who asks
                await asyncio.sleep(0.1)

    assert after.probes() == before.probes()
    assert after.value("pgvector_ready_healthy") == 1


async def test_before_the_first_observation_nothing_is_claimed(database: Database) -> None:
    service = create_app(load(database_url=database.url))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://localhost") as client:
        seen = Scrape((await client.get(METRICS)).text)

    assert seen.value("pgvector_ready_healthy") == 0
    assert seen.value("pgvector_ready_started") == 0
    assert seen.value("pgvector_ready_provisioning_state", state="pending") == 1
    assert seen.value("pgvector_ready_probes_total", code="ok") == 0
    for absent in ("step_state", "failure", "observation_age_seconds", "last_success_age_seconds"):
        assert seen.families[f"pgvector_ready_{absent}"].samples == []
    assert set(seen.labels("pgvector_ready_info")) == {"version", "commit"}


async def test_get_and_head_are_alike_and_nothing_is_stored(database: Database) -> None:
    async with running(database.url) as service:
        got, head = await service.client.get(METRICS), await service.client.head(METRICS)
        posted = await service.client.post(METRICS)

    assert got.status_code == head.status_code == httpx.codes.OK
    assert head.content == b""
    for answer in (got, head):
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert int(answer.headers["content-length"]) > 1000
    assert posted.status_code == httpx.codes.METHOD_NOT_ALLOWED


async def test_it_answers_while_the_database_is_down() -> None:
    async with running(f"postgresql://app:secret@127.0.0.1:{free_port()}/app") as service:
        await service.until("connection_refused")
        seen = await scrape(service)

    assert seen.value("pgvector_ready_healthy") == 0
    assert seen.value("pgvector_ready_started") == 0
    assert seen.value("pgvector_ready_failure", code="connection_refused", step="connected") == 1


async def test_two_services_in_one_process_count_for_themselves(database: Database) -> None:
    async with running(database.url) as one, running(database.url) as other:
        for _ in range(2):
            await one.until(None)
        seen = [await scrape(service) for service in (one, other)]

    assert [each.value("pgvector_ready_started") for each in seen] == [1, 1]
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("pgvector")]


# What it may not show


NASTY = "Kz7Qx@/#?%:&=+ '\"\\{}[]|,!éß漢Kz7Qx"


@pytest.mark.parametrize("token", [None, "Kz7Qx-token"], ids=["public", "with HEALTH_TOKEN"])
@pytest.mark.parametrize("is_right", [True, False], ids=["right password", "wrong password"])
async def test_no_secret_is_shown(database: Database, token: str | None, is_right: bool) -> None:  # noqa: FBT001 - a row
    quoted = NASTY.replace("'", "''").replace("\\", "\\\\")
    database.execute(f"ALTER ROLE \"{database.owner}\" SUPERUSER PASSWORD E'{quoted}'")
    password = NASTY if is_right else NASTY[::-1] + "Kz7Qx"
    words = "-c search_path=Kz7Qx,public"
    url = database.server.connection_string(database.owner, database.name, password=password, options=words)

    async with running(url, health_token=token) as service:
        await service.client.get("/api/v1/health/db")
        answer = await service.client.get(METRICS, params={"password": NASTY})

    shown = f"{answer.headers}{answer.text}"
    assert answer.status_code == httpx.codes.OK
    assert f"pgvector_ready_healthy {float(is_right)}" in answer.text
    for piece in ("Kz7Qx", NASTY, quote(NASTY, safe=""), repr(NASTY)[1:-1]):
        assert piece not in shown


async def test_with_a_token_an_anonymous_scrape_is_told_the_verdict_and_no_more(database: Database) -> None:
    async with running(database.url, health_token="secret") as service:  # noqa: S106 - an example
        answer = await service.client.get(METRICS)

    samples = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert (answer.status_code, samples) == (200, ["pgvector_ready_healthy 1.0"])


async def test_with_the_token_a_scrape_is_told_everything(database: Database) -> None:
    async with running(database.url, health_token="secret") as service:  # noqa: S106 - an example
        service.client.headers["Authorization"] = "Bearer secret"
        seen = await scrape(service)

    assert {"version", "host", "database"} <= set(seen.labels("pgvector_ready_info"))
    assert seen.value("pgvector_ready_provisioning_attempts_total") == 1


# What Prometheus' own tools say


@pytest.fixture
async def seen(database: Database) -> Scrape:
    """Of a service that has failed once and succeeded then, so that every metric has a sample at some time."""
    async with running(database.url) as service:
        await service.database()
        return await scrape(service)


async def test_names_and_help_please_promtool(seen: Scrape) -> None:
    assert promtool("check", "metrics", given=seen.text) == ""


async def test_every_metric_is_ours_or_the_process_and_explained(seen: Scrape) -> None:
    for family in seen.families.values():
        assert family.name.startswith(("pgvector_ready_", "process_"))
        assert family.documentation.endswith(".")


def documented() -> dict[str, tuple[str, set[str]]]:
    table = (DOCS / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (gauge|counter|histogram) \|([^|]*)\| \S.* \|$", table, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def exposed(seen: Scrape) -> dict[str, str]:
    """Each metric's name, as a query writes it, and type."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", seen.text, re.MULTILINE))


async def test_the_document_names_every_metric_with_its_type_and_labels(seen: Scrape) -> None:
    told = documented()

    assert {name: kind for name, (kind, _) in told.items()} == exposed(seen)
    for family in seen.families.values():
        labels = {label for sample in family.samples for label in sample.labels}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert labels == told[name][1] or (not family.samples and told[name][1] <= {"code", "step"})


def queried(expression: str) -> set[str]:
    """The metrics in an expression, by the names under which they are documented."""
    names = re.findall(r"\b(?:pgvector_ready|process)_\w+", expression)
    return {re.sub(r"(?<=_seconds)_(bucket|sum|count)$", "", name) for name in names}


async def test_every_metric_that_a_document_names_exists(seen: Scrape) -> None:
    named = {name for path in DOCS.rglob("*.md") for name in re.findall(r"\bpgvector_ready_[a-z]\w+", path.read_text())}

    assert {name for name in named if not queried(name) <= set(exposed(seen))} == set()


# The alerts


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_the_rules_please_promtool() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", str(ALERTS))


async def test_the_rules_ask_for_metrics_that_exist(seen: Scrape) -> None:
    for rule in rules():
        names = queried(rule["expr"]) | queried(json.dumps(rule["annotations"]))

        assert names or "up{" in rule["expr"]
        assert names <= set(exposed(seen))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_summary_and_leads_to_a_section(rule: dict[str, Any]) -> None:
    link = re.sub(r"\{\{.*\}\}", "", rule["annotations"]["runbook_url"])

    name, _, anchor = link.partition("#")
    assert rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert not anchor or anchor in anchors((DOCS.parent / name).read_text())
    assert (DOCS.parent / name).exists()


def test_the_document_lists_every_alert() -> None:
    listed = re.findall(r"^\| `(Pgvector\w+)` \|", (DOCS / "metrics.md").read_text(), re.MULTILINE)

    assert listed == [rule["alert"] for rule in rules()]


BUCKET = "pgvector_ready_probe_duration_seconds_bucket"
UP = {"up": "1+0x60"}
# What a minute's scrapes hold, the minute that is looked at, and what fires then.
FIRING: dict[str, tuple[dict[str, str], int, set[str]]] = {
    "all well": ({**UP, "pgvector_ready_healthy": "1+0x60", "pgvector_ready_started": "1+0x60"}, 30, set()),
    "down for a minute": ({**UP, "pgvector_ready_healthy": "1 1 0 0"}, 3, set()),
    "down for two": ({**UP, "pgvector_ready_healthy": "1 1 0 0 0 0"}, 4, {"PgvectorNotReady"}),
    "one short outage": ({**UP, "pgvector_ready_healthy": "1 0 1 1 1 1"}, 5, set()),
    "two short outages": ({**UP, "pgvector_ready_healthy": "1 0 1 0 1 1"}, 5, {"PgvectorFlapping"}),
    "slow": (
        {
            **UP,
            "pgvector_ready_healthy": "1+0x60",
            f'{BUCKET},le="0.5"': "0+1x60",
            f'{BUCKET},le="1.0"': "0+10x60",
            f'{BUCKET},le="+Inf"': "0+10x60",
        },
        20,
        {"PgvectorProbesSlow"},
    ),
    "quick": (
        {**UP, "pgvector_ready_healthy": "1+0x60", f'{BUCKET},le="0.5"': "0+10x60", f'{BUCKET},le="+Inf"': "0+10x60"},
        20,
        set(),
    ),
    "a deploy": ({**UP, "process_start_time_seconds": "1 1 2 2 2", "pgvector_ready_started": "1+0x60"}, 4, set()),
    "restarting": (
        {**UP, "process_start_time_seconds": "1 2 3 4 4", "pgvector_ready_started": "1+0x60"},
        4,
        {"PgvectorReadyRestarting"},
    ),
    "somebody else restarting": ({**UP, "process_start_time_seconds": "1 2 3 4 4"}, 4, set()),
    "never provisioned": ({**UP, "pgvector_ready_started": "0+0x60"}, 11, {"PgvectorNeverProvisioned"}),
    "an index that was never finished": (
        {**UP, 'pgvector_ready_vector_findings,code="vector_index_invalid"': "1+0x60"},
        16,
        {"PgvectorSearchBroken"},
    ),
    "many vectors without an index": (
        {**UP, 'pgvector_ready_vector_findings,code="vector_index_missing"': "1+0x60"},
        16,
        set(),
    ),
    "nobody asks": ({**UP, "pgvector_ready_observation_age_seconds": "0+60x60"}, 15, {"PgvectorUnobserved"}),
    "not scraped": ({"up": "0+0x60"}, 6, {"PgvectorReadyScrapeMissing"}),
    "not even configured": ({}, 6, {"PgvectorReadyScrapeMissing"}),
}


def test_every_alert_is_seen_to_fire() -> None:
    assert set().union(*(firing for _, _, firing in FIRING.values())) == {rule["alert"] for rule in rules()}


def rule_test(series: dict[str, str], **tests: Any) -> str:
    """A test for promtool; a series is `name` or `name,label="value"`."""
    written = []
    for key, values in series.items():
        name, _, more = key.partition(",")
        labels = 'instance="one",job="pgvector-ready"' + (f",{more}" if more else "")
        written.append({"series": f"{name}{{{labels}}}", "values": values})
    test = {"interval": "1m", "input_series": written, **tests}
    return yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [test]})


@pytest.mark.parametrize(("series", "minute", "firing"), FIRING.values(), ids=FIRING)
def test_what_fires(series: dict[str, str], minute: int, firing: set[str], tmp_path: Path) -> None:
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in firing]
    expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
    test = {"expr": expression, "eval_time": f"{minute}m", "exp_samples": expected}
    written = tmp_path / "test.yml"
    written.write_text(rule_test(series, promql_expr_test=[test]))

    assert "SUCCESS" in promtool("test", "rules", str(written))


def test_the_alert_names_the_failure_and_links_to_its_section(tmp_path: Path) -> None:
    series = {
        **UP,
        "pgvector_ready_healthy": "0+0x9",
        'pgvector_ready_failure,code="disk_full",step="connected"': "1+0x9",
    }
    alert = {
        "exp_labels": {"severity": "critical", "instance": "one", "job": "pgvector-ready"},
        "exp_annotations": {
            "summary": "PostgreSQL with pgvector is not usable on one: disk_full",
            "runbook_url": "docs/failures.md#disk_full",
        },
    }
    test = {"alertname": "PgvectorNotReady", "eval_time": "5m", "exp_alerts": [alert]}
    written = tmp_path / "test.yml"
    written.write_text(rule_test(series, alert_rule_test=[test]))

    assert "SUCCESS" in promtool("test", "rules", str(written))


# The dashboard


def expressions() -> list[str]:
    """Every query of the dashboard, as Grafana would send it."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    written = [target["expr"] for panel in panels for target in panel["targets"]]
    return [query.replace("$__rate_interval", "1m").replace("$instance", ".*") for query in written]


async def test_the_dashboard_asks_for_metrics_that_exist(seen: Scrape) -> None:
    choices = [choice["query"] for choice in json.loads(DASHBOARD.read_text())["templating"]["list"]]
    instances = [query for query in choices if query != "prometheus"]  # the other one chooses the data source

    for expression in (*expressions(), *instances):
        assert queried(expression)
        assert queried(expression) <= set(exposed(seen))


def test_the_panels_explain_themselves_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    places = [panel["gridPos"] for panel in panels]
    cells = [(at["x"] + x, at["y"] + y) for at in places for x in range(at["w"]) for y in range(at["h"])]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


# A real Prometheus


def configuration(*targets: str) -> dict[str, Any]:
    """The document's, for these targets and in a hurry."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (DOCS / "metrics.md").read_text(), re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    found["global"] = {"evaluation_interval": "1s"}
    found["rule_files"] = [str(ALERTS.parent / name) for name in found["rule_files"]]
    (job,) = found["scrape_configs"]
    job |= {"scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": [{"targets": list(targets)}]}
    return found


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[str]:
    """A Prometheus of our own that scrapes these; its address."""
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(yaml.safe_dump(configuration(*targets)))
    options = {"config.file": config, "storage.tsdb.path": folder / "data", "web.listen-address": f"127.0.0.1:{port}"}
    command = [program("prometheus"), *(f"--{name}={value}" for name, value in options.items())]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def ask(service: Running, url: str, **query: str) -> Any:
    """The data of an answer of Prometheus' API, or None while it does not listen yet."""
    try:
        answer = await service.client.get(url, params=query)
    except httpx.TransportError:
        return None
    assert answer.is_success or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text  # starting
    return answer.json()["data"] if answer.is_success else None


async def results(service: Running, url: str, query: str) -> list[dict[str, Any]]:
    """The series that a query finds now."""
    data = await ask(service, f"{url}/api/v1/query", query=query)
    found: list[dict[str, Any]] = data["result"] if data else []
    return found


async def until_found(service: Running, url: str, query: str) -> list[dict[str, Any]]:
    while not (found := await results(service, url, query)):
        await asyncio.sleep(0.1)
    return found


def test_promtool_takes_the_job(tmp_path: Path) -> None:
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump(configuration("127.0.0.1:8000")))

    assert "SUCCESS" in promtool("check", "config", str(config))


async def test_a_real_prometheus_scrapes_judges_and_draws(database_with_vector: Database, tmp_path: Path) -> None:
    """One service that is ready, with a warning, and one that is not: every query of the dashboard finds something."""
    database = database_with_vector
    database.execute("CREATE TABLE items (id int, embedding vector(3))")
    database.execute("CREATE INDEX items_idx ON items USING hnsw (embedding vector_l2_ops)")
    database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_idx'::regclass")
    nowhere = f"postgresql://app:secret@127.0.0.1:{free_port()}/app"
    async with running(database.url) as ready, running(nowhere) as failing, asyncio.timeout(_LIMIT_SECONDS):
        await ready.database()
        await failing.until("connection_refused")
        with prometheus(tmp_path, *(service.url.removeprefix("http://") for service in (ready, failing))) as url:
            drawn = [await until_found(ready, url, expression) for expression in expressions()]
            while any(rule["health"] != "ok" for rule in await judged(ready, url)):
                await asyncio.sleep(0.1)
            alerts = await until_found(ready, url, 'ALERTS{alertname="PgvectorNotReady"}')
            healthy = await results(ready, url, 'pgvector_ready_healthy{job="pgvector-ready"}')
            firing = await results(ready, url, 'ALERTS{alertstate="firing"}')

    instances = [service.url.removeprefix("http://") for service in (ready, failing)]
    assert {it["metric"]["instance"]: it["value"][1] for it in healthy} == dict(zip(instances, "10", strict=True))
    assert [(it["metric"]["instance"], it["metric"]["alertstate"]) for it in alerts] == [(instances[1], "pending")]
    assert firing == []
    for legend, series in zip(legends(), drawn, strict=True):
        assert all(legend <= it["metric"].keys() for it in series), (legend, series)


def legends() -> list[set[str]]:
    """The labels that each query's legend is made of."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [
        set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) for panel in panels for target in panel["targets"]
    ]


async def judged(service: Running, url: str) -> list[dict[str, Any]]:
    (group,) = (await ask(service, f"{url}/api/v1/rules"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    assert len(found) == len(rules())
    return found
