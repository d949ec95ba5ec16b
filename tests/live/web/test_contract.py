"""What the two endpoints promise, line by line, at the socket."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from pgvector_ready import __version__
from pgvector_ready.documents.answer import Manner, about_database
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.reasons import why_skipped
from pgvector_ready.documents.sentences import SENTENCES
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Code, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.report import Reason
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Provider, Target
from tests.conftest import Database
from tests.support.postgres import PostgresServer, free_port
from tests.support.sentences import assert_complete, example
from tests.support.service import DATABASE, HEALTH, Running, ServiceProcess, running, service_process
from tests.support.told import record

CRLF = b"\r\n"
PATHS = (HEALTH, f"{HEALTH}/", DATABASE, f"{DATABASE}/")
HEALTHY, WARNING, FAILING, LOCKED = "healthy", "warning", "failing", "locked"
STATUS = {
    (HEALTHY, HEALTH): 200,
    (HEALTHY, DATABASE): 200,
    (WARNING, HEALTH): 200,
    (WARNING, DATABASE): 200,
    (FAILING, HEALTH): 503,
    (FAILING, DATABASE): 503,
}
ALLOW = "GET, HEAD, OPTIONS"
COMMON = {
    "cache-control": "no-store",
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}

SERVICE_KEYS = [
    "healthy",
    "status",
    "service",
    "version",
    "commit",
    "environment",
    "instance",
    "started_at",
    "links",
    "error",
]
DATABASE_KEYS = [
    "healthy",
    "status",
    "pgvector",
    "target",
    "server",
    "migrations",
    "vectors",
    "steps",
    "provisioning",
    "error",
    "latency_ms",
    "observed_at",
    "since",
    "consecutive_failures",
    "service",
    "version",
    "commit",
]
NESTED_KEYS = {
    "pgvector": ["state", "installed_version", "available_version", "library_version", "schema"],
    "target": ["host", "port", "database", "user", "provider", "tls", "fingerprint"],
    "server": ["version", "role", "writable"],
    "migrations": ["current", "head"],
    "provisioning": ["state", "attempts"],
    "error": ["code", "step", "message", "remedy", "sqlstate", "documentation"],
}


TOKEN = "secret-tökén"  # noqa: S105 - an example
ANONYMOUS_KEYS = ["healthy", "status", "error"]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def own_headers(self) -> dict[str, str]:
        """Those that are about the answer, not about the day or the connection."""
        return {name: value for name, value in self.headers.items() if name not in {"date", "connection"}}


def exchange(port: int, request: bytes) -> bytes:
    """All the bytes that come back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def parse(received: bytes, *methods: str) -> list[Reply]:
    """The replies to requests by these methods, which must account for every single byte."""
    replies = []
    for method in methods:
        head, _, received = received.partition(CRLF * 2)
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {}
        for name, _, value in (field.partition(": ") for field in fields):
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        status = int(line.split(" ")[1])
        length = 0 if method == "HEAD" or status == 204 else int(headers["content-length"])
        replies.append(Reply(status, headers, received[:length]))
        received = received[length:]
    assert received == b""
    return replies


def request(path: str, method: str = "GET", *headers: str, version: str = "1.1", host: str | None = "service") -> bytes:
    """A request's bytes."""
    lines = [f"{method} {path} HTTP/{version}", *([f"Host: {host}"] if host is not None else []), *headers]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def ask(port: int, path: str, method: str = "GET", *headers: str, **more: Any) -> Reply:
    """One request on a connection of its own."""
    received = exchange(port, request(path, method, *headers, "Connection: close", **more))
    return parse(received, method)[0]


async def ask_running(service: Running, path: str, method: str = "GET", *headers: str) -> Reply:
    """The same, to a service in this event loop."""
    port = urlsplit(service.url).port
    assert port
    return await asyncio.to_thread(ask, port, path, method, *headers)


def without(path: str) -> str:
    return path.rstrip("/")


