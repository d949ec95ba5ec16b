"""`pgvector-ready verify`, run as a user runs it, against the service itself and against what else may answer."""

import errno
import gzip
import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner, Result

from pgvector_ready.commands.verify import presentation
from pgvector_ready.commands.verify.address import Address, parse
from pgvector_ready.commands.verify.attempts import Patience, verify
from pgvector_ready.commands.verify.command import verify as command
from pgvector_ready.commands.verify.endpoint import DATABASE, HEALTH
from pgvector_ready.commands.verify.evidence import Evidence, Expectations, Verification
from pgvector_ready.commands.verify.evidence import failures as failed_checks
from pgvector_ready.commands.verify.formats import to_json, to_junit, to_lines
from pgvector_ready.commands.verify.judge import judge
from pgvector_ready.commands.verify.plan import Plan
from pgvector_ready.commands.verify.reply import Reply
from pgvector_ready.commands.verify.schema import DatabaseDocument, ServiceDocument, read
from pgvector_ready.commands.verify.trouble import explain
from pgvector_ready.documents.documents import DatabaseDocument as OurDatabase
from pgvector_ready.documents.documents import ServiceDocument as OurService
from pgvector_ready.loop import run
from tests.support.examples import NOON
from tests.support.postgres import PostgresServer, free_port
from tests.support.service import DATABASE as DATABASE_PATH
from tests.support.service import HEALTH as HEALTH_PATH
from tests.support.service import ServiceProcess
from tests.support.strangers import Request, Script, http, stranger

COMMIT = "a6be0123456789abcdef0123456789abcdef0123"
COMMAND = [sys.executable, "-m", "pgvector_ready", "verify"]
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
OTHERS = ("HEALTH_TOKEN", "OTHER_HEALTH_TOKEN", "SSL_CERT_FILE", "SSL_CERT_DIR", "FORCE_COLOR")
NO_SURROUNDINGS = dict.fromkeys((*OTHERS, *PROXIES, *map(str.lower, PROXIES)))
TOKEN = {"HEALTH_TOKEN": "secret"}
WRONG_TOKEN = {"HEALTH_TOKEN": "topsecret"}
OTHER_TOKEN = {"OTHER_HEALTH_TOKEN": "secret"}


def pgvector_ready_verify(*arguments: str, **environment: str) -> Result:
    """The command with these arguments; nothing of the machine's own environment reaches it."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return CliRunner().invoke(app, arguments, env={**NO_SURROUNDINGS, **environment})


def lines(result: Result) -> dict[str, str]:
    """The line of each check that was judged, by its name."""
    judged = [line for line in result.stdout.splitlines() if line.startswith(("[+]", "[-]"))]
    told = (line[4:].split(" ", 2 if line[4:].startswith("also ") else 1) for line in judged)
    return {" ".join(words[:-1]).rstrip(":"): line for words, line in zip(told, judged, strict=True)}


def failures(result: Result) -> dict[str, str]:
    """The lines of the checks that failed, by their names."""
    return {name: line for name, line in lines(result).items() if line.startswith("[-]")}


@dataclass(frozen=True, slots=True)
class Services:
    """Two services on one database, and a third on another, which is protected by the token `secret`."""

    mine: ServiceProcess
    twin: ServiceProcess
    rival: ServiceProcess


@pytest.fixture(scope="module")
def services(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    log = tmp_path_factory.mktemp("verify") / "log"
    for name in ("verify_one", "verify_two"):
        server.create_database(name)
    one, two = (server.connection_string(database=name) for name in ("verify_one", "verify_two"))
    with (
        ServiceProcess(log=log, DATABASE_URL=one, GIT_COMMIT=COMMIT) as mine,
        ServiceProcess(log=log, DATABASE_URL=one) as twin,
        ServiceProcess(log=log, DATABASE_URL=two, **TOKEN) as rival,
    ):
        for service in (mine, twin, rival):
            service.wait_for(200)
        yield Services(mine, twin, rival)
    for name in ("verify_one", "verify_two"):
        server.drop_database(name)


@pytest.fixture(scope="module")
def documents(services: Services) -> dict[str, dict[str, Any]]:
    """What the service really answers, for strangers who answer almost the same."""
    return {path: services.mine.wait_for(200, path).json() for path in (HEALTH_PATH, DATABASE_PATH)}


# The service itself


def test_a_service_as_it_should_be_is_exit_code_0_and_a_line_for_each_check(services: Services) -> None:
    result = pgvector_ready_verify(services.mine.url)

    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert list(lines(result)) == [
        *(f"health_{aspect}" for aspect in ASPECTS),
        *(f"database_{aspect}" for aspect in ASPECTS),
        "pgvector_version",
    ]
    assert f"[ ] commit {COMMIT} (--expect-commit was not given)" in result.stdout
    assert result.stdout.splitlines()[-1] == f"{services.mine.url}: 15 passed, 0 failed, 5 skipped"


ASPECTS = ("reached", "direct", "contract", "status", "consistent", "no_store", "head")


def test_all_that_is_expected_of_it_may_hold(services: Services) -> None:
    expected = ("--expect-commit", "A6BE012", "--expect-host", "127.0.0.1", "--expect-database", "verify_one")
    also = ("--minimum-pgvector", "0.5.0", "--also", "/docs=200", "--also", "/nowhere?key=secret=404")
    fingerprint = services.mine.wait_for(200, DATABASE_PATH).json()["target"]["fingerprint"]
    another = ("--differs-from", services.rival.url, "--expect-fingerprint", fingerprint.upper())

    result = pgvector_ready_verify(services.mine.url, *expected, *also, *another, **OTHER_TOKEN)

    assert result.exit_code == 0, result.output
    assert "secret" not in result.output
    found = lines(result)
    assert found["commit"] == "[+] commit A6BE012 answers"
    assert found["target_host"] == "[+] target_host 127.0.0.1"
    assert found["target_database"] == "[+] target_database verify_one"
    assert found["target_fingerprint"] == f"[+] target_fingerprint {fingerprint}"
    assert found["also /docs"].startswith("[+] also /docs answered 200 in ")
    assert found["also /nowhere"].startswith("[+] also /nowhere answered 404 in ")
    assert found["separate_database"] == (
        f"[+] separate_database another database than that of {services.rival.url} (127.0.0.1, database verify_two)"
    )


@pytest.mark.parametrize(
    ("arguments", "name", "message"),
    [
        pytest.param(("--expect-commit", "a6be013"), "commit", f"commit {COMMIT}, and a6be013 was", id="commit"),
        pytest.param(
            ("--expect-host", "db.example.com"), "target_host", "host 127.0.0.1, and db.example.com was", id="host"
        ),
        pytest.param(
            ("--expect-database", "Verify_one"), "target_database", "verify_one, and Verify_one", id="database"
        ),
        pytest.param(
            ("--expect-fingerprint", "00000000"), "target_fingerprint", ", and 00000000 was", id="fingerprint"
        ),
        pytest.param(("--minimum-pgvector", "0.100"), "pgvector_version", "at least 0.100 was", id="version"),
        pytest.param(("--also", "/docs=404"), "also /docs", "GET /docs answers 200 and 404 was", id="also"),
    ],
)
def test_what_is_not_as_expected_is_exit_code_1_and_named(
    services: Services, arguments: tuple[str, ...], name: str, message: str
) -> None:
    result = pgvector_ready_verify(services.mine.url, *arguments)

    assert result.exit_code == 1
    assert list(failures(result)) == [name]
    assert message in failures(result)[name]
    assert " → " in failures(result)[name]


def test_a_version_is_compared_as_numbers(services: Services) -> None:
    """As text 0.10 is less than 0.5."""
    assert pgvector_ready_verify(services.mine.url, "--minimum-pgvector", "0.10.0").exit_code == 1


def test_a_commit_the_service_does_not_know_is_said(services: Services) -> None:
    result = pgvector_ready_verify(services.twin.url, "--expect-commit", COMMIT)

    assert "[-] commit: The service does not know its commit. → Set GIT_COMMIT" in result.stdout


def test_two_services_that_share_one_database_are_found_out(services: Services) -> None:
    """Production that used staging's database cost a team its data, while both said 200."""
    result = pgvector_ready_verify(services.mine.url, "--differs-from", services.twin.url)

    assert result.exit_code == 1
    assert failures(result) == {
        "separate_database": f"[-] separate_database: Shares one database with {services.twin.url} (127.0.0.1, "
        "database verify_one): what one of them deletes is gone for both. → Give one of them a DATABASE_URL of its own "
        "before anything else runs."
    }


