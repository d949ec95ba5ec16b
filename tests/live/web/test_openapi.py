"""What FastAPI's document promises of the two endpoints, held against what they really answer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from pgvector_ready.judgement.failures import Code
from tests.conftest import Database
from tests.support.postgres import PostgresServer, free_port
from tests.support.service import DATABASE, HEALTH, ServiceProcess, running, service_process

DOCUMENTED = [(path, status) for path in (HEALTH, DATABASE) for status in ("200", "503")]
MEDIA_TYPES = {"application/json", "application/health+json", "text/plain"}


@pytest.fixture(scope="module")
def service(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    server.create_database("openapi")
    url = server.connection_string(database="openapi")
    with service_process(tmp_path_factory.mktemp("openapi") / "log", DATABASE_URL=url) as process:
        process.wait_for(200)
        yield process
        process.end()
    server.drop_database("openapi")


@pytest.fixture(scope="module")
def document(service: ServiceProcess) -> dict[str, Any]:
    return dict(httpx.get(f"{service.url}/openapi.json").json())


def content(document: dict[str, Any], path: str, status: str) -> dict[str, Any]:
    """What is documented as the body of a GET, by media type."""
    return dict(document["paths"][path]["get"]["responses"][status]["content"])


def validator(document: dict[str, Any], path: str, status: str) -> Draft202012Validator:
    """Of the schema of that body; an additional key is a mistake too, since nobody was told of it."""
    schema = content(document, path, status)["application/json"]["schema"]
    components = {name: {**part, **closed(part)} for name, part in document["components"]["schemas"].items()}
    whole = {**schema, "components": {"schemas": components}}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def closed(part: dict[str, Any]) -> dict[str, Any]:
    return {"additionalProperties": False} if part.get("type") == "object" else {}


@pytest.mark.parametrize(("path", "status"), DOCUMENTED)
def test_each_answer_has_a_schema_and_an_example_that_fits_it(document: dict[str, Any], path: str, status: str) -> None:
    documented = content(document, path, status)

    example = documented["application/json"]["example"]
    validator(document, path, status).validate(example)
    assert set(documented) == MEDIA_TYPES
    assert example["healthy"] is (status == "200")
    assert documented["application/health+json"] == documented["application/json"]


def test_every_failure_code_is_in_the_schema(document: dict[str, Any]) -> None:
    """Whoever generates a client from it gets all of them."""
    assert document["components"]["schemas"]["PgvectorReadyCode"]["enum"] == [str(code) for code in Code]


@pytest.mark.parametrize("path", [HEALTH, DATABASE])
def test_head_is_documented_with_no_body(document: dict[str, Any], path: str) -> None:
    responses = document["paths"][path]["head"]["responses"]

    assert set(responses) == {"200", "503"}
    assert not any("content" in response for response in responses.values())


def test_nothing_else_is_promised(document: dict[str, Any]) -> None:
    """No 422 in particular, which FastAPI adds wherever it validates: nothing is validated here."""
    answers = {status for path in (HEALTH, DATABASE) for status in document["paths"][path]["get"]["responses"]}
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]

    assert answers == {"200", "503"}
    assert {HEALTH, DATABASE} <= set(document["paths"])
    assert len({operation["operationId"] for operation in operations}) == len(operations)


@pytest.mark.parametrize("path", [HEALTH, DATABASE])
def test_a_healthy_answer_is_as_documented(service: ServiceProcess, document: dict[str, Any], path: str) -> None:
    answer = httpx.get(service.url + path)

    validator(document, path, "200").validate(answer.json())


async def test_a_warning_and_the_same_strictly_are_as_documented(
    database_with_vector: Database, document: dict[str, Any]
) -> None:
    database_with_vector.execute("UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'")

    async with running(database_with_vector.url) as service:
        warned, strict = await service.database(), await service.database(strict="true")

    assert (warned.json()["status"], strict.json()["status"]) == ("warn", "fail")
    validator(document, DATABASE, "200").validate(warned.json())
    validator(document, DATABASE, "503").validate(strict.json())


async def test_failing_and_anonymous_answers_are_as_documented(document: dict[str, Any]) -> None:
    url = f"postgresql://someone:secret@127.0.0.1:{free_port()}/app"

    async with running(url, health_token="secret") as service:  # noqa: S106 - an example
        bearer = {"Authorization": "Bearer secret"}
        answers = [
            (path, await service.client.get(path, headers=headers), headers)
            for path in (HEALTH, DATABASE)
            for headers in (bearer, {})
        ]
        service.ready.drain()
        answers += [(path, await service.client.get(path, headers=bearer), bearer) for path in (HEALTH, DATABASE)]

    for path, answer, headers in answers:
        assert answer.status_code == 503
        assert len(answer.json()) == 3 or headers
        validator(document, path, "503").validate(answer.json())


def test_the_pages_that_show_it_are_served(service: ServiceProcess) -> None:
    for path in ("/docs", "/redoc"):
        page = httpx.get(service.url + path)

        assert page.status_code == 200
        assert "/openapi.json" in page.text


def test_whatever_is_sent_the_answer_is_as_documented(service: ServiceProcess, tmp_path: Path) -> None:
    """Every check Schemathesis has, none left out, with what fits the document and what does not.

    As a program: its plugin for pytest does not know this version of pytest yet.
    """
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json", "--checks=all"]
    chosen = ["--include-path-regex=^/api/v1/health", "--max-examples=30", "--generation-deterministic"]

    run = subprocess.run([*command, *chosen, "--no-color"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "Operations:       4 selected" in run.stdout


def test_the_example_is_one_line_of_the_readme_kind(document: dict[str, Any]) -> None:
    """Keys in the order in which they are served: the verdict first."""
    example = content(document, DATABASE, "503")["application/json"]["example"]

    assert json.dumps(example).startswith('{"healthy": false, "status": "fail", "pgvector": {"state": "unknown"')
