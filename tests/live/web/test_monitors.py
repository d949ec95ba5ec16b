"""docs/monitors.md, recipe by recipe, against a running service in every state that a monitor may find it in."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pgvector_ready.readiness.readiness import FAILING_FOR_SECONDS
from pgvector_ready.settings import load
from tests.live.web.test_metrics import METRICS, program, promtool
from tests.support.monitor_rules import Reply
from tests.support.postgres import PostgresServer, free_port, wait_until
from tests.support.recipes import (
    DOCUMENT,
    PLACEHOLDER,
    Recipe,
    blocks,
    kubernetes,
    path_of,
    recipes,
    seconds,
    target_group,
)
from tests.support.service import DATABASE, HEALTH, ServiceProcess, service_process

FROZEN = "with a frozen database"

# Which of the two questions each recipe is there to ask.
QUESTIONS = {
    "Render": HEALTH,
    "UptimeRobot": DATABASE,
    "Uptime Kuma, by status code": DATABASE,
    "Uptime Kuma, by keyword": DATABASE,
    "Uptime Kuma, by the keyword's absence": DATABASE,
    "Uptime Kuma, by JSON query": DATABASE,
    "Better Stack": DATABASE,
    "Gatus, database": DATABASE,
    "Gatus, service": HEALTH,
    "blackbox_exporter, JSON body": DATABASE,
    "Kubernetes, startupProbe": HEALTH,
    "Kubernetes, livenessProbe": HEALTH,
    "Kubernetes, readinessProbe": DATABASE,
    "AWS Application Load Balancer": HEALTH,
    "Fly.io, the service's": HEALTH,
    "Fly.io, database": DATABASE,
    "Railway": HEALTH,
    "updown.io, GET": DATABASE,
    "updown.io, HEAD": DATABASE,
    "Pingdom": DATABASE,
}
LOOKING_AT_THE_BODY = {
    "Uptime Kuma, by keyword",
    "Uptime Kuma, by the keyword's absence",
    "Uptime Kuma, by JSON query",
    "Better Stack",
    "Gatus, database",
    "Gatus, service",
    "blackbox_exporter, JSON body",
    "updown.io, GET",
    "Pingdom",
}
# What is true then: the document's second table.
STATES = {
    "ready": {HEALTH: True, DATABASE: True},
    "ready, with a token": {HEALTH: True, DATABASE: True},
    "without its database": {HEALTH: True, DATABASE: False},
    "without its database, with a token": {HEALTH: True, DATABASE: False},
    FROZEN: {HEALTH: True, DATABASE: False},
    "starting": {HEALTH: False, DATABASE: False},
    "draining": {HEALTH: False, DATABASE: False},
}
TOKEN = "Kz7Qx-token"  # noqa: S105 - an example
in_every_state = pytest.mark.parametrize("state", STATES)


@pytest.fixture(scope="module")
def services(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServiceProcess]]:
    """One service in each state; the slow steps of all of them go on at once."""
    folder = tmp_path_factory.mktemp("services")
    server.create_database("monitors")
    with ExitStack() as stack:
        stack.callback(server.drop_database, "monitors")
        lost, frozen = (stack.enter_context(PostgresServer()) for _ in range(2))
        ready_url = server.connection_string(database="monitors")
        urls = {
            "ready": ready_url,
            "draining": ready_url,
            "without its database": lost.connection_string(),
            FROZEN: frozen.connection_string(),
            "starting": f"postgresql://app:secret@127.0.0.1:{free_port()}/app",
        }
        found = {
            state: stack.enter_context(
                service_process(
                    folder / str(number),
                    DATABASE_URL=urls[state.removesuffix(", with a token")],
                    HEALTH_TOKEN=TOKEN if state.endswith("token") else "",
                    DRAIN_SECONDS="300",  # longer than the module; the end of a block kills
                )
            )
            for number, state in enumerate(STATES)
        }
        for state, service in found.items():
            service.wait_for(503 if state == "starting" else 200)
        lost.stop()
        frozen.freeze()
        process = found["draining"].process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        for state, service in found.items():
            service.wait_for(200 if STATES[state][DATABASE] else 503, DATABASE)
        yield found


@pytest.fixture
def service(services: dict[str, ServiceProcess], state: str) -> ServiceProcess:
    """The one in this state; where the database is frozen, with nothing remembered that could be told at once."""
    found = services[state]
    if state == FROZEN:
        wait_until(lambda: observed_ago(found) > FAILING_FOR_SECONDS)
    return found


def observed_ago(service: ServiceProcess) -> float:
    """In seconds; a scrape asks the database nothing."""
    (age,) = re.findall(r"^pgvector_ready_observation_age_seconds (\S+)$", scraped(service), re.MULTILINE)
    return float(age)


def scraped(service: ServiceProcess) -> str:
    """All of it, where a token is asked for as well."""
    answer = httpx.get(service.url + METRICS, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == httpx.codes.OK
    return answer.text


# By the monitors' documented rules


def ask(client: httpx.Client, recipe: Recipe) -> Reply | None:
    """One check; None when the monitor would have given up."""
    started = time.monotonic()
    with suppress(httpx.TimeoutException):
        answer = client.request(
            recipe.method, recipe.path, headers=dict(recipe.headers), timeout=recipe.timeout_seconds
        )
        spent = time.monotonic() - started
        return Reply(answer.status_code, answer.text, spent) if spent < recipe.timeout_seconds else None
    return None


def replies(asking: dict[str, Recipe], service: ServiceProcess) -> dict[str, Reply | None]:
    """What each of them got. All at once: monitors do not wait for each other."""
    with httpx.Client(base_url=service.url) as client, ThreadPoolExecutor(len(asking)) as pool:
        return dict(zip(asking, pool.map(lambda recipe: ask(client, recipe), asking.values()), strict=True))


def verdicts(document: str, service: ServiceProcess) -> dict[str, bool | None]:
    """Every recipe's; None when no answer came in time."""
    found = recipes(document)
    return judged(found, replies(found, service))


