"""The documents, held against the code they describe: what they name exists, and what they show is what it answers."""

import json
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

from pgvector_ready import __version__
from pgvector_ready.commands import cli
from pgvector_ready.database.sqlstates import SQLSTATES
from pgvector_ready.documents.answer import Manner, about_database, about_service
from pgvector_ready.documents.documents import DatabaseDocument, ServiceDocument, StepDocument
from pgvector_ready.documents.identity import Documentation, Identity
from pgvector_ready.judgement.facts import Extension, Facts
from pgvector_ready.judgement.failures import RUNBOOK, Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.requirements import Requirements, Revisions
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Provider, Target
from pgvector_ready.judgement.vectors import Inventory, Look
from pgvector_ready.paths import DATABASE_PATH, HEALTH_PATH
from tests.support.examples import LOST, NOON, SERVER, TARGET, USABLE
from tests.support.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()
FAILURES = (ROOT / "docs" / "failures.md").read_text()
every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


# docs/failures.md

CONTENTS, *_SECTIONS = re.split(r"^## (.+)\n", FAILURES, flags=re.MULTILINE)
TITLES, BODIES = _SECTIONS[::2], _SECTIONS[1::2]
PARTS = ["What you see", "Why", "What to do"]


def section(code: Code) -> str:
    return BODIES[TITLES.index(code)]


def test_every_code_has_exactly_one_section_and_every_section_a_code() -> None:
    assert sorted(TITLES) == sorted(Code)


@pytest.mark.parametrize("code", Code)
def test_a_section_says_what_you_see_why_and_what_to_do(code: Code) -> None:
    before, *parts = re.split(r"^\*\*(.+?)\.\*\* ", section(code), flags=re.MULTILINE)

    assert not before.strip()
    assert parts[::2] == PARTS
    assert all(text.strip() for text in parts[1::2])


@pytest.mark.parametrize("code", Code)
def test_a_section_says_how_bad_it_is_and_where_it_shows(code: Code) -> None:
    seen = section(code).partition("**Why.**")[0]

    told = re.search(r"\b(?:Failure|Warning) of (?:`(\w+)`|any step)", seen)
    assert told, seen
    assert told[1] is None or told[1] in set(Step)
    assert "/api/v1/health" in seen or re.search(r"exit code [12]", seen)
    assert "SQLSTATE" in seen


@pytest.mark.parametrize(("sqlstate", "code"), sorted({(sqlstate, code) for sqlstate, _, code in SQLSTATES}))
def test_a_section_names_every_sqlstate_that_leads_to_it(sqlstate: str, code: Code) -> None:
    assert re.search(rf"\b{sqlstate}", section(code).partition("**Why.**")[0])


def test_the_contents_list_the_sections_by_step_in_the_order_of_the_runbook() -> None:
    steps = re.findall(r"^\*\*(\w+)\*\*: \S", CONTENTS, re.MULTILINE)
    entries = re.findall(r"^- \[`(\w+)`\]\(#(\w+)\): \S", CONTENTS, re.MULTILINE)

    assert steps == [*RUNBOOK, Step.SERVICE]
    assert entries == [(title, title) for title in TITLES]


def statements() -> set[str]:
    written = "\n".join(path.read_text() for path in DOCUMENTS)
    blocks = re.findall(r"^```sql\n(.*?)^```", written, re.MULTILINE | re.DOTALL)
    return {statement.strip() for block in blocks for statement in block.split(";\n") if statement.strip()}


@pytest.mark.parametrize("statement", sorted(statements()))
def test_sql_can_be_pasted(server: PostgresServer, statement: str) -> None:
    """PL/pgSQL has a statement read by the real parser without running it."""
    assert not server.execute(f"DO $paste$BEGIN IF false THEN {statement}; END IF; END$paste$")


@pytest.mark.parametrize("name", ["runbook.md", "runbook.ja.md"])
def test_the_runbook_has_every_code_once_beside_what_people_saw(name: str) -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", (ROOT / "docs" / name).read_text(), re.MULTILINE)
    named = [code for _, told in rows for code in re.findall(r"\(failures\.md#(\w+)\)", told)]

    assert sorted(named) == sorted(Code)


def test_both_runbooks_have_the_same_commands() -> None:
    english, japanese = ((ROOT / "docs" / name).read_text() for name in ("runbook.md", "runbook.ja.md"))

    assert re.findall(r"^```console\n(.*?)^```", english, re.MULTILINE | re.DOTALL) == re.findall(
        r"^```console\n(.*?)^```", japanese, re.MULTILINE | re.DOTALL
    )
    assert english.count("\n|") == japanese.count("\n|")


def test_the_index_leads_to_every_document() -> None:
    listed = set(re.findall(r"\]\(([\w.-]+\.md)\)", (ROOT / "docs" / "index.md").read_text()))

    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}


# Links


def prose(document: str) -> str:
    return re.sub(r"^```.*?^```", "", document, flags=re.MULTILINE | re.DOTALL)


