"""A log that nobody reads: the service answers, ends when it is told to, and says later what is missing."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.conftest import Database
from tests.support.postgres import free_port
from tests.support.service import DATABASE, HEALTH, UnreadProcess

_RIGHT = "postgresql://app@127.0.0.1:1/app"
# Lines of more than a kilobyte: a pipe holds forty.
_REQUESTS = 300


def ask_for_much_that_is_not_there(service: UnreadProcess) -> None:
    with httpx.Client(base_url=service.url, timeout=30) as client:
        for number in range(_REQUESTS):
            client.request("GET", f"/{number}/{'x' * 1_500}")


def test_every_endpoint_answers_and_sigterm_is_obeyed(database_with_vector: Database, tmp_path: Path) -> None:
    with UnreadProcess(log=tmp_path / "log", DATABASE_URL=database_with_vector.url) as service:
        service.wait_for(200)
        ask_for_much_that_is_not_there(service)
        answers = {path: service.get(path) for path in (HEALTH, DATABASE, "/", "/metrics", "/docs")}
        code = service.end(signal.SIGTERM)

    assert {path: answer and answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert code == 0


def test_once_it_is_read_again_every_line_is_there_or_counted(database_with_vector: Database, tmp_path: Path) -> None:
    with UnreadProcess(log=tmp_path / "log", DATABASE_URL=database_with_vector.url) as service:
        service.wait_for(200)
        ask_for_much_that_is_not_there(service)
        service.read_on()
        code = service.end()
        service.reader.join(30)
        events = service.events()

    missing = sum(event["count"] for event in events if event["event"] == "log_lines_left_out")
    asked = [event for event in events if event["event"] == "request" and event["status"] == 404]
    assert code == 0
    assert len(asked) + missing >= _REQUESTS
    assert max(len(event["path"]) for event in asked) < 2_100
    last = [event["event"] for event in events if event["event"] != "log_lines_left_out"][-1]
    assert last.startswith("Finished server process")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_cannot_start_ends_all_the_same(tmp_path: Path, number: signal.Signals) -> None:
    """While its database is away it logs every change; nobody reads that either."""
    url = f"postgresql://someone:secret@127.0.0.1:{free_port()}/app"
    with UnreadProcess(log=tmp_path / "log", DATABASE_URL=url, LOG_LEVEL="debug") as service:
        service.wait_for(503)
        code = service.end(number)

    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ((), {"DATABASE_URL": "mysql://app@127.0.0.1/app"}),
        ((), {"DATABASE_URL": _RIGHT, "DRAIN_SECONDS": "soon"}),
        ((), {"DATABASE_URL": _RIGHT, "MIGRATIONS_FOLDER": "/nowhere"}),
        (("nosuch_module:app",), {"DATABASE_URL": _RIGHT}),
    ],
    ids=["the database", "a setting", "the migrations", "the application"],
)
def test_what_cannot_be_served_is_exit_code_two_all_the_same(
    arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    """Not even the one sentence about it fits into the pipe."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(65_536))
    os.set_blocking(writing, True)
    command = [sys.executable, "-m", "pgvector_ready", "serve", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(free_port()), **variables}

    done = subprocess.run(command, env=environment, stdout=writing, stderr=writing, check=False, timeout=60)
    for descriptor in (reading, writing):
        os.close(descriptor)

    assert done.returncode == 2