def judged(found: dict[str, Recipe], got: dict[str, Reply | None]) -> dict[str, bool | None]:
    return {name: found[name].rule(reply) if reply else None for name, reply in got.items()}


def expected(state: str) -> dict[str, bool | None]:
    return {name: STATES[state][path] for name, path in QUESTIONS.items()}


@pytest.mark.parametrize("state", sorted(STATES.keys() - {FROZEN}))
def test_every_recipe_says_what_is_so(service: ServiceProcess, state: str) -> None:
    assert verdicts(DOCUMENT, service) == expected(state)


@pytest.mark.parametrize("state", [FROZEN])
def test_a_frozen_database_is_waited_for_and_told_of_in_time(service: ServiceProcess, state: str) -> None:
    found = recipes()
    got = replies(found, service)

    assert judged(found, got) == expected(state)
    # Nobody accepts a connection, and the service waits 3 s for that: none of these was a remembered answer.
    assert all(reply.seconds > 2 for name, reply in got.items() if reply and QUESTIONS[name] == DATABASE)


@pytest.mark.parametrize("state", ["without its database", "without its database, with a token", "draining"])
def test_a_body_rule_needs_no_status(service: ServiceProcess, state: str) -> None:
    """Where something in between turns every answer into a 200, the body still tells."""
    found = recipes()

    fooled = {
        name
        for name, reply in replies(found, service).items()
        if reply and not STATES[state][QUESTIONS[name]] and found[name].rule(replace(reply, status=200))
    }

    assert fooled == {name for name in QUESTIONS if not STATES[state][QUESTIONS[name]]} - LOOKING_AT_THE_BODY


@in_every_state
def test_metrics_are_there_in_every_state(service: ServiceProcess, state: str) -> None:
    assert f"pgvector_ready_started {float(state != 'starting')}\n" in scraped(service)


def test_no_monitor_gives_up_on_the_database_before_the_service_does() -> None:
    settings = load(database_url="postgresql://127.0.0.1/app")
    deadline = settings.connect_timeout_seconds + settings.query_timeout_seconds

    asking = {name: recipe for name, recipe in recipes().items() if QUESTIONS[name] == DATABASE}
    assert {name for name, recipe in asking.items() if recipe.timeout_seconds < deadline + 1} == set()


def test_no_check_is_still_under_way_when_the_next_one_begins() -> None:
    together = {
        name for name, it in recipes().items() if it.interval_seconds and it.interval_seconds < it.timeout_seconds
    }

    assert together == set()