@pytest.fixture(scope="module")
def services(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServiceProcess]]:
    """One service in each of the states an observation can have, and a healthy one with a token."""
    for name in (HEALTHY, WARNING):
        server.create_database(f"contract_{name}")
        server.execute("CREATE EXTENSION vector", database=f"contract_{name}")
    outdate(server, f"contract_{WARNING}")
    urls = {name: server.connection_string(database=f"contract_{name}") for name in (HEALTHY, WARNING)}
    environments = {
        HEALTHY: {"DATABASE_URL": urls[HEALTHY]},
        WARNING: {"DATABASE_URL": urls[WARNING]},
        FAILING: {"DATABASE_URL": server.connection_string(port=free_port())},
        LOCKED: {"DATABASE_URL": urls[HEALTHY], "HEALTH_TOKEN": TOKEN},
    }
    logs = tmp_path_factory.mktemp("contract")
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(service_process(logs / name, **environment))
            for name, environment in environments.items()
        }
        for name, process in started.items():
            process.wait_for(503 if name == FAILING else 200)
        yield started
        for process in started.values():
            process.end()
    for name in (HEALTHY, WARNING):
        server.drop_database(f"contract_{name}")


def offered(server: PostgresServer) -> str:
    """The version of pgvector on the server."""
    query = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    return str(server.execute(query)[0][0])


def version_of(server: PostgresServer) -> str:
    return str(server.execute("SHOW server_version")[0][0])


def outdate(server: PostgresServer, database: str) -> None:
    """Let an older version stand in the catalogue than the server offers."""
    server.execute("UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'", database=database)


every_state = pytest.mark.parametrize("state", [HEALTHY, WARNING, FAILING])
every_path = pytest.mark.parametrize("path", PATHS)


@every_state
@every_path
def test_get(services: dict[str, ServiceProcess], state: str, path: str) -> None:
    """Status and headers are these and no others, with and without a slash at the end; never a redirect."""
    status = STATUS[state, without(path)]
    retry = {"retry-after": "2"} if status == 503 else {}

    reply = ask(services[state].port, path)

    length = {"content-type": "application/json", "content-length": str(len(reply.body))}
    assert reply.status == status
    assert reply.own_headers == {**length, **COMMON, **retry}
    assert reply.body.endswith(b"}")
    assert b"\n" not in reply.body


@every_state
@every_path
def test_head_is_get_without_a_body(services: dict[str, ServiceProcess], state: str, path: str) -> None:
    """Not one byte of a body, and GET's length: the GET in the middle shares its observation with one of the HEADs."""
    methods = ("HEAD", "GET", "HEAD")
    requests = [request(path, method) for method in methods[:2]] + [request(path, "HEAD", "Connection: close")]

    before, get, after = parse(exchange(services[state].port, b"".join(requests)), *methods)

    assert get.body
    assert get.status == before.status == after.status
    assert get.own_headers in (before.own_headers, after.own_headers)


@every_state
@every_path
def test_options(services: dict[str, ServiceProcess], state: str, path: str) -> None:
    reply = ask(services[state].port, path, "OPTIONS", "Origin: https://example.org")

    assert (reply.status, reply.own_headers) == (204, {"allow": ALLOW, **COMMON})


METHODS = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"]


@pytest.mark.parametrize("method", METHODS)
@every_path
def test_any_other_method(services: dict[str, ServiceProcess], path: str, method: str) -> None:
    for state in (HEALTHY, FAILING):
        reply = ask(services[state].port, path, method)

        assert (reply.status, reply.own_headers) == (405, {"allow": ALLOW, "content-length": "0", **COMMON})


@pytest.mark.parametrize("path", [HEALTH, DATABASE])
def test_a_body_is_not_waited_for(services: dict[str, ServiceProcess], path: str) -> None:
    """Announced, and never sent."""
    posted = ask(services[HEALTHY].port, path, "POST", "Content-Length: 1000", "Content-Type: application/json")
    got = ask(services[HEALTHY].port, path, "GET", "Content-Length: 1000", "Expect: 100-continue")

    assert (posted.status, got.status) == (405, 200)


