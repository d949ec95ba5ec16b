"""What becomes of an observation in the document: every state of every part."""

import dataclasses
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pgvector_ready.documents.documents import AnonymousDocument, DatabaseDocument, ErrorDocument, ServiceDocument
from pgvector_ready.documents.identity import Documentation, Identity
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.facts import Extension, Facts, Server
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning, ProvisioningState
from pgvector_ready.judgement.phrases import Part, phrase
from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, Revisions
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Provider, Target

NOON = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
TARGET = Target("db.example.net", 5432, "app", "someone", Provider.OTHER)
SERVER = Server("17.6", False, False, "app", "someone", "TLSv1.3", False, "3f9ac2d1")  # noqa: FBT003
VECTOR = Extension("0.8.6", "0.8.6", "public", "public")
FOUND = Facts(TARGET, NOON, 2.94, SERVER, VECTOR, durations_ms={Step.CONNECTED: 2.149, Step.USABLE: 0.75})
IDENTITY = Identity("a6be012", "staging", "srv-1", NOON, Documentation("/failures"))


def written(facts: Facts, requirements: Requirements = Requirements(), **observed: Any) -> dict[str, Any]:  # noqa: B008
    """The document of these facts, as it is sent."""
    about: dict[str, Any] = {"provisioning": Provisioning(), "since": NOON, "consecutive_failures": 0, **observed}
    observation = Observation(judge(facts, requirements), **about)
    return dict(json.loads(DatabaseDocument.of(observation, IDENTITY).model_dump_json(by_alias=True)))


@pytest.mark.parametrize(
    ("extension", "state"),
    [
        (VECTOR, "installed"),
        (replace(VECTOR, available_version=None), "installed"),
        (Extension("0.8.6"), "available"),
        (Extension(), "not_available"),
        (None, "unknown"),
    ],
)
def test_the_state_of_pgvector(extension: Extension | None, state: str) -> None:
    shown = written(replace(FOUND, extension=extension))["pgvector"]

    assert shown["state"] == state
    assert shown["installed_version"] == (extension and extension.installed_version)
    assert shown["available_version"] == (extension and extension.available_version)
    assert shown["schema"] == (extension and extension.schema)
    assert "quoted_schema" not in shown


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        (SERVER, {"version": "17.6", "role": "primary", "writable": True}),
        (replace(SERVER, is_read_only=True), {"version": "17.6", "role": "primary", "writable": False}),
        (replace(SERVER, is_standby=True), {"version": "17.6", "role": "standby", "writable": False}),
        (None, {"version": None, "role": None, "writable": None}),
    ],
)
def test_the_server(server: Server | None, shown: dict[str, Any]) -> None:
    assert written(replace(FOUND, server=server))["server"] == shown


def test_the_target_is_what_was_reached_once_it_was() -> None:
    """A pooler may have brought us to another database than the string names."""
    reached = written(replace(FOUND, server=replace(SERVER, database="other", user="pooled")))["target"]
    wanted = written(replace(FOUND, server=None))["target"]

    assert (reached["database"], reached["user"], reached["tls"]) == ("other", "pooled", "TLSv1.3")
    assert (wanted["database"], wanted["user"], wanted["tls"], wanted["fingerprint"]) == ("app", "someone", None, None)


def test_a_target_of_several_hosts_is_written_as_libpq_does() -> None:
    target = parse("postgresql://someone:secret@one.example.net:5432,two.example.net:6432/app").target

    shown = written(replace(FOUND, target=target, server=None))["target"]

    assert (shown["host"], shown["port"]) == ("one.example.net,two.example.net", "5432,6432")


def test_only_what_is_known_of_a_step_is_told() -> None:
    document = written(FOUND, Requirements(notes=(phrase(Part.QUOTES),)))

    by_name = {step.pop("step"): step for step in document["steps"]}
    assert by_name["configured"] == {"state": "pass", "notes": ["quotes"]}
    assert by_name["connected"] == {"state": "pass", "duration_ms": 2.1}
    assert by_name["expected"] == {"state": "skipped", "reason": "not_asked"}


def test_a_warning_stands_beside_its_step() -> None:
    document = written(replace(FOUND, extension=replace(VECTOR, installed_version="0.8.0")))

    (enabled,) = (step for step in document["steps"] if step["step"] == "enabled")
    assert list(enabled) == ["step", "state", "code", "message", "remedy"]
    assert enabled["code"] == "pgvector_update_available"
    assert (document["healthy"], document["status"], document["error"]) == (True, "warn", None)


@pytest.mark.parametrize("state", ProvisioningState)
def test_where_start_up_stands(state: ProvisioningState) -> None:
    """Its blocking failure is told by the step it blocks, and not once more."""
    shown = written(FOUND, provisioning=Provisioning(state, attempts=7, is_done=True))["provisioning"]

    assert shown == {"state": state.value, "attempts": 7}


@pytest.mark.parametrize(
    ("revisions", "shown"),
    [(None, None), ({"0001"}, "0001"), ({"b", "a"}, "a,b"), (set(), None)],
)
def test_the_migrations(revisions: set[str] | None, shown: str | None) -> None:
    known = Revisions(frozenset({"0002"}), frozenset({"0001", "0002"}))
    facts = replace(FOUND, revisions=None if revisions is None else frozenset(revisions))

    document = written(facts, Requirements(migrations=MigrationPolicy.OFF, revisions=known))

    assert document["migrations"] == {"current": shown, "head": "0002"}


def test_instants_are_in_utc_and_durations_short() -> None:
    document = written(FOUND, since=NOON)

    assert document["observed_at"] == "2026-01-01T12:00:00.123Z"
    assert document["since"] == "2026-01-01T12:00:00Z"
    assert document["latency_ms"] == 2.9


def test_the_error_is_the_first_failed_steps() -> None:
    failure = Failure.about(Code.INVALID_PASSWORD, Step.CONNECTED, TARGET, sqlstate="28P01")

    document = written(replace(FOUND, server=None, extension=None, failure=failure), consecutive_failures=3)

    assert document["error"] == {
        "code": "invalid_password",
        "step": "connected",
        "message": "The server refused the password of user someone.",
        "remedy": "Copy the connection string again from the provider: the password was changed, cut short, "
        "or belongs to another database.",
        "sqlstate": "28P01",
        "documentation": "/failures#invalid_password",
    }
    assert document["consecutive_failures"] == 3


def test_the_service_names_itself() -> None:
    document = json.loads(ServiceDocument.of(None, IDENTITY).model_dump_json())

    assert document["started_at"] == "2026-01-01T12:00:00Z"
    assert (document["commit"], document["environment"], document["instance"]) == ("a6be012", "staging", "srv-1")


@pytest.mark.parametrize(
    "failure", [None, Failure.about(Code.STARTING, Step.SERVICE, TARGET)], ids=["live", "starting"]
)
def test_everybody_may_see_no_more_than_the_verdict(failure: Failure | None) -> None:
    document = AnonymousDocument.of(ServiceDocument.of(failure, IDENTITY)).model_dump(mode="json")

    assert document == {
        "healthy": failure is None,
        "status": "pass" if failure is None else "fail",
        "error": failure and {"code": "starting"},
    }


def test_a_failure_is_shown_whole() -> None:
    """A field that is added to one must be added to the other, or be left out on purpose."""
    shown = set(ErrorDocument.model_fields) - {"documentation", "message", "remedy"}
    assert shown | {"values", "case", "words"} == {field.name for field in dataclasses.fields(Failure)}