def anchors(document: str) -> set[str]:
    """As GitHub makes them: lower case, no punctuation but hyphens and underscores, hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose(path.read_text()))
    broken = [target for target in targets if "://" not in target and not leads_somewhere(path, target)]

    assert broken == []


def leads_somewhere(path: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    found = path.parent / name if name else path
    return found.exists() and (not anchor or anchor in anchors(found.read_text()))


# CONTRIBUTING.md


def test_every_file_and_every_test_that_contributing_names_is_there() -> None:
    named = re.findall(r"`([^`\s]+)`", prose((ROOT / "CONTRIBUTING.md").read_text()))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name in named if "/" in name and not (ROOT / name).exists()] == []
    assert [name for name in named if name.startswith("test_") and f"def {name}(" not in tests] == []


@pytest.mark.parametrize("target", ["test", "test-quick", "check", "browser", "container", "bench", "soak"])
def test_make_help_says_what_a_target_needs_and_how_long_it_takes(target: str) -> None:
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert re.search(rf"^  {target} +\S.*\n +[^\n]*\b(?:s|min)\b.*; needs \S", shown, re.MULTILINE), shown
    assert "\x1b" not in shown


# Commands


def code_of(document: str) -> str:
    """Every block and span of code, a line each; a command that goes on in the next line is one."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    blocks = [typed(block) if language == "console" else block for language, block in found]
    return "\n".join([*blocks, *re.findall(r"`([^`]+)`", prose(document))]).replace("\\\n", " ")


def typed(session: str) -> str:
    """What was typed into a terminal, without what it answered."""
    return "".join(re.findall(r"^\$ (?:.*\\\n)*.*\n", session, re.MULTILINE))


@every_document
def test_every_make_target_exists(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"^(?:\$ |.*\brun: )?(?:\w+=\S+ )*make ([a-z-]+)", code_of(path.read_text()), re.MULTILINE)

    assert set(named) <= set(targets)


@every_document
def test_every_command_line_is_one_that_the_program_reads(path: Path) -> None:
    commands: dict[str, Any] = get_command(cli.app).commands  # type: ignore[attr-defined]  # typer: a group
    lines = re.findall(r"""pgvector-ready ([a-z](?:[^"'|;&\n]|"[^"\n]*"|'[^'\n]*')*)""", code_of(path.read_text()))
    named = [shlex.split(line) for line in lines]

    assert {command for command, *_ in named} <= set(commands)
    for command, *arguments in named:
        commands[command].make_context(command, arguments)  # raises what the program itself would complain of


