"""Ctrl-C, whenever it comes: one line and 130, or what `serve` and `switch` have to say; no traceback, no waiting."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.support import faults
from tests.support.postgres import free_port, wait_until

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a network of a test's own takes root")
INTERRUPTED = "pgvector-ready: interrupted\n"

# Runs a command and interrupts it at the nth event of a kind: an import, or a step on the way to a network.
AT_AN_EVENT = """
import os, signal, sys
from pgvector_ready.__main__ import main
kind, ahead = sys.argv.pop(1), int(sys.argv.pop(1))
def count(event, _):
    global ahead
    if event == kind and sys.argv:
        ahead -= 1
        if ahead == 0:
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(count)
main()
"""


def _environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    return {**kept, "PORT": "0", **variables}


def _call(*command: str, **variables: str) -> tuple[int, str]:
    called = subprocess.run(command, env=_environment(**variables), capture_output=True, text=True, check=False)
    return called.returncode, called.stderr


COMMANDS = [
    pytest.param(("check",), id="check"),
    pytest.param(("migrate",), id="migrate"),
    pytest.param(("serve",), id="serve"),
    pytest.param(("verify", "http://127.0.0.1:1"), id="verify"),
    pytest.param(("switch", "--service", "staging"), id="switch"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("moment", [1, 10, 60, 200])
def test_an_import_that_is_interrupted_is_no_traceback(command: tuple[str, ...], moment: int) -> None:
    called = _call(sys.executable, "-c", AT_AN_EVENT, "import", str(moment), *command)

    assert called == (130, INTERRUPTED)


@pytest.mark.parametrize("kind", ["socket.bind", "socket.connect"])
def test_serve_takes_down_what_there_is_by_then(database: Database, kind: str) -> None:
    code, said = _call(sys.executable, "-c", AT_AN_EVENT, kind, "1", "serve", DATABASE_URL=database.url)

    assert (code, said) == (0, "")


async def _interrupted(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Its exit code and what it said, once the signal is sent; the limit is below what a lookup may hang."""
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(6):
        out, err = await process.communicate()
    return process.returncode, (out + err).decode()


async def _start(*command: str, **variables: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, env=_environment(**variables), stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("command", ["check", "migrate"])
async def test_a_server_that_stalls_does_not_hold_it_up(database: Database, command: str) -> None:
    reached = asyncio.Event()

    async def stall(visit: faults.Visit) -> None:
        await visit.forward(until=b"pg_backend_pid")
        reached.set()
        await asyncio.Event().wait()

    async with faults.door(database.server.port, stall) as door:
        url = database.server.connection_string(database=database.name, port=door.port)
        process = await _start(sys.executable, "-m", "pgvector_ready", command, DATABASE_URL=url)
        await reached.wait()

        code, said = await _interrupted(process)

    assert code == 130
    assert said.endswith(INTERRUPTED)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("verify", "http://127.0.0.1:{port}"), id="verify"),
        pytest.param(("switch", "--service", "staging", "--rollback"), id="switch"),
    ],
)
async def test_a_silent_answer_does_not_hold_it_up(command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        key = {"RENDER_API_KEY": "rnd_example", "RENDER_API_URL": f"http://127.0.0.1:{port}"}
        process = await _start(
            sys.executable, "-m", "pgvector_ready", *(word.format(port=port) for word in command), **key
        )
        connection, _ = await asyncio.to_thread(silent.accept)

        with connection:
            code, said = await _interrupted(process)

    assert code == 130
    assert said in {INTERRUPTED, "Interrupted. Nothing was changed.\n"}


@contextmanager
def _silent_names(folder: Path) -> Iterator[tuple[faults.Namespace, faults.NameServer]]:
    """A network whose name server takes every question and answers none: a lookup in it hangs for 10 s."""
    with faults.Namespace(folder) as namespace:
        questions = namespace.do(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        questions.bind(("127.0.0.1", 53))
        with faults.NameServer(questions) as names:
            yield namespace, names


@NEEDS_ROOT
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("check",), id="check"),
        pytest.param(("migrate",), id="migrate"),
        pytest.param(("verify", "https://app.example.net"), id="verify"),
        pytest.param(("switch", "--service", "staging", "--rollback"), id="switch"),
    ],
)
async def test_a_lookup_that_hangs_does_not_hold_it_up(tmp_path: Path, command: tuple[str, ...]) -> None:
    with _silent_names(tmp_path) as (namespace, names):
        process = await _start(
            *namespace.prefix,
            *(sys.executable, "-m", "pgvector_ready", *command),
            DATABASE_URL="postgresql://app:secret@db.example.net/app",
            MIGRATIONS_FOLDER=str(Path(__file__).parents[3] / "app" / "migrations"),  # it begins in another folder
            RENDER_API_KEY="rnd_example",
        )
        await asyncio.to_thread(wait_until, lambda: names.asked)

        code, said = await _interrupted(process)

    assert code == 130
    assert said.splitlines()[-1] in {INTERRUPTED.strip(), "Interrupted. Nothing was changed."}


def test_a_job_in_the_background_is_not_meant(database: Database) -> None:
    """A shell has its background jobs ignore Ctrl-C, so that it reaches only what runs in front."""
    url = database.server.connection_string(database=database.name, port=free_port())
    command = [sys.executable, "-c", AT_AN_EVENT, "import", "100", "check"]

    called = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],
        env=_environment(DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
    )

    assert called.returncode == 1
    assert "connection_refused" in called.stdout