@pytest.mark.parametrize(
    ("host", "version"),
    [
        ("127.0.0.1", "1.1"),
        ("10.1.2.3:10000", "1.1"),
        ("[::1]:8000", "1.1"),
        ("healthcheck.railway.app", "1.1"),
        ("nonsense nonsense/../%00?#", "1.1"),
        ("", "1.1"),
        ("x" * 4000, "1.1"),
        (None, "1.0"),
        ("127.0.0.1", "1.0"),
    ],
)
@every_path
def test_any_host(services: dict[str, ServiceProcess], path: str, host: str | None, version: str) -> None:
    """Platforms ask by address, and HTTP/1.0 names no host at all."""
    reply = ask(services[HEALTHY].port, path, host=host, version=version)

    assert reply.status == 200
    assert reply.document["healthy"] is True


QUERIES = {
    "empty": "",
    "cache-buster": "_=1733000000&cb=17",
    "unknown": "verbose=1&exclude=db&page=2",
    "repeated": "a=1&a=2&a=3",
    "invalid-percent": "a=%&b=%zz&%=%%%",
    "not-utf-8": "a=%ff%fe&%c3=%28",
    "only-separators": "&&&;;==",
    "injection": "a=';DROP%20TABLE%20x;--&b=<script>",
    "another-url": "url=https://example.org/?x=1",
    "long": "a=" + "x" * 8192,
    "many": "&".join(f"k{number}=v" for number in range(1500)),
    "strict-is-false": "strict=false&format=json",
    "strict-is-nothing": "strict&strict=&format=",
    "strict-is-something": "strict=1&format=xml",
    "nul": "a=%00&strict=%00true",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@every_path
def test_any_query(services: dict[str, ServiceProcess], path: str, query: str) -> None:
    """What is unknown is ignored; a warning, which only `strict` would make a failure of, shows it."""
    reply = ask(services[WARNING].port, f"{path}?{query}")

    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.document["healthy"] is True


STRICTLY = {
    "alone": "strict=true",
    "in capitals": "strict=TRUE",
    "among others": "x=%zz&strict=true&y",
    "the last one counts": "strict=false&strict=true",
    "in a long query": f"{'a&' * 3000}strict=true&{'b=%41&' * 1000}",
    "the last one counts in a long query": f"{'strict=false&' * 200}strict=true&{'x' * 3000}",
}


@pytest.mark.parametrize("query", STRICTLY.values(), ids=STRICTLY)
def test_strictly_a_warning_is_a_failure(services: dict[str, ServiceProcess], query: str) -> None:
    """Document and code alike; the error is what the warning was."""
    lenient = ask(services[WARNING].port, DATABASE)
    strict = ask(services[WARNING].port, f"{DATABASE}?{query}")

    assert (lenient.status, lenient.document["status"], lenient.document["healthy"]) == (200, "warn", True)
    assert lenient.document["error"] is None
    assert (strict.status, strict.document["status"], strict.document["healthy"]) == (503, "fail", False)
    assert strict.document["error"]["code"] == "pgvector_update_available"
    assert strict.headers["retry-after"] == "2"
    enabled = {state: step(reply, "enabled")["state"] for state, reply in (("lenient", lenient), ("strict", strict))}
    assert enabled == {"lenient": "warn", "strict": "fail"}
    assert list(strict.document) == DATABASE_KEYS


@pytest.mark.parametrize("path", [HEALTH, DATABASE])
@pytest.mark.parametrize("state", [HEALTHY, FAILING])
def test_strictly_nothing_changes_without_a_warning(services: dict[str, ServiceProcess], state: str, path: str) -> None:
    reply = ask(services[state].port, f"{path}?strict=true")

    assert reply.status == STATUS[state, path]


def step(reply: Reply, name: str) -> dict[str, Any]:
    return next(dict(step) for step in reply.document["steps"] if step["step"] == name)


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (BROWSER, "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("text/plain", "application/json"),
        ("application/json", "application/json"),
        ("", "application/json"),
        ("%$§ nonsense;;;q=q", "application/json"),
        ("application/health+json", "application/health+json"),
        ("Application/Health+JSON", "application/health+json"),
        ("application/health+json, application/json;q=0.5", "application/health+json"),
        ("text/html;q=0.1, application/health+json;q=0.9", "application/health+json"),
    ],
)
@pytest.mark.parametrize("state", [HEALTHY, FAILING])
@every_path
def test_the_content_type(
    services: dict[str, ServiceProcess], path: str, state: str, accept: str, content_type: str
) -> None:
    """Never HTML, whatever a monitor pretends to be."""
    reply = ask(services[state].port, path, "GET", f"Accept: {accept}")

    assert reply.headers["content-type"] == content_type
    assert reply.status == STATUS[state, without(path)]
    assert reply.body.startswith(b'{"healthy":')


