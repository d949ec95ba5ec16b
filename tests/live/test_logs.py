"""Log lines, as machines and people read them, and what must never stand in one."""

import json
import logging
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import pytest

from pgvector_ready.judgement.failures import Step
from pgvector_ready.logs import ConsoleFormatter, JsonFormatter
from pgvector_ready.redaction import Own, Redactor
from tests.conftest import Database
from tests.support.postgres import PostgresServer, free_port, wait_until
from tests.support.service import DATABASE, HEALTH, ServiceProcess, service_process

SECRET = "s3cr%t/\"with' &\\ é"  # noqa: S105 - an example


def record(message: str, *arguments: object, level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("team.here", level, "here.py", 1, message, arguments, None)
    vars(made).update(extra)
    return made


def break_down(message: str) -> NoReturn:
    raise RuntimeError(message) from OSError(message)


def failed(message: str) -> logging.LogRecord:
    """A record of an exception with a cause, both with this message."""
    try:
        break_down(message)
    except RuntimeError:
        made = record("it_broke", level=logging.ERROR)
        made.exc_info = sys.exc_info()
        return made


def as_json(made: logging.LogRecord, *secrets: str) -> dict[str, Any]:
    line = JsonFormatter(Redactor(secrets)).format(made)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_line_is_one_json_object() -> None:
    """The instant first; numbers stay numbers, and whatever else is given becomes text."""
    line = as_json(
        record("it_%s", "happened", level=logging.WARNING, number=1.5, is_so=True, none=None, path=Path("/x"))
    )

    assert list(line) == ["at", "level", "event", "logger", "number", "is_so", "none", "path"]
    assert line["at"].endswith("Z")
    assert (line["level"], line["event"], line["logger"]) == ("warning", "it_happened", "team.here")
    assert (line["number"], line["is_so"], line["none"], line["path"]) == (1.5, True, None, "/x")


def test_line_breaks_do_not_break_the_line() -> None:
    line = as_json(record("one\ntwo", detail='three\n{"level":"error"}\r\u2028'))

    assert line["event"] == r"one\ntwo"
    assert line["detail"] == r'three\n{"level":"error"}\r\u2028'
    assert line["level"] == "info"


def test_an_exception_is_in_the_line_with_its_cause() -> None:
    line = as_json(failed("something"))

    assert line["exception"].count("something") == 2
    assert "RuntimeError" in line["exception"]
    assert "Traceback" in line["exception"]


def test_a_person_gets_columns() -> None:
    line = ConsoleFormatter(Redactor(())).format(record("serving", level=logging.WARNING, port=8000, host="::1"))

    assert line[8:] == " warning serving  port=8000  host=::1"
    assert line[2] == line[5] == ":"


def test_what_a_stranger_asks_for_writes_no_lines_and_commands_no_terminal() -> None:
    line = ConsoleFormatter(Redactor(())).format(record("request", path="/é\n12:00:00 error  forged\x1b[31m"))

    assert line.endswith(r"request  path=/é\n12:00:00 error  forged\x1b[31m")


def test_a_person_gets_the_traceback_below() -> None:
    first, *rest = ConsoleFormatter(Redactor(())).format(failed("something")).splitlines()

    assert first.endswith("error   it_broke")
    assert rest[-1] == "RuntimeError: something"


FORMS = {
    "plain": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "repr": repr(SECRET),
    "repr-of-a-repr": repr({"password": SECRET, "quote": "it's"}),
    "repr-of-an-error": repr(ValueError(f"password {SECRET} is wrong")),
    "within": f"postgresql://someone:{SECRET}@db",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
def test_secrets_are_taken_out(formatter: type[JsonFormatter], form: str) -> None:
    """Of the message, its arguments, whatever belongs to it, and exceptions, in every form."""
    records = [
        record(form),
        record("it_%s", form),
        record("it", detail=form),
        record("it", more={"a": [form]}),
        failed(form),
    ]
    format_ = formatter(Redactor([SECRET])).format

    lines = [format_(made) for made in records]

    for line in lines:
        assert "***" in line
        assert "s3cr" not in line


CONFIGURED = """
import logging
from pgvector_ready import logs
from pgvector_ready.redaction import Redactor
logs.configure({style!r}, "warning", Redactor(["Secret-1"]))
logging.getLogger("uvicorn.error").warning("here is a %s", "Secret-1")
logging.getLogger("app").info("not told")
"""


def test_json_is_what_a_machine_gets() -> None:
    command = [sys.executable, "-c", CONFIGURED.format(style=None)]

    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert line.count("\n") == 1
    assert json.loads(line)["event"] == "here is a ***"


@pytest.mark.parametrize("style", [None, "console"])
def test_columns_are_what_a_terminal_gets(style: str | None) -> None:
    ours, theirs = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", CONFIGURED.format(style=style)], stdout=theirs, check=True)
        line = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)

    assert line[8:] == " warning here is a ***\r\n"


@pytest.mark.parametrize("formatter", [JsonFormatter, ConsoleFormatter])
def test_no_field_is_longer_than_its_bound(formatter: type[JsonFormatter]) -> None:
    line = formatter(Redactor(())).format(record("%s", "é" * 10**6, path="x" * 10**6))

    assert len(line) < 5_000


@pytest.mark.parametrize(
    "password", ["app", "warning", "became", "unready", "true", "1", "connected", "wait", "itself"]
)
def test_words_of_ours_are_not_cut_by_a_password_that_is_one(password: str) -> None:
    made = record("became_unready: %s", "itself", level=logging.WARNING, is_so=True, number=1, step=Step.CONNECTED)
    vars(made).update(name="pgvector_ready.readiness.readiness", remedy=Own("Wait: it connected by itself, app."))

    line = JsonFormatter(Redactor([password])).format(made)

    assert "***" not in line
    assert json.loads(line)["event"] == "became_unready"


# As the service writes them


@pytest.fixture(scope="module")
def logged(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that has answered a few requests and has ended."""
    server.create_database("logs")
    log = tmp_path_factory.mktemp("logs") / "log"
    url = server.connection_string(database="logs")
    with service_process(log, DATABASE_URL=url, WEB_CONCURRENCY="4", LOG_LEVEL="debug") as process:
        process.wait_for(200)
        for path in (HEALTH, f"{HEALTH}/", DATABASE, f"{DATABASE}/?_=1", f"{DATABASE}?format=text"):
            assert process.get(path) is not None
        for path in ("/?password=swordfish", "/nothing/there?token=swordfish", "/docs"):
            assert process.get(path) is not None
        with socket.create_connection(("127.0.0.1", process.port)) as connection:
            connection.sendall(b"no HTTP at all\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
        process.end()
        yield process
    server.drop_database("logs")


def test_every_line_of_the_service_is_json(logged: ServiceProcess) -> None:
    """uvicorn's own too."""
    loggers = {event["logger"] for event in logged.events()}

    assert {
        "pgvector_ready.readiness.provisioning",
        "pgvector_ready.readiness.readiness",
        "pgvector_ready.server.server",
        "uvicorn.error",
    } <= loggers
    assert all({"at", "level", "event"} <= set(event) for event in logged.events())
    assert "request_refused" in {event["event"] for event in logged.events()}


def requests(process: ServiceProcess) -> list[dict[str, Any]]:
    return [event for event in process.events() if event["event"] == "request"]


def test_successful_polls_leave_no_line_and_other_requests_one(logged: ServiceProcess) -> None:
    """Never a query string: people put secrets there."""
    told = [(line["method"], line["path"], line["status"], line["client"]) for line in requests(logged)]

    others = [request for request in told if not request[1].startswith("/api/")]
    assert others == [
        ("GET", "/nothing/there", 404, "127.0.0.1"),
        ("GET", "/docs", 200, "127.0.0.1"),
    ]
    assert {request[2] for request in told if request[1].startswith("/api/")} <= {503}
    assert "swordfish" not in logged.log.read_text()


def test_web_concurrency_is_told_to_be_of_no_use(logged: ServiceProcess) -> None:
    assert [event for event in logged.events() if event["event"] == "web_concurrency_ignored"]


def test_failing_polls_leave_a_line(database: Database, tmp_path: Path) -> None:
    """And no secret is in any, not even where the login with it fails, and everything is told."""
    url = database.url.replace("secret@", "sw%C3%B6rd%2Ffish@")
    secrets = {"DATABASE_URL": url, "HEALTH_TOKEN": "opensesame"}
    with service_process(tmp_path / "log", LOG_LEVEL="debug", **secrets) as process:
        process.wait_for(503)
        process.wait_for(503, f"{DATABASE}?token=opensesame")
        process.end()

    told = {(line["method"], line["path"], line["status"]) for line in requests(process)}
    written = process.log.read_text()
    assert {("GET", HEALTH, 503), ("GET", DATABASE, 503)} <= told
    assert "invalid_password" in written
    for secret in ("opensesame", "swörd", "sw%C3%B6rd", "fish", "sw\\u00f6rd"):
        assert secret not in written


def test_a_steady_state_is_silent(tmp_path: Path) -> None:
    """A database that is down is told once, not with every probe and every attempt."""
    url = f"postgresql://someone:secret@127.0.0.1:{free_port()}/app"
    with service_process(tmp_path / "log", DATABASE_URL=url) as process:

        def has_failed_thrice() -> bool:
            answer = process.get(DATABASE)
            return answer is not None and answer.json()["consecutive_failures"] >= 3

        wait_until(has_failed_thrice)
        process.end()

    events = [event["event"] for event in process.events()]
    assert events.count("became_unready") == 1
    assert events.count("probe_failed") == 1
    assert "Traceback" not in process.log.read_text()
