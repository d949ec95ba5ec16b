"""The recipes, read from docs/monitors.md: each as the request that the monitor sends and the rule it judges by."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support import monitor_rules as rules
from tests.support.monitor_rules import Rule

DOCUMENT = (Path(__file__).parents[2] / "docs" / "monitors.md").read_text()
PLACEHOLDER = "https://staging.example.com"
# What each of them is known to send along, and a service could trip over.
_KUMA = {"Accept": "text/html,application/json,*/*", "User-Agent": "Uptime-Kuma/2.0"}
_RAILWAY = {"Host": "healthcheck.railway.app"}
_BY_ADDRESS = {"Host": "10.0.0.7:8000"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One check; an interval of None is the platform's own."""

    path: str
    rule: Rule
    timeout_seconds: float
    interval_seconds: float | None = None
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


def section(document: str, title: str) -> str:
    """What stands below this heading."""
    return re.split(rf"^## {re.escape(title)}\n", document, flags=re.MULTILINE)[1].split("\n## ")[0]


def blocks(document: str, title: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", section(document, title), re.MULTILINE | re.DOTALL)


def columns(document: str, title: str) -> dict[str, dict[str, list[str]]]:
    """The table of settings: for each of its columns, the values of every setting."""
    rows = [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in re.findall(r"^\|.*\|$", section(document, title), re.MULTILINE)
    ]
    names = rows[0][1:]
    return {
        name: {row[0]: re.findall(r"`([^`]+)`", row[at]) for row in rows[2:]}
        for at, name in enumerate(names, 1)
        if name != "why"
    }


def seconds(duration: str | float) -> float:
    """`60s`, `5 minutes` and plain seconds."""
    number, unit = re.fullmatch(r"(\d+) ?([sm]?)\w*", str(duration)).groups()  # type: ignore[union-attr]
    return float(number) * (60 if unit == "m" else 1)


def path_of(url: str) -> str:
    assert url.startswith(PLACEHOLDER), url
    return url.removeprefix(PLACEHOLDER)


def _render(document: str) -> dict[str, Recipe]:
    (block,) = blocks(document, "Render", "yaml")
    (service,) = yaml.safe_load(block)["services"]
    return {"Render": Recipe(service["healthCheckPath"], rules.status_within("200-399"), 5)}


def _uptimerobot(document: str) -> dict[str, Recipe]:
    (settings,) = columns(document, "UptimeRobot").values()
    return {
        "UptimeRobot": Recipe(
            path_of(*settings["URL"]),
            rules.status_within(*settings["Up HTTP status codes"]),
            seconds(*settings["Request timeout"]),
            seconds(*settings["Monitoring interval"]),
            settings["HTTP method"][0],
        )
    }


def _uptime_kuma(document: str) -> dict[str, Recipe]:
    return {f"Uptime Kuma, {name}": _kuma_recipe(it) for name, it in columns(document, "Uptime Kuma").items()}


def _kuma_recipe(settings: dict[str, list[str]]) -> Recipe:
    judged = [rules.status_within(*settings["Accepted Status Codes"])]
    match settings["Monitor Type"]:
        case ["HTTP(s) - Keyword"]:
            rule = {"no": rules.body_has, "yes": rules.body_lacks}[settings["Invert Keyword"][0]]
            has_keyword = rule(*settings["Keyword"])
            judged.append(lambda reply: has_keyword(rules.kuma_body(reply)))
        case ["HTTP(s) - Json Query"]:
            judged.append(
                rules.kuma_json_query(*settings["Json Query"], *settings["Condition"], *settings["Expected Value"])
            )
        case other:
            assert other == ["HTTP(s)"]
    return Recipe(
        path_of(*settings["URL"]),
        rules.all_of(*judged),
        seconds(*settings["Request Timeout"]),
        seconds(*settings["Heartbeat Interval"]),
        settings["Method"][0],
        _KUMA,
    )


def _better_stack(document: str) -> dict[str, Recipe]:
    settings = json.loads(*blocks(document, "Better Stack", "json"))
    assert settings["monitor_type"] == "keyword"
    return {
        "Better Stack": Recipe(
            path_of(settings["url"]),
            rules.all_of(rules.status_within("200-299"), rules.body_has(settings["required_keyword"])),
            seconds(settings["request_timeout"]),
            seconds(settings["check_frequency"]),
            settings["http_method"].upper(),
        )
    }


def _gatus(document: str) -> dict[str, Recipe]:
    return {
        f"Gatus, {endpoint['name']}": Recipe(
            path_of(endpoint["url"]),
            rules.all_of(*map(rules.gatus, endpoint["conditions"])),
            seconds(endpoint["client"]["timeout"]),
            seconds(endpoint["interval"]),
        )
        for endpoint in yaml.safe_load(*blocks(document, "Gatus", "yaml"))["endpoints"]
    }


def _blackbox_json(document: str) -> dict[str, Recipe]:
    """The one module that Debian's exporter does not know, at the target of the one that it replaces."""
    _, newer, scraping, _ = (
        yaml.safe_load(block) for block in blocks(document, "Prometheus blackbox_exporter", "yaml")
    )
    ((name, module),) = newer["modules"].items()
    (job,) = (job for job in scraping["scrape_configs"] if name.startswith(job["params"]["module"][0]))
    settings = module["http"]
    codes = map(str, settings["valid_status_codes"])
    return {
        "blackbox_exporter, JSON body": Recipe(
            path_of(*job["static_configs"][0]["targets"]),
            rules.all_of(rules.status_within(*codes), rules.cel(settings["fail_if_body_json_not_matches_cel"])),
            min(seconds(module["timeout"]), seconds(job["scrape_timeout"]) - 0.5),
            seconds(job["scrape_interval"]),
            settings["method"],
        )
    }


def kubernetes(document: str) -> dict[str, Any]:
    """The Deployment's pod."""
    pod: dict[str, Any] = yaml.safe_load(*blocks(document, "Kubernetes", "yaml"))["spec"]["template"]["spec"]
    return pod


def _kubernetes(document: str) -> dict[str, Recipe]:
    (container,) = kubernetes(document)["containers"]
    return {
        f"Kubernetes, {name}": Recipe(
            probe["httpGet"]["path"],
            rules.status_within("200-399"),
            probe.get("timeoutSeconds", 1),
            probe.get("periodSeconds", 10),
            headers=_BY_ADDRESS,
        )
        for name, probe in container.items()
        if name.endswith("Probe")
    }


def target_group(document: str) -> dict[str, Any]:
    """The load balancer's."""
    (block,) = blocks(document, "AWS Application Load Balancer", "yaml")
    (resource,) = yaml.safe_load(block)["Resources"].values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def _load_balancer(document: str) -> dict[str, Recipe]:
    settings = target_group(document)
    return {
        "AWS Application Load Balancer": Recipe(
            settings["HealthCheckPath"],
            rules.status_within(*settings["Matcher"]["HttpCode"].split(",")),
            settings["HealthCheckTimeoutSeconds"],
            settings["HealthCheckIntervalSeconds"],
            headers=_BY_ADDRESS,
        )
    }


def _fly(document: str) -> dict[str, Recipe]:
    settings = tomllib.loads(*blocks(document, "Fly.io", "toml"))
    (service,) = settings["http_service"]["checks"]
    checks = {"Fly.io, the service's": service} | {f"Fly.io, {name}": it for name, it in settings["checks"].items()}
    return {
        name: Recipe(
            check["path"],
            rules.status_within("200-299"),
            seconds(check["timeout"]),
            seconds(check["interval"]),
            check["method"],
        )
        for name, check in checks.items()
    }


def _railway(document: str) -> dict[str, Recipe]:
    settings = json.loads(*blocks(document, "Railway", "json"))["deploy"]
    timeout = seconds(settings["healthcheckTimeout"])  # of all its attempts together
    return {"Railway": Recipe(settings["healthcheckPath"], rules.status_within("200"), timeout, headers=_RAILWAY)}


def _updown(document: str) -> dict[str, Recipe]:
    (settings,) = columns(document, "updown.io").values()
    path, interval = path_of(*settings["URL"]), seconds(*settings["Check interval"])
    is_up = rules.status_within("200-299")
    has_text = rules.body_has(*settings["Must contain"])
    return {
        f"updown.io, {verb}": Recipe(path, rule, 30, interval, verb)
        for verb, rule in zip(settings["HTTP verb"][0].split("/"), (rules.all_of(is_up, has_text), is_up), strict=True)
    }


def _pingdom(document: str) -> dict[str, Recipe]:
    (settings,) = columns(document, "Pingdom").values()
    keyword = rules.body_has(*settings["Response should contain"])
    rule = rules.all_of(rules.status_within("200-299"), keyword)
    return {"Pingdom": Recipe(path_of(*settings["URL"]), rule, 30, seconds(*settings["Check interval"]))}


_READERS = (
    _render,
    _uptimerobot,
    _uptime_kuma,
    _better_stack,
    _gatus,
    _blackbox_json,
    _kubernetes,
    _load_balancer,
    _fly,
    _railway,
    _updown,
    _pingdom,
)


def recipes(document: str = DOCUMENT) -> dict[str, Recipe]:
    """All that are judged by a monitor's documented rules."""
    return {name: recipe for read in _READERS for name, recipe in read(document).items()}