def test_two_accept_headers_are_one(services: dict[str, ServiceProcess]) -> None:
    reply = ask(services[HEALTHY].port, HEALTH, "GET", "Accept: text/html", "Accept: application/health+json")

    assert reply.headers["content-type"] == "application/health+json"


def test_text_of_a_healthy_database(services: dict[str, ServiceProcess], server: PostgresServer) -> None:
    where = f"127.0.0.1 port {server.port}, database contract_healthy, user postgres"

    reply = ask(services[HEALTHY].port, f"{DATABASE}?format=text")

    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    body = reply.body.decode().replace(why_skipped(Step.SEARCHABLE, Reason.NOT_LOOKED), "no column of vectors")
    assert re.sub(r"\d+\.\d ms", "1.0 ms", body) == (
        "pass\n"
        f"    PostgreSQL {version_of(server)} on {where} (local, no TLS); pgvector {offered(server)} in schema public\n"
        "[+] configured\n"
        "[+] connected 1.0 ms\n"
        f"[ ] expected: {why_skipped(Step.EXPECTED, Reason.NOT_ASKED)}\n"
        "[+] writable\n"
        "[+] available\n"
        "[+] enabled\n"
        "[+] usable 1.0 ms\n"
        f"[ ] migrated: {why_skipped(Step.MIGRATED, Reason.NOT_ASKED)}\n"
        "[ ] searchable: no column of vectors\n"
    )


def test_text_of_a_warning_and_the_same_strictly(services: dict[str, ServiceProcess], server: PostgresServer) -> None:
    lenient = ask(services[WARNING].port, f"{DATABASE}?format=text")
    strict = ask(services[WARNING].port, f"{DATABASE}?format=TEXT&strict=true")

    offer = f"pgvector 0.8.0 is enabled, and the server offers {offered(server)}."
    told = f"enabled pgvector_update_available: {offer} → Run in"
    assert (lenient.status, strict.status) == (200, 503)
    assert lenient.body.decode().startswith("warn\n")
    assert strict.body.decode().startswith("fail\n")
    assert f"\n[!] {told}" in lenient.body.decode()
    assert f"\n[-] {told}" in strict.body.decode()


def test_text_of_a_failing_database(services: dict[str, ServiceProcess]) -> None:
    port = services[FAILING].environment["DATABASE_URL"].rpartition(":")[2].partition("/")[0]

    reply = ask(services[FAILING].port, f"{DATABASE}/?format=text")

    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    assert reply.body.decode() == (
        "fail\n"
        f"    127.0.0.1 port {port}, database postgres, user postgres (local)\n"
        "[+] configured\n"
        f"[-] connected connection_refused: Nothing listens on 127.0.0.1 port {port}. → "
        "Check that the database is running on this machine, on this port. In a container or on a platform localhost "
        "is the container itself: name the database's own host in DATABASE_URL.\n"
        f"[ ] expected: {why_skipped(Step.EXPECTED, Reason.NOT_ASKED)}\n"
        "[ ] writable: not reached\n[ ] available: not reached\n[ ] enabled: not reached\n[ ] usable: not reached\n"
        "[ ] migrated: not reached\n[ ] searchable: not reached\n"
    )


@pytest.mark.parametrize(
    ("language", "told"),
    [("ja", "では何も待ち受けていません。"), ("en, ja;q=0.5", "Nothing listens on"), ("fr", "Nothing listens on")],
)
def test_text_is_in_the_readers_language_and_json_is_not(
    services: dict[str, ServiceProcess], language: str, told: str
) -> None:
    """A program that reads JSON, or a monitor that looks for a word in it, gets one language."""
    port = services[FAILING].port

    text = ask(port, f"{DATABASE}?format=text", "GET", f"Accept-Language: {language}")
    document = ask(port, DATABASE, "GET", f"Accept-Language: {language}")

    assert told in text.body.decode()
    assert "[-] connected connection_refused: " in text.body.decode()
    assert "Nothing listens on" in json.loads(document.body)["error"]["message"]


