"""`check` tells each step as it happens: what is on the pipe, or on the terminal, while the next step still waits."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from pgvector_ready.commands.check.console import speaking
from pgvector_ready.documents.reasons import why_skipped
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import RUNBOOK, Code, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.report import Reason
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge, judge_so_far
from pgvector_ready.observation.statements import LOCK
from tests.conftest import Database
from tests.support import faults
from tests.support.examples import LOST, NOON, TARGET, USABLE
from tests.support.postgres import wait_until

FACTS, PROOF = b"pg_available_extensions", b"[3,2,1]"
EXPECTED = f"[ ] expected: {why_skipped(Step.EXPECTED, Reason.NOT_ASKED)}"
KNOWN_BEFORE = {
    FACTS: ["[+] configured"],
    PROOF: ["[+] configured", "[+] connected", EXPECTED, "[+] writable", "[+] available", "[+] enabled"],
}


class Stalling:
    """A manner for a door: it falls silent at these words, and says so."""

    def __init__(self, words: bytes) -> None:
        self.words = words
        self.reached = asyncio.Event()

    async def __call__(self, visit: faults.Visit) -> None:
        await visit.forward(until=self.words)
        self.reached.set()
        await asyncio.Event().wait()


def _environment(database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    # As patient as it may be: nothing here waits for a deadline.
    patience = {"CONNECT_TIMEOUT_SECONDS": "0.9", "QUERY_TIMEOUT_SECONDS": "4"}
    return {**kept, **patience, "DATABASE_URL": database_url, "TERM": "xterm", "COLUMNS": "200"}


@asynccontextmanager
async def _checking(
    database_url: str, *options: str, terminal: "Terminal | None" = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    command = [sys.executable, "-m", "pgvector_ready", "check", "--timeout", "60", *options]
    output = terminal.theirs if terminal else asyncio.subprocess.PIPE
    environment = _environment(database_url)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
    if terminal:
        os.close(terminal.theirs)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    """So many lines of steps as soon as they are there, without the durations; the first line says where it looks."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert (await process.stdout.readline()).startswith(b"DATABASE_URL of the environment: 127.0.0.1 port ")
        lines = [(await process.stdout.readline()).decode() for _ in range(count)]
    return [" ".join(line.split()[:2]) if line.startswith("[+]") else line.rstrip("\n") for line in lines]


@pytest.mark.parametrize("words", [FACTS, PROOF], ids=["in the first query", "in the proof"])
async def test_what_is_known_is_on_the_pipe_while_the_server_stalls(
    database_with_vector: Database, words: bytes
) -> None:
    stalling = Stalling(words)
    async with faults.door(database_with_vector.server.port, stalling) as door:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=door.port)
        async with _checking(url) as process:
            known = await _lines(process, len(KNOWN_BEFORE[words]))
            await stalling.reached.wait()
            is_running = process.returncode is None
            door.manner = faults.cut_at(words)  # it may ask once more, whether the server has crashed
            await door.cut()
            rest = (await process.communicate())[0].decode()

    assert known == KNOWN_BEFORE[words]
    assert is_running
    step = RUNBOOK[len(known)]
    assert rest.startswith(f"[-] {step} connection_lost: "), rest
    assert rest.splitlines()[-1].startswith("fail: ")
    assert process.returncode == 1


_WAITING = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_the_extension_is_shown_once_the_lock_was_had(database: Database) -> None:
    holder = database.server.connect(database.name)
    holder.execute(LOCK.replace("_xact", "").encode())

    async with _checking(database.url, "--enable") as process:
        known = await _lines(process, 5)
        wait_until(lambda: database.execute(_WAITING))
        holder.close()
        rest = (await process.communicate())[0].decode().splitlines()

    assert known == KNOWN_BEFORE[PROOF][:5]
    assert [line[:10] for line in rest] == ["[+] enable", "[+] usable", "[ ] migrat", "[ ] search", "pass: pgve"]
    assert "; PostgreSQL 18" in rest[-1]
    assert "pgvector 0.8.6 in schema public (created now); " in rest[-1]
    assert process.returncode == 0