def blocks(language: str) -> list[str]:
    return [
        block
        for path in DOCUMENTS
        for block in re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("script", [*blocks("sh"), *blocks("bash")])
def test_a_script_is_one_that_a_shell_reads(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_the_workflow_hands_a_secret_to_no_step_but_those_that_use_it() -> None:
    workflow = next(yaml.safe_load(block) for block in blocks("yaml") if "runs-on" in block)
    (job,) = workflow["jobs"].values()

    assert "env" not in job
    for step in job["steps"]:
        script, variables = step.get("run", ""), step.get("env", {})
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        assert "secrets." not in script
        assert all(f"${name}" in script or name == "DATABASE_URL" for name in variables)


# The examples of the README

IDENTITY = Identity(None, None, None, started_at=NOON, documentation=Documentation("/failures"))
SCHEMAS: dict[str, type[BaseModel]] = {DATABASE_PATH: DatabaseDocument, HEALTH_PATH: ServiceDocument}
STARTING = Failure.about(Code.STARTING, Step.SERVICE, TARGET, {"database_path": DATABASE_PATH})


def exchanges() -> list[tuple[str, str]]:
    """What is typed after a dollar sign, and what is shown below it."""
    blocks = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [
        (command, answer)
        for block in blocks
        for command, answer in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
        if answer
    ]


DOCUMENTS_SHOWN = [(command, answer) for command, answer in exchanges() if "format=text" not in command]
TEXTS_SHOWN = [answer for command, answer in exchanges() if "format=text" in command]
every_document_shown = pytest.mark.parametrize(
    ("command", "answer"), DOCUMENTS_SHOWN, ids=[f"answer-{number}" for number, _ in enumerate(DOCUMENTS_SHOWN, 1)]
)


def answered(facts: Facts, *, is_text: bool = False) -> str:
    """What the service says of such facts, by way of the judgement and the documents of every answer."""
    revisions = facts.revisions or frozenset()
    requirements = Requirements(revisions=Revisions(heads=revisions, known=revisions))
    observation = Observation(judge(facts, requirements), Provisioning(), NOON, consecutive_failures=0)
    return about_database(observation, IDENTITY).to(Manner(is_text=is_text)).body.decode()


def reference(path: str, *, is_healthy: bool, is_looked_at: bool) -> Any:
    """A real answer; what is in it apart from its keys does not matter."""
    if path == HEALTH_PATH:
        return json.loads(about_service(None if is_healthy else STARTING, IDENTITY).to(Manner()).body)
    look = Look(Inventory(NOON), None) if is_looked_at else Look()
    return json.loads(answered(replace(USABLE if is_healthy else LOST, look=look)))


def keys(value: Any, at: str = "") -> list[str]:
    """Every key in its order, nested ones by their path; what is in a list varies and is left out."""
    if not isinstance(value, dict):
        return []
    return [path for key, inner in value.items() for path in (f"{at}{key}", *keys(inner, f"{at}{key}."))]


def test_the_readme_shows_one_passing_and_one_failing_answer_and_a_text() -> None:
    shown = [json.loads(answer)["healthy"] for _, answer in exchanges() if answer.startswith("{")]

    assert sorted(shown) == [False, True]
    assert len(TEXTS_SHOWN) == 1


@every_document_shown
def test_a_shown_document_is_one_that_the_service_could_give(command: str, answer: str) -> None:
    document = json.loads(answer)
    path = command.rpartition(":8000")[2].strip("'")

    jsonschema.validate(document, SCHEMAS[path].model_json_schema(mode="serialization"))
    like = reference(path, is_healthy=document["healthy"], is_looked_at=bool(document.get("vectors")))
    assert keys(document) == keys(like)
    assert answer == json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
    assert document["version"] == __version__


@every_document_shown
def test_a_shown_document_has_every_step_and_the_sentences_of_today(command: str, answer: str) -> None:
    document = json.loads(answer)
    if "steps" not in document:
        pytest.skip(f"{command} answers without steps")

    today = json.loads(answered(facts_of(document)))

    fields = list(StepDocument.model_fields)
    assert [step["step"] for step in document["steps"]] == list(RUNBOOK)
    assert all(list(step) == [field for field in fields if field in step] for step in document["steps"])
    assert [verdict(step) for step in document["steps"]] == [verdict(step) for step in today["steps"]]
    assert (document["status"], document["error"]) == (today["status"], today["error"])


@pytest.mark.parametrize("text", TEXTS_SHOWN, ids=["text"])
def test_the_shown_text_says_the_same_as_the_failing_document(text: str) -> None:
    failing = next(shown for _, answer in DOCUMENTS_SHOWN if not (shown := json.loads(answer))["healthy"])

    today = answered(facts_of(failing), is_text=True)

    assert without_durations(text) == without_durations(today)


def verdict(step: dict[str, Any]) -> dict[str, Any]:
    return {name: step.get(name) for name in ("step", "state", "code", "message", "remedy")}


def without_durations(text: str) -> str:
    return re.sub(r" [\d.]+ ms\b", "", text)


def facts_of(document: dict[str, Any]) -> Facts:
    """The facts that such an answer was made of."""
    shown, pgvector, error = document["target"], document["pgvector"], document["error"]
    target = Target(shown["host"], shown["port"], shown["database"], shown["user"], Provider(shown["provider"]))
    if document["server"]["version"] is None:
        failure = error and Failure.about(Code(error["code"]), Step(error["step"]), target, error["sqlstate"])
        return Facts(target, NOON, document["latency_ms"], failure=failure)
    server = replace(
        SERVER,
        version=document["server"]["version"],
        is_standby=document["server"]["role"] == "standby",
        is_read_only=not document["server"]["writable"],
        database=shown["database"],
        user=shown["user"],
        tls=shown["tls"],
    )
    extension = Extension(pgvector["available_version"], pgvector["installed_version"], pgvector["schema"])
    current = document["migrations"]["current"]
    revisions = frozenset(current.split(",")) if current else None
    look = Look(Inventory(NOON), None) if document["vectors"] else Look()
    return Facts(target, NOON, document["latency_ms"], server, extension, revisions, look=look)


# What no document may say

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:root|home|Users|work)\b",
    "a package registry": r"\b(?:registry|index|packages|artifactory|nexus)[.-]\w+\.|\b\w+\.(?:org|io)/simple\b",
    "a credential": r"\b[a-z][a-z0-9+.-]*://[^\s/:@`'\"]*:(?![^\s/@`'\"]*…)[^\s/@`'\"]+@",
    "a token": r"(?i)\bbearer [\w.~+/-]{8,}|\b(?:rnd|ghp|sk|xox[bp])[-_]\w{8,}",
}


@every_document
@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN)
def test_no_document_has(path: Path, pattern: str) -> None:
    assert [match[0] for match in re.finditer(pattern, path.read_text())] == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of one machine", "`/home/me/.venv`"),
        ("a package registry", "from https://packages.example.org/simple"),
        ("a package registry", "registry.example.org"),
        ("a credential", "postgresql://app:word@db.example.net/app"),
        ("a credential", "`postgres://:word@db`"),
        ("a token", "Authorization: Bearer abcdef0123456789"),
    ],
)
def test_what_is_forbidden_would_be_found(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text)


@pytest.mark.parametrize("text", ["postgresql://app:…@db.example.net/app", "http://127.0.0.1:8000/api", "`Bearer …`"])
def test_a_placeholder_is_not_forbidden(text: str) -> None:
    assert not any(re.search(pattern, text) for pattern in FORBIDDEN.values())