def test_text_about_the_service(services: dict[str, ServiceProcess]) -> None:
    live = ask(services[HEALTHY].port, f"{HEALTH}?format=text")
    starting = ask(services[FAILING].port, f"{HEALTH}?format=text")

    assert (live.status, live.body) == (200, b"pass\n[+] service\n")
    assert (starting.status, starting.body.decode()) == (
        503,
        "fail\n[-] service starting: Start-up has not succeeded yet: the database is not vector-ready. → "
        "See /api/v1/health/db for the cause; this turns to 200 by itself when it is mended.\n",
    )


@every_state
@pytest.mark.parametrize("path", [HEALTH, DATABASE])
def test_every_key_is_there_in_its_order(services: dict[str, ServiceProcess], state: str, path: str) -> None:
    """In failure too: a monitor's query must not break just when it is needed."""
    document = ask(services[state].port, path).document

    assert list(document) == (SERVICE_KEYS if path == HEALTH else DATABASE_KEYS)
    for name, keys in NESTED_KEYS.items():
        if document.get(name) is not None:
            assert list(document[name]) == keys
    assert (document["error"] is None) == (STATUS[state, path] == 200)


@every_state
@pytest.mark.parametrize("path", [HEALTH, DATABASE])
@pytest.mark.parametrize("query", ["", "?strict=true"])
def test_keyword_monitors_find_what_they_look_for(
    services: dict[str, ServiceProcess], state: str, path: str, query: str
) -> None:
    """`"healthy":true` or `false` comes first and once, `"status"` once, and all of it is compact."""
    reply = ask(services[state].port, path + query)

    text = reply.body.decode()
    healthy = "true" if reply.status == 200 else "false"
    assert text.startswith(f'{{"healthy":{healthy},"status":"')
    assert (text.count('"healthy"'), text.count('"status"')) == (1, 1)
    assert text == json.dumps(reply.document, separators=(",", ":"), ensure_ascii=False)


def test_what_is_known_of_a_healthy_database(services: dict[str, ServiceProcess], server: PostgresServer) -> None:
    document = ask(services[HEALTHY].port, DATABASE).document

    fingerprint = document["target"].pop("fingerprint")
    assert document["pgvector"] == {
        "state": "installed",
        "installed_version": offered(server),
        "available_version": offered(server),
        "library_version": offered(server),
        "schema": "public",
    }
    assert document["target"] == {
        "host": "127.0.0.1",
        "port": server.port,
        "database": "contract_healthy",
        "user": "postgres",
        "provider": "local",
        "tls": None,
    }
    assert re.fullmatch("[0-9a-f]{8}", fingerprint)
    assert document["server"] == {"version": version_of(server), "role": "primary", "writable": True}
    assert document["migrations"]["current"] is None
    assert document["provisioning"] == {"state": "already_enabled", "attempts": 1}
    assert (document["service"], document["version"]) == ("pgvector-ready", __version__)


def test_what_is_unknown_of_an_unreachable_database_is_null(services: dict[str, ServiceProcess]) -> None:
    document = ask(services[FAILING].port, DATABASE).document

    assert document["pgvector"] == {**dict.fromkeys(NESTED_KEYS["pgvector"]), "state": "unknown"}
    assert document["server"] == dict.fromkeys(NESTED_KEYS["server"])
    assert document["target"]["tls"] is document["target"]["fingerprint"] is None
    assert document["consecutive_failures"] > 0
    assert [step["state"] for step in document["steps"]] == ["pass", "fail"] + ["skipped"] * 7