# The token


def test_a_protected_service_is_judged_by_what_everybody_may_see(services: Services) -> None:
    result = pgvector_ready_verify(services.rival.url)

    assert result.exit_code == 0, result.output
    assert "anonymous: protected by a HEALTH_TOKEN" in lines(result)["health_contract"]
    assert "set HEALTH_TOKEN here" in lines(result)["health_contract"]


def test_with_its_token_a_protected_service_tells_everything(services: Services) -> None:
    result = pgvector_ready_verify(services.rival.url, "--expect-database", "verify_two", **TOKEN)

    assert result.exit_code == 0, result.output
    assert lines(result)["health_contract"].startswith("[+] health_contract pgvector-ready ")


def test_another_services_token_is_said_to_be_wrong(services: Services) -> None:
    result = pgvector_ready_verify(services.rival.url, **WRONG_TOKEN)

    assert result.exit_code == 1
    assert "does not accept the token in HEALTH_TOKEN" in failures(result)["health_contract"]
    assert "topsecret" not in result.output


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--expect-commit", "a6be012"), "commit"),
        (("--expect-host", "x"), "target_host"),
        (("--minimum-pgvector", "0.5"), "pgvector_version"),
    ],
)
def test_what_a_protected_service_does_not_tell_is_not_taken_for_true(
    services: Services, arguments: tuple[str, ...], name: str
) -> None:
    result = pgvector_ready_verify(services.rival.url, *arguments)

    assert result.exit_code == 1
    assert list(failures(result)) == [name]
    assert "→ Set HEALTH_TOKEN here" in failures(result)[name]


def test_without_the_other_services_token_nothing_is_known_of_its_database(services: Services) -> None:
    """Not knowing is no pass; and a token goes only where it belongs."""
    result = pgvector_ready_verify(services.mine.url, "--differs-from", services.rival.url, **TOKEN)

    assert result.exit_code == 1
    assert f"Cannot tell: {services.rival.url}: " in failures(result)["separate_database"]
    assert "→ Set OTHER_HEALTH_TOKEN here" in failures(result)["separate_database"]


# What else may answer there

Answers = Callable[[dict[str, dict[str, Any]]], Script]
OURS = {"content_type": "application/json", "cache_control": "no-store"}
OUR_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}


def answering(documents: dict[str, dict[str, Any]], code: int = 200, /, **changes: Any) -> Script:
    """Almost the service: its own documents with these changes; a value of `...` takes a key away."""

    def script(request: Request) -> bytes:
        document = {**documents.get(request.path.rstrip("/"), {}), **changes}
        body = json.dumps({name: value for name, value in document.items() if value is not ...}).encode()
        answer = http(code, body, **OURS)
        return answer.removesuffix(body) if request.method == "HEAD" else answer

    return script


def always(answer: bytes) -> Answers:
    return lambda _: lambda _: answer


def changed(code: int = 200, /, **changes: Any) -> Answers:
    return lambda documents: answering(documents, code, **changes)


def to_head(answer: bytes) -> Answers:
    """As the service itself, but for HEAD."""

    def answers(documents: dict[str, dict[str, Any]]) -> Script:
        usual = answering(documents)
        return lambda request: answer if request.method == "HEAD" else usual(request)

    return answers


ERROR = {"code": "starting", "step": "service", "message": "It starts.", "remedy": "Wait.", "sqlstate": None}
FAILING = {"healthy": False, "status": "fail", "error": {**ERROR, "documentation": "docs/failures.md#starting"}}
HTML = b"<!doctype html><html><TITLE>\n Not &amp; Found\x1b[2J</TITLE>"