def test_who_tells_people_comes_by_once_a_minute_or_less() -> None:
    """Each visit keeps a database awake. Kubernetes' readiness decides about traffic, and must be quicker."""
    often = {name for name, it in recipes().items() if QUESTIONS[name] == DATABASE and (it.interval_seconds or 0) < 60}

    assert often == {"Kubernetes, readinessProbe"}


WRONG = {
    "a path that does not exist": ("path: /api/v1/health/db, port", "path: /api/v1/health/database, port"),
    "liveness that asks the database": (
        "livenessProbe:\n            httpGet: {path: /api/v1/health,",
        "livenessProbe:\n            httpGet: {path: /api/v1/health/db,",
    ),
    "Render asking the database": ("healthCheckPath: /api/v1/health\n", "healthCheckPath: /api/v1/health/db\n"),
    "a blank in the keyword": ('"required_keyword": "\\"healthy\\":true"', '"required_keyword": "\\"healthy\\": true"'),
    "a method that is not answered": ("| HTTP method | `HEAD` |", "| HTTP method | `POST` |"),
    "a failure accepted": ("| Up HTTP status codes | `200-399` |", "| Up HTTP status codes | `200-399`, `503` |"),
    "503 not accepted, and yet its body wanted": (
        "| `200-299`, `503` | `200-299`, `503` |",
        "| `200-299` | `503` |",
    ),
    "a query that finds nothing": ('`error ? error.code : "ready"`', "`error.code`"),
    "a condition that never holds": ("[BODY].status == any(pass, warn)", "[BODY].state == any(pass, warn)"),
    "a load balancer that wants no body": ('HttpCode: "200"', 'HttpCode: "204"'),
    "an expression that does not hold": ("_cel: body.healthy == true", "_cel: body.healthy == 'true'"),
    "a check of the other endpoint": ('  path = "/api/v1/health/db"', '  path = "/api/v1/health"'),
}


@pytest.mark.parametrize(("line", "gone_wrong"), WRONG.values(), ids=WRONG)
def test_a_recipe_gone_wrong_would_be_found(services: dict[str, ServiceProcess], line: str, gone_wrong: str) -> None:
    document = DOCUMENT.replace(line, gone_wrong)
    assert document != DOCUMENT

    states = ("ready", "without its database")
    assert any(verdicts(document, services[state]) != expected(state) for state in states)


def test_the_codes_that_a_monitor_shows_are_real(services: dict[str, ServiceProcess]) -> None:
    """What the document says Uptime Kuma's notification compares."""
    answer = httpx.get(services["without its database, with a token"].url + DATABASE)

    assert f"(comparing {answer.json()['error']['code']} == ready)" in DOCUMENT


def test_a_token_shows_the_rest(services: dict[str, ServiceProcess]) -> None:
    url = services["without its database, with a token"].url + DATABASE
    anonymous, known = httpx.get(url), httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"})

    assert set(anonymous.json()) == {"healthy", "status", "error"}
    assert known.json()["error"]["remedy"]


# What the platforms demand of the numbers


def test_kubernetes_waits_as_long_as_the_document_says_and_lets_the_service_drain() -> None:
    pod = kubernetes(DOCUMENT)
    (deployment,) = (yaml.safe_load(block) for block in blocks(DOCUMENT, "Kubernetes", "yaml"))
    (container,) = pod["containers"]
    startup = container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"]
    drain = next(float(it["value"]) for it in container["env"] if it["name"] == "DRAIN_SECONDS")

    assert startup == 15 * 60
    assert deployment["spec"]["progressDeadlineSeconds"] > startup
    assert pod["terminationGracePeriodSeconds"] > drain + 10
    assert {probe["httpGet"]["port"] for probe in container.values() if "httpGet" in probe} == {"http"}


def test_the_load_balancer_takes_these_numbers() -> None:
    """The limits of the API: CreateTargetGroup."""
    group = target_group(DOCUMENT)

    assert 5 <= group["HealthCheckIntervalSeconds"] <= 300
    assert 2 <= group["HealthCheckTimeoutSeconds"] < group["HealthCheckIntervalSeconds"]
    assert 2 <= group["HealthyThresholdCount"] <= 10
    assert 2 <= group["UnhealthyThresholdCount"] <= 10


# monitoring-plugins' check_http, the real one