@every_state
def test_instants_and_durations(services: dict[str, ServiceProcess], state: str) -> None:
    """Aware, in UTC; durations with one digit."""
    service = ask(services[state].port, HEALTH).document
    document = ask(services[state].port, DATABASE).document

    seconds, precise = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(seconds, service["started_at"])
    assert re.fullmatch(seconds, document["since"])
    assert re.fullmatch(precise, document["observed_at"])
    assert datetime.fromisoformat(document["since"]) <= datetime.fromisoformat(document["observed_at"])
    durations = [document["latency_ms"], *(step["duration_ms"] for step in document["steps"] if "duration_ms" in step)]
    assert all(duration == round(duration, 1) for duration in durations)


@every_state
@pytest.mark.parametrize("path", [HEALTH, DATABASE])
def test_keep_alive_and_pipelining(services: dict[str, ServiceProcess], state: str, path: str) -> None:
    """Requests sent at once are answered in order on the one connection, with the same bytes but for a new probe."""
    methods = ["GET", "HEAD", "OPTIONS", "POST"] * 3
    requests = [request(f"{path}?n={number}", method) for number, method in enumerate(methods)]

    received = exchange(services[state].port, b"".join(requests) + request(path, "GET", "Connection: close"))

    replies = parse(received, *methods, "GET")
    status = STATUS[state, path]
    assert [reply.status for reply in replies] == [status, status, 204, 405] * 3 + [status]
    assert len({reply.body for reply in replies if reply.body}) <= 2


@every_path
def test_an_upgrade_is_not_taken_up(services: dict[str, ServiceProcess], path: str) -> None:
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")

    reply = ask(services[HEALTHY].port, path, "GET", *upgrade)

    assert reply.status == 200


@pytest.mark.parametrize("path", [HEALTH, DATABASE, "/", "/docs", "/openapi.json", "/nothing-there"])
def test_the_server_does_not_say_what_it_is_made_of(services: dict[str, ServiceProcess], path: str) -> None:
    reply = ask(services[HEALTHY].port, path)

    assert not {"server", "x-powered-by", "set-cookie", "location"} & set(reply.headers)


@pytest.mark.parametrize("state", [HEALTHY, FAILING])
def test_the_page_at_the_root(services: dict[str, ServiceProcess], state: str) -> None:
    """Render's port probe sends HEAD there before it asks anything else."""
    get, head = (ask(services[state].port, "/", method) for method in ("GET", "HEAD"))

    assert (get.status, head.status) == (200, 200)
    # Nothing is drawn for HEAD, so that it has no length to tell.
    lengths = {"content-length", "transfer-encoding"}
    headers = [{pair for pair in answer.own_headers.items() if pair[0] not in lengths} for answer in (get, head)]
    assert headers[0] == headers[1]
    assert DATABASE in get.body.decode()


def test_both_documents_name_one_service(services: dict[str, ServiceProcess]) -> None:
    service, document = (ask(services[HEALTHY].port, path).document for path in (HEALTH, DATABASE))

    shared = ("service", "version", "commit")
    assert [service[key] for key in shared] == [document[key] for key in shared]
    assert service["links"] == {"database": DATABASE}


# What needs a service of its own


async def test_two_answers_of_one_observation_are_the_same_bytes(database: Database) -> None:
    """For every manner of asking; a thing that changes between two answers would make caching and comparing a lie."""
    queries: list[dict[str, str]] = [{}, {"strict": "true"}, {"format": "text"}, {"format": "text", "strict": "true"}]
    async with running(database.url) as service:
        await service.until(None)

        for query in queries:
            for _ in range(5):  # two in a row within one time to live
                first, second = await service.database(**query), await service.database(**query, cache_buster="1")
                if first.content == second.content:
                    break

            assert first.content == second.content
            assert dict(first.headers) == {**second.headers, "date": first.headers["date"]}