async def test_json_is_one_document_after_all_is_known(database_with_vector: Database) -> None:
    stalling = Stalling(PROOF)
    async with faults.door(database_with_vector.server.port, stalling) as door:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=door.port)
        async with _checking(url, "--format", "json") as process:
            await stalling.reached.wait()
            door.manner = faults.cut_at(PROOF)
            await door.cut()
            out, err = await process.communicate()

    assert out.count(b"\n") == 1
    assert json.loads(out)["error"]["code"] == "connection_lost"
    assert err == b""


class Terminal:
    """A terminal of 200 columns, and what was drawn on it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        self.drawn = ""

    async def until(self, text: str) -> None:
        """Read until this was drawn; empty means the end."""
        async with asyncio.timeout(30):
            while not text or text not in self.drawn:
                try:
                    chunk = os.read(self._ours, 65_536)
                except BlockingIOError:
                    await asyncio.sleep(0.01)
                    continue
                except OSError:  # how Linux says that the other side has closed
                    chunk = b""
                if not chunk:
                    assert not text, self.drawn
                    return
                self.drawn += chunk.decode(errors="replace")


async def test_a_terminal_shows_the_step_under_way_below_those_that_are_known(database_with_vector: Database) -> None:
    stalling, terminal = Stalling(PROOF), Terminal()
    async with faults.door(database_with_vector.server.port, stalling) as door:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=door.port)
        async with _checking(url, terminal=terminal) as process:
            await stalling.reached.wait()
            await terminal.until("usable")
            under_way = terminal.drawn
            await door.cut()
            await terminal.until("")
            code = await process.wait()

    assert "✓ enabled" in under_way
    assert "✓ connected" in under_way
    assert "✗" not in under_way
    assert "0:00:0" in under_way, "how long it has been going on"
    assert "✗ usable" in terminal.drawn
    assert code == 1


async def test_ctrl_c_gives_the_cursor_back(database_with_vector: Database) -> None:
    stalling, terminal = Stalling(PROOF), Terminal()
    async with faults.door(database_with_vector.server.port, stalling) as door:
        url = database_with_vector.server.connection_string(database=database_with_vector.name, port=door.port)
        async with _checking(url, terminal=terminal) as process:
            await terminal.until("usable")
            process.send_signal(signal.SIGINT)
            await terminal.until("")
            code = await process.wait()

    assert code == 130
    assert terminal.drawn.endswith("\x1b[?25hpgvector-ready: interrupted\r\n")


@pytest.mark.parametrize("step", RUNBOOK)
def test_what_stands_already_is_the_beginning_of_what_will_be_said(step: Step) -> None:
    final = judge(USABLE, Requirements()).verdicts

    assert judge_so_far(USABLE, Requirements(), step) == final[: RUNBOOK.index(step)]


def test_a_step_that_comes_out_otherwise_in_the_end_is_told_again(tmp_path: Path) -> None:
    requirements = Requirements()
    with (tmp_path / "log").open("w") as log, speaking(Console(file=log), as_json=False, is_offline=False) as speaker:
        speaker.tell(judge_so_far(USABLE, requirements, Step.USABLE))
        speaker.end(Observation(judge(LOST, requirements), Provisioning(), NOON, consecutive_failures=1))

    told = [line.split(":")[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert told[:2] == ["[+] configured", "[+] connected"]
    assert told[6:8] == [f"[-] connected {Code.CONNECTION_REFUSED}", "[ ] writable"]
    assert told[-1] == "fail"


def test_nothing_known_yet_is_no_verdict_on_the_database() -> None:
    told = judge_so_far(Facts(TARGET, NOON, 0), Requirements(), Step.CONNECTED)

    assert [verdict.step for verdict in told] == [Step.CONFIGURED]
