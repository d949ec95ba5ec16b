"""The Blueprint: valid for Render, and in step with the service that it deploys."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import AliasChoices, SecretStr

from pgvector_ready import healthcheck as probe
from pgvector_ready.paths import HEALTH_PATH
from pgvector_ready.settings import Settings, load

REPOSITORY = Path(__file__).parents[2]
# Render publishes no licence for its schema, so that it lies beside the project and not in it.
SCHEMA = REPOSITORY.parent / "shared" / "data" / "render.schema.json"
GRACEFUL_SHUTDOWN_SECONDS = 10  # what pgvector_ready.server gives to requests that are still open


@pytest.fixture
def blueprint() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / "render.yaml").read_text())
    return document


@pytest.fixture
def service(blueprint: dict[str, Any]) -> dict[str, Any]:
    (only,) = blueprint["services"]
    assert isinstance(only, dict)
    return only


@pytest.fixture
def variables(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {variable["key"]: variable for variable in service["envVars"]}


def known_variables() -> dict[str, bool]:
    """Every variable the service reads, and whether it is a secret."""
    known: dict[str, bool] = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [alias or name.upper()]
        known |= {str(one): SecretStr.__name__ in str(field.annotation) for one in names}
    return known


def test_the_secrets_are_recognised() -> None:
    """The tests below would pass for nothing if this were not so."""
    assert {name for name, is_secret in known_variables().items() if is_secret} >= {"DATABASE_URL", "HEALTH_TOKEN"}


@pytest.mark.skipif(not SCHEMA.exists(), reason="Render's schema is not beside the project")
def test_render_accepts_it(blueprint: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())

    errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(blueprint))

    assert errors == []


def test_render_asks_the_path_that_gates_a_deploy(service: dict[str, Any]) -> None:
    assert service["healthCheckPath"] == HEALTH_PATH
    assert probe.PATH == HEALTH_PATH


def test_render_builds_the_dockerfile(service: dict[str, Any]) -> None:
    assert service["runtime"] == "docker"
    assert (REPOSITORY / "Dockerfile").exists()


def test_only_a_commit_with_green_checks_is_deployed(service: dict[str, Any]) -> None:
    assert service["autoDeployTrigger"] == "checksPass"


@pytest.mark.parametrize("key", ["env", "branch", "autoDeploy", "dockerCommand"])
def test_what_render_no_longer_wants_is_not_there(service: dict[str, Any], key: str) -> None:
    """`env` left the schema, `branch` breaks previews, and the command is the image's."""
    assert key not in service


def test_the_connection_string_is_asked_for_and_not_written_down(variables: dict[str, dict[str, Any]]) -> None:
    assert variables["DATABASE_URL"] == {"key": "DATABASE_URL", "sync": False}


def test_no_secret_has_a_value_here(variables: dict[str, dict[str, Any]]) -> None:
    secrets = {name for name, is_secret in known_variables().items() if is_secret}

    written_down = [key for key, variable in variables.items() if key in secrets and "value" in variable]

    assert written_down == []
    assert "://" not in json.dumps(list(variables.values()))


def test_every_variable_is_one_that_the_service_reads(variables: dict[str, dict[str, Any]]) -> None:
    assert variables.keys() <= known_variables().keys()


def test_every_value_is_a_string(variables: dict[str, dict[str, Any]]) -> None:
    """YAML's true is a boolean, which Render refuses; its 1.0 would arrive as 1."""
    values = [variable["value"] for variable in variables.values() if "value" in variable]

    assert [value for value in values if not isinstance(value, str)] == []


def test_the_service_takes_these_values_and_keeps_its_gate(
    service: dict[str, Any], variables: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy must not go live before the database is right, nor be killed while it drains."""
    for key, variable in variables.items():
        monkeypatch.setenv(key, variable.get("value", "postgresql://app:secret@db.example.net/app"))

    settings = load()

    assert settings.startup_gate
    assert service["maxShutdownDelaySeconds"] > settings.drain_seconds + GRACEFUL_SHUTDOWN_SECONDS