async def test_the_latch(database: Database) -> None:
    """503 until start-up has succeeded once; from then on 200, whatever becomes of the database."""
    async with running(database.plain_url) as service:
        starting = await service.health()
        await service.until("pgvector_permission_denied")
        database.execute("CREATE EXTENSION vector")
        await service.until(None)
        await service.until_latched()
        ready = await service.database()
        database.server.drop_database(database.name)
        service.ready.expire()
        gone = await service.until("database_missing")
        latched = await service.health()

    assert (starting.status_code, starting.json()["status"]) == (503, "fail")
    assert starting.json()["error"]["code"] == "starting"
    record("starting", starting)
    assert starting.json()["error"]["step"] == "service"
    assert starting.headers["retry-after"] == "2"
    assert (ready.status_code, ready.json()["healthy"]) == (200, True)
    assert (gone.status_code, gone.json()["healthy"]) == (503, False)
    assert gone.json()["error"]["sqlstate"] == "3D000"
    assert (latched.status_code, latched.json()["status"], latched.json()["error"]) == (200, "pass", None)


async def test_without_the_gate_it_is_plain_liveness(database: Database) -> None:
    async with running(database.plain_url, startup_gate=False) as service:
        health, usable = await service.health(), await service.until("pgvector_permission_denied")

    assert (health.status_code, usable.status_code) == (200, 503)
    assert health.json()["healthy"] is True


@pytest.mark.parametrize("gate", [True, False])
async def test_draining(database: Database, gate: bool) -> None:  # noqa: FBT001
    """Both say so while the listener is still open, and the database's document keeps what is known."""
    async with running(database.url, startup_gate=gate) as service:
        await service.until(None)
        service.ready.drain()
        answers = {path: await ask_running(service, path) for path in PATHS}
        heads = {path: await ask_running(service, path, "HEAD") for path in PATHS}
        text = await ask_running(service, f"{DATABASE}?format=text")

    for path, answer in answers.items():
        assert (answer.status, heads[path].status) == (503, 503)
        assert answer.headers["retry-after"] == "2"
        assert answer.own_headers == heads[path].own_headers
        assert (answer.document["healthy"], answer.document["status"]) == (False, "fail")
        assert answer.document["error"]["code"] == "draining"
        assert answer.body.count(b'"healthy"') == answer.body.count(b'"status"') == 1
    assert answers[DATABASE].document["pgvector"]["state"] == "installed"
    assert list(answers[DATABASE].document) == DATABASE_KEYS
    assert text.body.decode().splitlines()[2].startswith("[-] service draining: ")


async def test_draining_before_anything_is_known(server: PostgresServer) -> None:
    """SIGTERM in the first second: nobody has asked the database yet, and nobody does now."""
    url = server.connection_string()

    with server.frozen():
        async with running(url, connect_timeout_seconds=0.5) as service:
            service.ready.drain()
            answer = await service.database()

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "draining"
    record("draining", answer)
    assert answer.json()["pgvector"]["state"] == "unknown"


@pytest.mark.parametrize(
    ("authorization", "is_let_in"),
    [
        pytest.param(None, False, id="none"),
        pytest.param(f"Bearer {TOKEN}", True, id="right"),
        pytest.param(f"bearer {TOKEN}", True, id="right-in-lower-case"),
        pytest.param("Bearer wrong", False, id="wrong"),
        pytest.param(f"Bearer {TOKEN}x", False, id="longer"),
        pytest.param(f"Bearer {TOKEN[:-1]}", False, id="shorter"),
        pytest.param("Bearer", False, id="no-token"),
        pytest.param("Bearer ", False, id="empty-token"),
        pytest.param("", False, id="empty"),
        pytest.param(TOKEN, False, id="no-scheme"),
        pytest.param(f"Basic {TOKEN}", False, id="another-scheme"),
        pytest.param("Bearer \u20ac\u00ff", False, id="wrong-and-non-ascii"),
        pytest.param("Bearer " + "x" * 8000, False, id="very-long"),
    ],
)
@every_path
def test_a_token_hides_everything_but_the_verdict(
    services: dict[str, ServiceProcess],
    path: str,
    authorization: str | None,
    is_let_in: bool,  # noqa: FBT001
) -> None:
    headers = [] if authorization is None else [f"Authorization: {authorization}"]
    full = SERVICE_KEYS if without(path) == HEALTH else DATABASE_KEYS

    get, head = (ask(services[LOCKED].port, path, method, *headers) for method in ("GET", "HEAD"))

    assert (get.status, head.status) == (200, 200)
    assert list(get.document) == (full if is_let_in else ANONYMOUS_KEYS)
    if not is_let_in:
        assert get.body == b'{"healthy":true,"status":"pass","error":null}'
        assert get.own_headers == head.own_headers