PLUGINS = "/usr/lib/nagios/plugins"
(_CONSOLE,) = blocks(DOCUMENT, "Nagios, Icinga: check_http", "console")
COMMANDS = re.findall(r"^\$ (check_http .*)$", _CONSOLE, re.MULTILINE)
OK, CRITICAL = 0, 2


def check_http(command: str, port: int) -> subprocess.CompletedProcess[str]:
    """The document's line as a shell reads it, at this port."""
    if shutil.which("check_http", path=PLUGINS) is None:
        message = "The tests need check_http, which is not here: apt-get install monitoring-plugins-basic"
        raise RuntimeError(message)
    here = command.replace("-p 8000", f"-p {port}")
    assert here != command
    environment = {**os.environ, "PATH": f"{PLUGINS}:{os.environ['PATH']}", "LC_ALL": "C"}
    return subprocess.run(["bash", "-c", here], env=environment, capture_output=True, text=True, check=False)


@in_every_state
def test_check_http(service: ServiceProcess, state: str) -> None:
    with ThreadPoolExecutor(len(COMMANDS)) as pool:
        done = list(pool.map(lambda command: check_http(command, service.port), COMMANDS))

    for command, it in zip(COMMANDS, done, strict=True):
        is_fine = STATES[state][DATABASE if DATABASE in command else HEALTH]
        assert it.returncode == (OK if is_fine else CRITICAL), f"{command}\n{it.stdout}{it.stderr}"
        assert f"HTTP/1.1 {200 if is_fine else 503}" in it.stdout  # an answer, and no timeout of its own
    assert [DATABASE in command for command in COMMANDS] == [True, True, True, True, False]


def test_check_http_shows_the_runbook(services: dict[str, ServiceProcess]) -> None:
    it = check_http(COMMANDS[0], services["without its database"].port)

    assert "[-] connected connection_refused: " in it.stdout
    assert " → " in it.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"healthy":true', '"healthy": true'), ("/api/v1/health/db", "/api/v1/health/database")],
    ids=["keyword", "path"],
)
def test_check_http_gone_wrong_would_be_found(services: dict[str, ServiceProcess], right: str, wrong: str) -> None:
    command = COMMANDS[1].replace(right, wrong)

    assert check_http(command, services["ready"].port).returncode != OK


# blackbox_exporter and Prometheus, the real ones


def written(folder: Path, name: str, document: str) -> Path:
    path = folder / name
    path.write_text(document)
    return path