@pytest.mark.parametrize(
    ("answers", "name", "message"),
    [
        pytest.param(
            always(http(404, HTML, content_type="text/html; charset=utf-8", x_render_routing="no-server")),
            "health_contract",
            "answers 404 text/html, a page titled “Not & Found\\x1b[2J” (x-render-routing: no-server). → Check that",
            id="a page",
        ),
        pytest.param(
            always(http(502, HTML, content_type="text/html")),
            "health_contract",
            "→ The platform answers in the service's place",
            id="the platform's page",
        ),
        pytest.param(
            always(http(301, location="https://app.example.com/api/v1/health?key=secret")),
            "health_direct",
            "answers 301, a redirect to app.example.com/api/v1/health. → Begin the URL with https://",
            id="a redirect to TLS",
        ),
        pytest.param(
            always(http(307, location="/api/v1/health/")),
            "health_direct",
            "/api/v1/health/. → The contract has no redirects",
            id="a redirect to a slash",
        ),
        pytest.param(
            always(http(302, location="https://user:secret@login.example.com:8443/in?key=secret#secret")),
            "health_direct",
            "answers 302, a redirect to login.example.com:8443/in. → Use the address it leads to, if that is",
            id="a redirect to a login",
        ),
        pytest.param(always(http(304)), "health_direct", "a redirect to nowhere", id="a redirect to nowhere"),
        pytest.param(always(http(302, location="//[")), "health_direct", "cannot be read", id="a broken redirect"),
        pytest.param(
            always(http(401, www_authenticate='Basic realm="staging"')),
            "health_direct",
            "answers 401: what stands in front of the service asks for a login (Basic). → Write the login into the URL",
            id="basic authentication",
        ),
        pytest.param(always(http(403)), "health_direct", "answers 403: ", id="no admittance"),
        pytest.param(
            always(http(200, b'{"status":"ok"}', content_type="application/json")),
            "health_contract",
            "does not speak the contract: /api/v1/health answers 200 application/json with the keys status; ",
            id="another application",
        ),
        pytest.param(always(http(200, b"[]")), "health_contract", "with no object in it", id="a list"),
        pytest.param(
            always(http(200, b"{}")), "health_contract", "something without a type with no keys", id="nothing"
        ),
        pytest.param(always(http(204)), "health_contract", "answers 204", id="an empty success"),
        pytest.param(always(http(200, b"[" * 99_999)), "health_contract", "does not speak", id="nested without end"),
        pytest.param(always(http(200, b"x" * 999_999)), "health_contract", "does not speak", id="without end"),
        pytest.param(
            changed(version="0.9.0", instance=..., links=...),
            "health_contract",
            "speaks another version of the contract (pgvector-ready 0.9.0): instance is missing, links is missing. → "
            "Deploy the current version, or verify with pgvector-ready 0.9.0.",
            id="an older version",
        ),
        pytest.param(changed(healthy="true"), "health_contract", "healthy is string", id="another type"),
        pytest.param(
            lambda documents: answering(documents, 200, pgvector={**documents[DATABASE_PATH]["pgvector"], "schema": 7}),
            "database_contract",
            "pgvector.schema is integer",
            id="another type further in",
        ),
        pytest.param(always(b"\x00\xff" * 99), "health_reached", "does not speak HTTP", id="bytes"),
        pytest.param(always(b""), "health_reached", "broke the connection off", id="closed without a word"),
        pytest.param(
            always(b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n{"), "health_reached", "broke", id="broken off"
        ),
        pytest.param(
            always(http(200, b"x" * 99, content_encoding="gzip")),
            "health_contract",
            "(content-encoding: gzip). → The answer is compressed, which the request forbids",
            id="compressed",
        ),
        pytest.param(
            changed(503, **FAILING), "health_status", "answers 503 starting: It starts. → Wait.", id="still starting"
        ),
        pytest.param(
            always(http(503, json.dumps({**FAILING, "error": {"code": "starting"}}).encode())),
            "health_status",
            "answers 503 starting. → Look the code up in docs/failures.md, or set HEALTH_TOKEN here",
            id="anonymously starting",
        ),
        pytest.param(
            changed(500), "health_status", "answers 500. → The service itself answers 200", id="another status"
        ),
        pytest.param(
            changed(503),
            "health_consistent",
            "contradicts itself: status code 503, healthy true, status pass, no error.",
            id="a contradiction",
        ),
        pytest.param(changed(healthy=False), "health_consistent", "healthy false, status pass", id="half a failure"),
        pytest.param(to_head(http(404)), "health_head", "HEAD answers 404 and GET 200.", id="HEAD not found"),
        pytest.param(to_head(b""), "health_head", "To HEAD: ", id="no HEAD"),
        pytest.param(to_head(b"\xff\r\n\r\n"), "health_head", "To HEAD: ", id="no HTTP to HEAD"),
        pytest.param(to_head(b"x 200 x\r\n\r\n"), "health_head", "To HEAD: ", id="no version to HEAD"),
        pytest.param(to_head(http(200)), "health_head", "a Content-Length of 0, and GET answers", id="HEAD of nothing"),
        pytest.param(to_head(http(200, b"{}")), "health_head", "HEAD answers with a body", id="HEAD with a body"),
    ],
)
def test_what_is_not_the_service_is_named(
    documents: dict[str, dict[str, Any]], answers: Answers, name: str, message: str
) -> None:
    with stranger(answers(documents)) as it:
        result = pgvector_ready_verify(it.origin)

    assert result.exit_code == 1, result.output
    assert message in failures(result)[name]
    assert not [word for word in ("secret", "Traceback", "\x1b") if word in result.output]


@pytest.mark.parametrize("end", ["", "/team/ready", "/team/ready/db"])
def test_a_guest_that_has_its_endpoints_elsewhere_is_verified_there(
    documents: dict[str, dict[str, Any]], end: str
) -> None:
    """`Ready(path=…)`, for an application that has an /api/v1/health of its own."""
    moved = {"/team/ready": documents[HEALTH_PATH], "/team/ready/db": documents[DATABASE_PATH]}

    with stranger(answering(moved)) as it:
        result = pgvector_ready_verify(f"{it.origin}{end}", "--path", "/team/ready")
        usual = pgvector_ready_verify(it.origin)

    assert result.exit_code == 0, result.output
    assert "[+] database_reached /team/ready/db answered" in result.stdout
    assert "--path" in failures(usual)["health_contract"]


def test_a_cache_between_is_found_out(documents: dict[str, dict[str, Any]]) -> None:
    script = answering(documents)

    def cached(request: Request) -> bytes:
        usual = script(request)
        assert isinstance(usual, bytes)
        return (
            usual.replace(b"no-store", b"max-age=60")
            if request.path == HEALTH_PATH
            else usual.replace(b"no-store", b"")
        )

    with stranger(cached) as it:
        result = pgvector_ready_verify(it.origin)

    assert "with Cache-Control: max-age=60, and not with no-store" in failures(result)["health_no_store"]
    assert "without Cache-Control" in failures(result)["database_no_store"]


def test_a_head_without_a_length_and_after_early_hints_is_as_good(documents: dict[str, dict[str, Any]]) -> None:
    """Platforms leave the length out; and 103 comes before the answer."""
    with stranger(to_head(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")(documents)) as it:
        result = pgvector_ready_verify(it.origin)

    assert result.exit_code == 0, result.output


def test_a_head_after_which_the_connection_stays_open_is_as_good(documents: dict[str, dict[str, Any]]) -> None:
    usual = answering(documents)
    is_verified = threading.Event()

    def script(request: Request) -> Iterator[bytes] | bytes:
        return lingering(usual(request)) if request.method == "HEAD" else usual(request)

    def lingering(answer: Iterator[bytes] | bytes) -> Iterator[bytes]:
        assert isinstance(answer, bytes)
        yield answer
        is_verified.wait(1)

    with stranger(script) as it:
        verification = run(verify(Plan(parse(it.origin)), Patience(), lambda _: None))
        is_verified.set()

    assert verification.is_passed, verification.checks


def test_half_a_commit_is_not_enough_to_be_the_same(documents: dict[str, dict[str, Any]]) -> None:
    """Two commits in a row may begin with the same few digits."""
    with stranger(answering(documents, commit=COMMIT[:5])) as it:
        result = pgvector_ready_verify(it.origin, "--expect-commit", COMMIT)

    assert list(failures(result)) == ["commit"]


def test_a_newer_version_may_know_more(documents: dict[str, dict[str, Any]]) -> None:
    with stranger(answering(documents, version="9.0.0", more={"keys": 1})) as it:
        result = pgvector_ready_verify(it.origin)

    assert result.exit_code == 0, result.output


def test_a_warning_passes_and_is_told(documents: dict[str, dict[str, Any]]) -> None:
    slow = {"step": "usable", "state": "warn", "code": "slow", "message": "It is slow.", "remedy": "Wait."}
    with stranger(answering(documents, status="warn", steps=[slow])) as it:
        result = pgvector_ready_verify(it.origin)

    assert lines(result)["database_status"] == "[+] database_status 200 warn; usable: slow: It is slow."


def test_a_fingerprint_that_is_not_known_is_no_pass(services: Services, documents: dict[str, dict[str, Any]]) -> None:
    target = {**documents[DATABASE_PATH]["target"], "fingerprint": None}
    with stranger(answering(documents, target=target)) as it:
        result = pgvector_ready_verify(services.mine.url, "--differs-from", it.origin)

    assert f"Cannot tell: {it.origin} does not know the fingerprint" in failures(result)["separate_database"]


def test_another_service_that_is_not_there_is_no_pass(services: Services) -> None:
    result = pgvector_ready_verify(services.mine.url, "--differs-from", f"http://127.0.0.1:{free_port()}")

    assert "refuses connections" in failures(result)["separate_database"]


def test_an_own_endpoint_that_redirects_or_is_silent_is_named(documents: dict[str, dict[str, Any]]) -> None:
    usual = answering(documents)

    def script(request: Request) -> Iterator[bytes] | bytes:
        if request.path == "/old":
            return http(308, location="/new?key=secret")
        return b"" if request.path == "/broken" else usual(request)

    with stranger(script) as it:
        result = pgvector_ready_verify(it.origin, "--also", "/old=200", "--also", "/broken=200", **TOKEN)

    assert f"answers 308, a redirect to 127.0.0.1:{it.port}/new, and 200" in failures(result)["also /old"]
    assert "broke the connection off" in failures(result)["also /broken"]
    assert {request.path for request in it.requests if "authorization" in request.headers} == {
        HEALTH_PATH,
        DATABASE_PATH,
    }


def test_what_depends_on_a_document_is_skipped_where_there_is_none(services: Services) -> None:
    with stranger(lambda _: http(404, HTML)) as it:
        result = pgvector_ready_verify(it.origin, "--expect-commit", COMMIT, "--differs-from", services.mine.url)

    assert list(failures(result)) == ["health_contract", "database_contract"]
    assert "[ ] commit not known, because health_contract failed" in result.stdout
    assert "[ ] separate_database not known, because database_contract failed" in result.stdout


# Documents and heads that are hostile


def raw(path: str, body: bytes, **headers: str) -> Answers:
    """As the service itself, but for one endpoint's body."""

    def answers(documents: dict[str, dict[str, Any]]) -> Script:
        usual = answering(documents)
        odd = http(200, body, **{**OURS, **headers})
        return lambda request: (
            (odd.removesuffix(body) if request.method == "HEAD" else odd) if request.path == path else usual(request)
        )

    return answers


def spoilt(path: str, old: str, new: str) -> Answers:
    """As the service itself, but for some text within one endpoint's body."""

    def answers(documents: dict[str, dict[str, Any]]) -> Script:
        body = json.dumps(documents[path]).replace(old, new).encode("utf-8", "surrogatepass")
        return raw(path, body)(documents)

    return answers


MANY = "9" * 5_000
HOSTILE_VALUES = [
    "NaN",
    "-Infinity",
    "1e999999",
    MANY,
    f"-{MANY}",
    "0." + MANY,
    "null",
    "true",
    '""',
    "[]",
    "{}",
    '"\\ud800"',
    '"\\u0000"',
    '"\\u202e\\u001b[2J"',
    '"' + "x" * 99_999 + '"',
    "[" * 999 + "]" * 999,
    '{"a":' * 999 + "1" + "}" * 999,
]


@pytest.mark.parametrize("value", HOSTILE_VALUES, ids=[value[:9] for value in HOSTILE_VALUES])
@pytest.mark.parametrize("path", [HEALTH_PATH, DATABASE_PATH])
def test_whatever_stands_in_a_field_there_is_a_report(
    documents: dict[str, dict[str, Any]], path: str, value: str
) -> None:
    """Each field of the document in turn, and all those within it."""
    plan = Plan(
        parse("http://h"), Expectations(commit=COMMIT, host="h", database="d", minimum_version="0.5", fingerprint="a")
    )
    whole = {one: Reply(200, OUR_HEADERS, json.dumps(documents[one]).encode(), 1) for one in documents}

    for field in fields(documents[path]):
        body = replaced(documents[path], field, value)
        replies = {**whole, path: Reply(200, OUR_HEADERS, body, 1)}
        evidence = Evidence(
            address=plan.address,
            health=replies[HEALTH_PATH],
            database=replies[DATABASE_PATH],
            health_head=Reply(200, {"content-length": MANY}, b"", 1),
            other=replies[DATABASE_PATH],
        )
        checks = judge(evidence, replace(plan.expectations, differs_from=parse("http://o")))
        verification = Verification(
            origin="http://h", evidence=evidence, checks=checks, verified_at=NOON, attempts=1, waited_seconds=0
        )
        shown = "".join(str(line) for line in to_lines(verification)) + to_json(verification) + to_junit(verification)
        shown.encode()
        assert len(checks) == 20
        assert len(shown) < 99_999
        assert re.sub(r"\n *", "", shown).isprintable()


def fields(document: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each value within the document."""
    children = (
        enumerate(document) if isinstance(document, list) else document.items() if isinstance(document, dict) else ()
    )
    for key, value in children:
        yield (*path, key)
        yield from fields(value, (*path, key))


def replaced(document: dict[str, Any], field: tuple[str | int, ...], value: str) -> bytes:
    """The document with `value`, as it is written, in that place."""
    copied = json.loads(json.dumps(document))
    place = copied
    for key in field[:-1]:
        place = place[key]
    place[field[-1]] = "here it stands"
    return json.dumps(copied).replace('"here it stands"', value).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("answers", "name", "message"),
    [
        pytest.param(to_head(http(200, content_length=MANY)), "health_head", "To HEAD: ", id="a length without end"),
        pytest.param(
            to_head(http(200, content_length="9" * 19)),
            "health_head",
            f"Content-Length of {'9' * 19}, and",
            id="a long length",
        ),
        pytest.param(to_head(http(200, content_length="-1")), "health_head", "To HEAD: ", id="a negative length"),
        pytest.param(to_head(http(200, content_length="٣")), "health_head", "To HEAD: ", id="another script's length"),
        pytest.param(
            to_head(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 99_999), "health_head", "To HEAD: ", id="a head without end"
        ),
        pytest.param(to_head(b"HTTP/1.1 100 x\r\n\r\n" * 9_999), "health_head", "To HEAD: ", id="no answer but 100s"),
        pytest.param(
            spoilt(DATABASE_PATH, '"installed_version": "', f'"installed_version": "{MANY}'),
            "pgvector_version",
            "999… is installed, and at least 0.5 was expected",
            id="a version without end",
        ),
        pytest.param(
            raw(HEALTH_PATH, b'{"healthy":true,"healthy":false}'), "health_contract", "does not speak", id="a key twice"
        ),
        pytest.param(raw(HEALTH_PATH, "{}".encode("utf-16")), "health_contract", "does not speak", id="UTF-16"),
        pytest.param(raw(HEALTH_PATH, b"\xef\xbb\xbf{}"), "health_contract", "does not speak", id="a mark in front"),
        pytest.param(
            raw(DATABASE_PATH, gzip.compress(bytes(2**28)), content_encoding="gzip"),
            "database_contract",
            "(content-encoding: gzip). → The answer is compressed, which the request forbids",
            id="a quarter of a gigabyte in a packet",
        ),
        pytest.param(
            always(http(302, location="file:///etc/passwd")),
            "health_direct",
            "a redirect to an address that is none of the web's. → ",
            id="a redirect to a file",
        ),
        pytest.param(
            always(http(302, location="javascript:alert(1)")), "health_direct", "none of the web's", id="to a script"
        ),
        pytest.param(always(http(302, location="data:,x")), "health_direct", "none of the web's", id="to data"),
        pytest.param(always(http(302, location="https:///x")), "health_direct", "none of the web's", id="to no host"),
        pytest.param(always(http(302, location="https://h:99999/")), "health_direct", "cannot be read", id="no port"),
        pytest.param(
            always(http(302, location="//h/\u202e" + "x" * 9_999)), "health_direct", "a redirect to h/", id="on and on"
        ),
        pytest.param(
            always(http(302, location="//h/\x1b[2J")),
            "health_direct",
            r"a redirect to h/\x1b[2J.",
            id="a terminal's sequence",
        ),
    ],
)
def test_what_is_hostile_is_one_report(
    documents: dict[str, dict[str, Any]], answers: Answers, name: str, message: str
) -> None:
    with stranger(answers(documents)) as it:
        result = pgvector_ready_verify(it.origin, "--minimum-pgvector", "0.5")

    assert result.exit_code == 1, result.output
    assert message in failures(result)[name]
    assert result.stdout.count("\n") <= 21
    assert not [word for word in ("Traceback", "\x1b") if word in result.output]


# No answer at all


def test_nothing_listening_is_named_once_and_nothing_else_is_judged() -> None:
    port = free_port()

    result = pgvector_ready_verify(f"http://127.0.0.1:{port}")

    assert result.exit_code == 1
    assert list(lines(result)) == ["health_reached"]
    assert result.stdout.startswith(
        f"[-] health_reached: http://127.0.0.1:{port} refuses connections: nothing listens there. → Check the port"
    )
    assert result.stdout.endswith(f"http://127.0.0.1:{port}: 0 passed, 1 failed, 19 skipped\n")


def test_each_address_of_a_host_may_refuse() -> None:
    result = pgvector_ready_verify(f"http://localhost:{free_port()}")

    assert "refuses connections" in failures(result)["health_reached"]


def test_a_name_that_does_not_resolve_is_named() -> None:
    result = pgvector_ready_verify("https://nonexistent.invalid")

    assert "nonexistent.invalid does not resolve" in failures(result)["health_reached"]


def once(origin: str, reply_seconds: float = 0.5) -> str:
    """The sentence of the first failure of a single, impatient try."""
    verification = run(verify(Plan(parse(origin)), Patience(reply_seconds=reply_seconds), lambda _: None))
    failure = next(iter(failed_checks(verification.checks)), None)
    assert failure
    return failure.message


def test_a_byte_now_and_then_does_not_extend_the_deadline() -> None:
    def dripping(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while not given_up.wait(0.05):
            yield b"X: x\r\n"

    given_up = threading.Event()
    with stranger(dripping) as it:
        message = once(it.origin)
        given_up.set()

    assert message == f"{it.origin} took the connection and gave no complete answer within 0.5 s."


def test_a_port_that_takes_no_connection_is_told_from_a_silent_service() -> None:
    """A full backlog drops what comes, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the standard library's
            waiting.connect_ex(listener.getsockname())
        message = once(f"http://127.0.0.1:{listener.getsockname()[1]}")

    assert message.endswith("did not take a connection in time.")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            ExceptionGroup("x", [ConnectionRefusedError(), ConnectionRefusedError()]), "refuses connections", id="both"
        ),
        pytest.param(OSError(errno.EHOSTUNREACH, "secret"), "There is no way to http://h from here.", id="no route"),
        pytest.param(httpx.ReadError("secret"), "broke the connection off", id="cut"),
        pytest.param(OSError("secret"), "The request to http://h failed (OSError).", id="unforeseen"),
    ],
)
def test_what_a_network_says_is_told_by_class_and_never_by_text(error: Exception, message: str) -> None:
    told = explain(error, parse("http://h"), 1, is_proxied=False)

    assert message in told.message
    assert "secret" not in f"{told}"


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, ssl.SSLContext]]:
    """A certificate that signed itself, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")

    def make(subject: str, days: int = 2) -> tuple[Path, ssl.SSLContext]:
        both, request = folder / f"{subject}{days}.pem", folder / "request"
        algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", both)
        name = ("-subj", "/CN=test", "-addext", f"subjectAltName={subject}")
        subprocess.run(["openssl", "req", "-new", *algorithm, *name, "-out", request], check=True, capture_output=True)
        # Unlike req, x509 makes one that has already expired.
        signing = ("-req", "-in", request, "-signkey", both, "-copy_extensions", "copyall", "-days", str(days))
        signed = subprocess.run(["openssl", "x509", *signing], check=True, capture_output=True, text=True)
        both.write_text(both.read_text() + signed.stdout)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return both, context

    return make


@pytest.mark.parametrize(
    ("subject", "days", "is_trusted", "message"),
    [
        pytest.param("IP:127.0.0.1", 2, False, "not signed by an authority that is trusted here", id="untrusted"),
        pytest.param("DNS:app.example.com", 2, True, "is for another host", id="another host's"),
        pytest.param("IP:127.0.0.1", -1, True, "has expired", id="expired"),
    ],
)
def test_a_certificate_that_does_not_hold_is_named(
    certificate: Callable[..., tuple[Path, ssl.SSLContext]],
    subject: str,
    days: int,
    is_trusted: bool,  # noqa: FBT001 - a column of the table
    message: str,
) -> None:
    root, context = certificate(subject, days)
    with stranger(lambda _: http(), context) as it:
        trust = {"SSL_CERT_FILE": str(root)} if is_trusted else {}
        result = pgvector_ready_verify(f"https://127.0.0.1:{it.port}", **trust)

    assert message in failures(result)["health_reached"]


def test_a_certificate_of_an_own_authority_may_be_trusted(
    certificate: Callable[..., tuple[Path, ssl.SSLContext]], documents: dict[str, dict[str, Any]]
) -> None:
    root, context = certificate("IP:127.0.0.1")
    with stranger(answering(documents), context) as it:
        result = pgvector_ready_verify(f"https://127.0.0.1:{it.port}", SSL_CERT_FILE=str(root))

    assert result.exit_code == 0, result.output


def test_a_port_without_tls_is_named(services: Services) -> None:
    result = pgvector_ready_verify(services.mine.url.replace("http:", "https:"))

    assert "does not speak TLS" in failures(result)["health_reached"]


# What stands in front


def test_a_login_in_the_url_opens_what_stands_in_front_and_is_never_shown(documents: dict[str, dict[str, Any]]) -> None:
    usual = answering(documents)

    def script(request: Request) -> Iterator[bytes] | bytes:
        is_known = request.headers.get("authorization") == "Basic dXNlcjpzZWNyZXQv"  # user:secret/
        return usual(request) if is_known else http(401, www_authenticate="Basic")

    with stranger(script) as it:
        accepted = [
            pgvector_ready_verify(f"http://user:secret%2F@127.0.0.1:{it.port}", "--format", style)
            for style in ("text", "json", "junit")
        ]
        rejected = pgvector_ready_verify(f"http://user:topsecret@127.0.0.1:{it.port}")

    assert [result.exit_code for result in accepted] == [0, 0, 0]
    assert "The one in the URL is not accepted." in failures(rejected)["health_direct"]
    assert not [result for result in (*accepted, rejected) if "secret" in result.output or "user:" in result.output]


def test_a_login_leaves_no_room_for_the_token(services: Services) -> None:
    """Both travel in one header."""
    url = services.rival.url.replace("//", "//user:secret@")

    result = pgvector_ready_verify(url, "--expect-database", "verify_two", **TOKEN)

    assert "only one of the two can be sent" in failures(result)["target_database"]


def test_a_key_in_the_query_goes_along_and_is_never_shown(documents: dict[str, dict[str, Any]]) -> None:
    usual = answering(documents)

    def script(request: Request) -> Iterator[bytes] | bytes:
        path, _, query = request.path.partition("?")
        return usual(Request(request.method, path, {})) if query == "key=secret" else http(403)

    with stranger(script) as it:
        result = pgvector_ready_verify(f"{it.origin}/?key=secret")

    assert result.exit_code == 0, result.output
    assert "secret" not in result.output


def test_a_proxy_is_used_and_named_when_it_is_not_there(documents: dict[str, dict[str, Any]]) -> None:
    with stranger(answering(documents)) as proxy:
        through = pgvector_ready_verify("http://app.example.com", HTTP_PROXY=proxy.origin)
    gone = pgvector_ready_verify("http://app.example.com", HTTP_PROXY=proxy.origin)
    refusing = pgvector_ready_verify("http://app.example.com", HTTP_PROXY="ftp://user:secret@127.0.0.1")

    assert through.exit_code == 0, through.output
    assert "[-] health_reached: The proxy between here and http://app.example.com cannot be reached." in gone.stdout
    assert refusing.exit_code == 2
    assert refusing.stderr.startswith("pgvector-ready: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not the URL of a proxy")
    assert "secret" not in refusing.output


def test_a_proxy_that_refuses_is_named() -> None:
    with stranger(lambda _: http(407)) as proxy:
        result = pgvector_ready_verify("https://app.example.com", HTTPS_PROXY=proxy.origin)

    assert "The proxy between here and https://app.example.com did not let" in failures(result)["health_reached"]


# How it is told


def test_json_is_one_document(services: Services) -> None:
    result = pgvector_ready_verify(services.mine.url, "--format", "json", "--expect-host", "elsewhere")

    document = json.loads(result.stdout)
    assert result.stderr.startswith("[-] target_host: "), "a log says why"
    checks = {check["name"]: check for check in document["checks"]}
    assert (document["passed"], document["url"], document["attempts"]) == (False, services.mine.url, 1)
    assert checks["health_reached"]["state"] == "pass"
    assert checks["health_reached"]["duration_ms"] > 0
    assert checks["separate_database"]["state"] == "skipped"
    assert checks["target_host"]["state"] == "fail"
    assert checks["target_host"]["remedy"].startswith("Correct the service's DATABASE_URL")


def test_junit_is_what_a_ci_reads(services: Services) -> None:
    result = pgvector_ready_verify(services.mine.url, "--format", "junit", "--expect-host", "elsewhere")

    suites = ET.fromstring(result.stdout)  # noqa: S314 - our own
    suite = suites[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(len(suite.findall("testcase/failure"))),
        "skipped": str(len(suite.findall("testcase/skipped"))),
    }
    (failed,) = suite.findall("testcase[failure]")
    assert failed.get("name") == "target_host"
    assert "elsewhere was expected" in failed[0].get("message", "")


def test_a_terminal_without_arrows_is_no_traceback(services: Services) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    result = subprocess.run(
        [*COMMAND, services.mine.url, "--expect-host", "elsewhere"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert "elsewhere was expected. ? Correct" in result.stdout
    assert result.stderr == ""


# Wrong use


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        pytest.param(("app.example.com",), {}, "URL must begin with https:// or http://", id="no scheme"),
        pytest.param(("ftp://secret",), {}, "URL must begin with https:// or http://", id="another scheme"),
        pytest.param(("https://",), {}, "URL must begin with https:// or http://", id="no host"),
        pytest.param(("https://user:secret/x@host",), {}, "URL cannot be read", id="a bare slash in the password"),
        pytest.param(("https://host:99999",), {}, "URL cannot be read", id="no such port"),
        pytest.param(("https://[secret",), {}, "URL cannot be read", id="half a bracket"),
        pytest.param(("https://ho st",), {}, "URL contains blanks", id="a blank"),
        pytest.param(("https://\u200bhost",), {}, "URL contains blanks or invisible", id="an invisible character"),
        pytest.param(("http://h", "--differs-from", "x"), {}, "--differs-from must begin with", id="no other URL"),
        pytest.param(("http://h", "--differs-from", "http://H/"), {}, "is the service itself", id="the same URL"),
        pytest.param(("http://h", "--expect-commit", "main"), {}, "--expect-commit must be the first 7", id="a branch"),
        pytest.param(("http://h", "--expect-commit", "a6be01"), {}, "--expect-commit must be", id="too short a commit"),
        pytest.param(("http://h", "--expect-host", ""), {}, "--expect-host must be", id="an empty host"),
        pytest.param(("http://h", "--expect-fingerprint", "x"), {}, "--expect-fingerprint must", id="no fingerprint"),
        pytest.param(("http://h", "--minimum-pgvector", "v0.8"), {}, "--minimum-pgvector must be", id="no version"),
        pytest.param(("http://h", "--path", "secret"), {}, "--path must be the path", id="a path without a slash"),
        pytest.param(("http://h", "--path", "/secret/"), {}, "--path must be the path", id="a slash at the end"),
        pytest.param(("http://h", "--also", "secret"), {}, "--also must be PATH=STATUS", id="no path"),
        pytest.param(("http://h", "--also", "/x=OK"), {}, "--also must be PATH=STATUS", id="no status"),
        pytest.param(("http://h",), {"HEALTH_TOKEN": "secret\n"}, "HEALTH_TOKEN must be one line", id="a newline"),
        pytest.param(("http://h",), {"OTHER_HEALTH_TOKEN": "sécret"}, "OTHER_HEALTH_TOKEN must", id="no ASCII"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line_that_repeats_nothing(
    arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    result = pgvector_ready_verify(*arguments, **environment)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"pgvector-ready: {sentence}") or sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--wait", "soon"), ("--wait", "-1"), ("--format", "yaml")])
def test_an_option_that_cannot_be_is_exit_code_2(option: str, value: str) -> None:
    assert pgvector_ready_verify("http://h", option, value).exit_code == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("HTTPS://App.Example.com", Address("https://app.example.com"), id="letters"),
        pytest.param(" http://host:8000/ ", Address("http://host:8000"), id="blanks around"),
        pytest.param("http://host/api/v1/health", Address("http://host"), id="an endpoint's own"),
        pytest.param(
            "http://host/below/api/v1/health/db/", Address("http://host", "/below"), id="mounted below another"
        ),
        pytest.param("http://[::1]:80/x", Address("http://[::1]:80", "/x"), id="IPv6"),
        pytest.param("https://exämple.com", Address("https://xn--exmple-cua.com"), id="not in ASCII"),
        pytest.param("http://u%40x:p%3A@h?k=v", Address("http://h", "", "k=v", ("u@x", "p:")), id="a login and a key"),
    ],
)
def test_a_url_is_read_as_it_was_meant(text: str, expected: Address) -> None:
    assert parse(text) == expected


def test_no_secret_of_a_url_is_in_its_repr() -> None:
    assert repr(parse("http://secret:secret@h/secret?k=secret")) == "Address(origin='http://h')"


def test_a_url_has_the_port_of_its_scheme() -> None:
    assert [parse(url).port for url in ("http://h", "https://h", "https://h:1")] == [80, 443, 1]


# Waiting


def hurried(seconds: float) -> Patience:
    return Patience(seconds, pause=lambda: 0.02)


def test_it_waits_for_the_database_that_comes_later(server: PostgresServer, tmp_path: Path) -> None:
    """From nobody listening over a start-up that cannot succeed to the expected commit, in one command."""
    told: list[str] = []
    url = server.connection_string(database="verify_later")
    with ServiceProcess(log=tmp_path / "log", DATABASE_URL=url, GIT_COMMIT=COMMIT) as service:

        def tell(verification: Verification) -> None:
            failure = next(iter(failed_checks(verification.checks)), None)
            assert failure
            told.append(failure.name)
            if failure.name == "health_status" and told.count("health_status") == 1:
                server.create_database("verify_later")

        plan = Plan(parse(service.url), Expectations(commit=COMMIT[:7]))
        verification = run(verify(plan, hurried(60), tell))
    server.drop_database("verify_later")

    assert verification.is_passed, verification.checks
    assert verification.attempts == len(told) + 1
    assert "health_status" in told


def test_it_waits_for_the_new_commit(documents: dict[str, dict[str, Any]]) -> None:
    """While the old one answers, nothing but the two endpoints is asked."""
    answers = {"commit": "0ld0000"}

    def script(request: Request) -> Iterator[bytes] | bytes:
        return answering(documents, **answers)(request)

    with stranger(script) as it:

        def deploy(_: Verification) -> None:
            assert {request.method for request in it.requests} == {"GET"}
            answers["commit"] = COMMIT

        verification = run(verify(Plan(parse(it.origin), Expectations(commit=COMMIT)), hurried(30), deploy))

    assert verification.is_passed, verification.checks
    assert verification.attempts == 2


def test_when_the_time_is_over_the_last_failure_is_reported() -> None:
    port = free_port()

    result = pgvector_ready_verify(f"http://127.0.0.1:{port}", "--wait", "0.1", "--format", "json")

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document["attempts"] in {1, 2}, "a busy machine may use up the time in the first"
    assert "refuses connections" in document["checks"][0]["message"]
    *waiting, failed = result.stderr.splitlines()
    assert waiting == [
        f"waiting for http://127.0.0.1:{port} (0 s of 0.1 s): "
        f"health_reached: http://127.0.0.1:{port} refuses connections: nothing listens there."
    ] * (document["attempts"] - 1)
    assert failed.startswith("[-] health_reached: ")


def test_at_the_end_what_was_never_asked_is_skipped(services: Services) -> None:
    late = ("--wait", "0.1", "--expect-commit", "1234567", "--also", "/docs=200", "--differs-from", services.twin.url)

    result = pgvector_ready_verify(services.mine.url, *late)

    assert list(failures(result)) == ["commit"]
    assert "[ ] separate_database the other service was not asked, because something else failed" in result.stdout
    assert "[ ] also /docs not asked, because something else failed" in result.stdout


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(parse(f"http://127.0.0.1:{free_port()}"))
    counts = []
    for seconds in (30.0, 0.0):
        monkeypatch.setattr(presentation, "_LINE_SECONDS", seconds)
        with presentation.progress(plan.address.origin, 0.2) as tell:
            attempts = run(verify(plan, hurried(0.2), tell)).attempts
        counts.append((attempts, capsys.readouterr().err.count("\n")))

    assert counts[0][0] > 2
    assert counts[0][1] == 1
    assert counts[1][1] == counts[1][0] - 1


def test_on_a_terminal_a_bar_shows_what_it_waits_for() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ours, theirs = pty.openpty()

    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    # Long enough for a second attempt on a busy machine: only then is there a reason to show.
    with subprocess.Popen([*COMMAND, url, "--wait", "4"], env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: screen(ours), b"")).decode()
    os.close(ours)

    assert process.returncode == 1
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert f"for {url}" in plain
    assert re.search(rf"\S waiting \S+ 0:00:0\d +health_reached: {url}", plain), plain
    assert "\x1b[1;31m[-] health_reached\x1b[0m" in shown


def screen(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody has it open any more
        return b""


def test_ctrl_c_is_exit_code_130_and_one_line() -> None:
    command = [*COMMAND, f"http://127.0.0.1:{free_port()}", "--wait", "600"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert process.stderr.readline().startswith("waiting for ")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()

    assert (process.returncode, stdout, stderr) == (130, "", "pgvector-ready: interrupted\n")


# The contract


def test_every_document_of_the_service_speaks_the_contract(documents: dict[str, dict[str, Any]]) -> None:
    for path, endpoint in ((HEALTH_PATH, HEALTH), (DATABASE_PATH, DATABASE)):
        assert read(json.dumps(documents[path]).encode(), endpoint.model).differences == ()


@pytest.mark.parametrize(("ours", "read_here"), [(OurService, ServiceDocument), (OurDatabase, DatabaseDocument)])
def test_a_key_of_ours_that_is_read_here_is_required(ours: type[BaseModel], read_here: type[BaseModel]) -> None:
    """The document that this version sends has every key that this version asks of others."""
    sent = ours.model_json_schema(mode="serialization")["required"]

    asked = {field.alias or name for name, field in read_here.model_fields.items() if field.is_required()}

    assert asked <= set(sent)