async def test_an_anonymous_failure_is_a_code_and_no_more(database: Database) -> None:
    """No host, no sentence, in no form of asking."""
    secret = [f"Authorization: Bearer {TOKEN}"]
    async with running(database.plain_url, health_token=TOKEN) as service:
        await service.until("pgvector_permission_denied")
        failing = await ask_running(service, DATABASE)
        strict = await ask_running(service, f"{DATABASE}?strict=true")
        text = await ask_running(service, f"{DATABASE}?format=text")
        starting = await ask_running(service, HEALTH)
        told = await ask_running(service, f"{DATABASE}?format=text", "GET", *secret)

    code = b'{"healthy":false,"status":"fail","error":{"code":"%s"}}'
    assert failing.body == strict.body == code % b"pgvector_permission_denied"
    assert starting.body == code % b"starting"
    assert text.body == b"fail\n[-] pgvector_permission_denied\n"
    assert [reply.status for reply in (failing, strict, text, starting, told)] == [503] * 5
    assert "CREATE EXTENSION vector;" in told.body.decode()


COMMITS = {"RENDER_GIT_COMMIT": "aaaaaaa", "RAILWAY_GIT_COMMIT_SHA": "bbbbbbb", "GIT_COMMIT": "ccccccc"}


@pytest.mark.parametrize(
    ("environment", "commit"),
    [
        pytest.param(COMMITS, "aaaaaaa", id="render-first"),
        pytest.param(COMMITS | {"RENDER_GIT_COMMIT": ""}, "bbbbbbb", id="then-railway"),
        pytest.param({"GIT_COMMIT": "ccccccc"}, "ccccccc", id="then-git"),
        pytest.param({}, None, id="none"),
    ],
)
async def test_the_commit(
    database_with_vector: Database, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], commit: str | None
) -> None:
    for name in COMMITS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async with running(database_with_vector.url) as service:
        shown = [(await service.health()).json()["commit"], (await service.database()).json()["commit"]]

    assert shown == [commit, commit]


async def test_environment_and_instance(database_with_vector: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "staging")
    monkeypatch.setenv("RENDER_INSTANCE_ID", "srv-abc-1")

    async with running(database_with_vector.url) as service:
        document = (await service.health()).json()

    assert (document["environment"], document["instance"]) == ("staging", "srv-abc-1")


async def test_a_database_cannot_forge_the_verdict_by_its_name(server: PostgresServer, database: Database) -> None:
    """A name with quotes stays within its string: the raw text holds one `"healthy":true`, or none."""
    name = f'{database.name} "healthy":true,"status":"pass"'
    server.execute('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
    try:
        async with running(server.connection_string(database=name), enable_pgvector=False) as service:
            failing = await service.until("pgvector_not_enabled")
    finally:
        server.execute('DROP DATABASE "{}" WITH (FORCE)'.format(name.replace('"', '""')))

    assert failing.json()["target"]["database"] == name
    assert '"healthy":true' not in failing.text
    assert failing.text.count('"status":') == 1


@pytest.mark.parametrize(("code", "case"), SENTENCES)
def test_no_sentence_of_any_failure_spoils_a_monitors_keyword(code: Code, case: str) -> None:
    """Whatever goes wrong with whichever provider, the raw text has one verdict and no secret's place holder."""
    for provider in Provider:
        target = Target("db.example.net", 5432, "app", "someone", provider)
        failure = example(code, case, target, Step.CONNECTED)
        noon = datetime.fromisoformat("2026-01-01T12:00:00Z")
        report = judge(Facts(target, noon, 1.0, failure=failure), Requirements())
        answers = about_database(Observation(report, Provisioning(), noon, 1), Identity(None, None, None, noon))

        body, text = (answers.to(manner).body.decode() for manner in (Manner(), Manner(is_text=True)))

        assert body.count("healthy") == body.count('"status"') == 1
        assert text.count("\n") == 11
        assert_complete(failure)