@contextmanager
def running(folder: Path, name: str, *options: str) -> Iterator[None]:
    """One of Prometheus' programs, until the end of the block."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([program(name), *options], stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@dataclass(frozen=True, slots=True)
class Exporter:
    address: str

    def probe(self, module: str, target: str) -> dict[str, float]:
        """As Prometheus asks it, with the time that the document gives it."""
        _, _, scraping, _ = blackbox_blocks()
        timeout = seconds(scraping["scrape_configs"][0]["scrape_timeout"])
        answer = httpx.get(
            f"http://{self.address}/probe",
            params={"module": module, "target": target},
            headers={"X-Prometheus-Scrape-Timeout-Seconds": str(timeout)},
            timeout=timeout,
        )
        assert answer.is_success, answer.text
        return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", answer.text, re.MULTILINE)}


def blackbox_blocks() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in blocks(DOCUMENT, "Prometheus blackbox_exporter", "yaml")]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    folder = tmp_path_factory.mktemp("exporter")
    config = written(folder, "blackbox.yml", blocks(DOCUMENT, "Prometheus blackbox_exporter", "yaml")[0])
    modules = yaml.safe_load(config.read_text())["modules"]
    # One more, whose body rule is asked whatever the status: the exporter looks no further after a wrong one.
    http = {**modules["http_usable"]["http"], "valid_status_codes": [200, 503]}
    modules["by_the_body"] = {**modules["http_usable"], "http": http}
    config = written(folder, "more.yml", yaml.safe_dump({"modules": modules}))
    address = f"127.0.0.1:{free_port()}"
    options = (f"--config.file={config}", f"--web.listen-address={address}")
    with running(folder, "prometheus-blackbox-exporter", *options):
        wait_until(lambda: listens(address))
        yield Exporter(address)


def listens(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://{address}/-/healthy").is_success
    return False


def test_the_exporter_takes_the_configuration(tmp_path: Path) -> None:
    config = written(tmp_path, "blackbox.yml", blocks(DOCUMENT, "Prometheus blackbox_exporter", "yaml")[0])
    command = [program("prometheus-blackbox-exporter"), f"--config.file={config}", "--config.check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Config file is ok" in done.stderr


@in_every_state
def test_blackbox_exporter(service: ServiceProcess, exporter: Exporter, state: str) -> None:
    """0.23 knows no rule for a JSON body: that one is judged above, by its documentation."""
    modules = {"http_live": HEALTH, "http_usable": DATABASE, "http_head": DATABASE, "by_the_body": DATABASE}
    assert {*blackbox_blocks()[0]["modules"], "by_the_body"} == modules.keys()

    with ThreadPoolExecutor(len(modules)) as pool:
        probe = lambda it: exporter.probe(it[0], service.url + it[1])  # noqa: E731 - a line is enough
        seen = dict(zip(modules, pool.map(probe, modules.items()), strict=True))

    assert set(re.findall(r"\bprobe_\w+", DOCUMENT)) <= seen["http_live"].keys()
    for module, path in modules.items():
        is_fine = STATES[state][path]
        assert seen[module]["probe_success"] == is_fine, seen[module]
        assert seen[module]["probe_http_status_code"] == (200 if is_fine else 503)
        assert seen[module]["probe_duration_seconds"] < 9
    assert seen["by_the_body"]["probe_failed_due_to_regex"] == (not STATES[state][DATABASE])


def test_prometheus_asks_through_the_exporter_and_alerts(
    services: dict[str, ServiceProcess], exporter: Exporter, tmp_path: Path
) -> None:
    """The document's jobs and rule, at other addresses and in a hurry."""
    *_, scraping, alerting = blackbox_blocks()
    fine, failing = services["ready"].url, services["without its database"].url
    for job in scraping["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        job["static_configs"] = [{"targets": [service + path_of(target) for service in (fine, failing)]}]
        job["relabel_configs"][-1]["replacement"] = exporter.address
        job["scrape_interval"] = job["scrape_timeout"] = "1s"
    alerting["groups"][0]["rules"][0]["for"] = "1s"
    rule_file = written(tmp_path, "rules.yml", yaml.safe_dump(alerting))
    configuration = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(rule_file)], **scraping}
    config, address = written(tmp_path, "prometheus.yml", yaml.safe_dump(configuration)), f"127.0.0.1:{free_port()}"

    def query(expression: str) -> dict[tuple[str, str], float]:
        with suppress(httpx.TransportError):
            answer = httpx.get(f"http://{address}/api/v1/query", params={"query": expression})
            samples = answer.json()["data"]["result"] if answer.is_success else []  # 503 while it starts
            return {(it["metric"]["job"], it["metric"]["instance"]): float(it["value"][1]) for it in samples}
        return {}

    options = (f"--config.file={config}", f"--storage.tsdb.path={tmp_path}", f"--web.listen-address={address}")
    with running(tmp_path, "prometheus", *options):
        wait_until(lambda: query('ALERTS{alertstate="firing"}') and len(query("probe_success")) == 4)
        seen, alerts = query("probe_success"), query('ALERTS{alertstate="firing"}')

    assert seen == {
        ("pgvector-ready-database", fine + DATABASE): 1,
        ("pgvector-ready-database", failing + DATABASE): 0,
        ("pgvector-ready-service", fine + HEALTH): 1,
        ("pgvector-ready-service", failing + HEALTH): 1,
    }
    assert alerts == {("pgvector-ready-database", failing + DATABASE): 1}


def test_promtool_takes_the_jobs_and_the_rule(tmp_path: Path) -> None:
    *_, scraping, alerting = blocks(DOCUMENT, "Prometheus blackbox_exporter", "yaml")
    rule_file = written(tmp_path, "rules.yml", alerting)

    assert "SUCCESS" in promtool("check", "config", str(written(tmp_path, "prometheus.yml", scraping)))
    assert "1 rules found" in promtool("check", "rules", str(rule_file))


def test_every_url_of_the_document_is_one_of_the_two_endpoints() -> None:
    paths = set(re.findall(rf"{PLACEHOLDER}(/[^\s`\"?]*)", DOCUMENT))

    assert paths == {HEALTH, DATABASE}
