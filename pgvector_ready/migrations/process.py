"""The process in which a history is run: started, listened to, and ended with this one."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pgvector_ready.judgement.requirements import VersionTable
from pgvector_ready.migrations import child
from pgvector_ready.printable import printable

Say = Callable[[str], None]

_GRACE_SECONDS = 5.0
# What a grandchild may do with the pipe that it inherited is not waited for.
_LAST_WORDS_SECONDS = 1.0
_MOST_LINES = 5_000
_MOST_LINE_BYTES = 65_536
_SHOWN_CHARACTERS = 1_000
_MOST_REPORT_BYTES = 262_144


@dataclass(slots=True)
class Ended:
    """The exit code of the child, and its reports before. env.py runs in that process, so any of it may be made up."""

    exit_code: int = 0
    reports: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        """True if env.py connected to the database in which the lock is held."""
        return self._of("connected", "is_here") is True

    @property
    def is_elsewhere(self) -> bool:
        """True if env.py connected to another database; nothing was migrated there."""
        return self._of("connected", "is_here") is False

    @property
    def has_failed(self) -> bool:
        """True if the run ended in an error."""
        return self.exit_code != 0

    @property
    def missing_module(self) -> str | None:
        """The module that could not be imported before anything was migrated."""
        return None if "connected" in self.reports else self._text("failed", "missing")

    @property
    def sqlstate(self) -> str | None:
        """The database's code for the error, where it was this database that raised it."""
        return self._text("failed", "sqlstate") if self.is_here else None

    @property
    def statement(self) -> str:
        """The statement that failed."""
        return self._text("failed", "statement") or ""

    @property
    def heads(self) -> frozenset[str]:
        """The revisions that Alembic found in the database before."""
        return frozenset(map(str, self._of("connected", "heads") or ()))

    @property
    def version_table(self) -> VersionTable | None:
        """The table in which Alembic keeps them."""
        name = self._text("connected", "version_table") if self.is_here else None
        return VersionTable(name, self._text("connected", "version_table_schema")) if name else None

    @property
    def details(self) -> Iterator[str]:
        """The lines that say more than a code can."""
        if self.is_elsewhere:
            database, host = self._text("connected", "database"), self._text("connected", "host")
            yield f"env.py connected to database {database} on {host or 'its default host'}; nothing was changed there"
        elif "failed" in self.reports:
            if file := self._text("failed", "file"):
                yield f"{file} line {self._of('failed', 'line')}"
            first, *more = self._of("failed", "words") or [""]
            yield f"{self._text('failed', 'kind')}: {first}"
            yield from map(str, more)
        elif self.has_failed:
            how = f"signal {-self.exit_code}" if self.exit_code < 0 else f"exit code {self.exit_code}"
            yield f"the process of env.py ended by itself, with {how}"

    def _of(self, event: str, value: str) -> Any:
        return self.reports.get(event, {}).get(value)

    def _text(self, event: str, value: str) -> str | None:
        found = self._of(event, value)
        return found if isinstance(found, str) else None


async def run(
    orders: Mapping[str, Any], folder: Path, environment: Mapping[str, str], redact: Callable[[str], str], say: Say
) -> Ended:
    """Run the child to its end; `say` hears each line that it writes, redacted and bounded.

    There is no limit of time: a migration lasts as long as it lasts. Cancelled, it ends the child first.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-P", child.__file__, str(theirs.fileno())),
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,  # nobody is there to answer
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,  # Ctrl-C comes to this process, which passes it on
        )
    ended = Ended()
    reader, writer = await asyncio.open_connection(sock=ours, limit=_MOST_REPORT_BYTES)
    assert process.stdout is not None  # noqa: S101 - a pipe, as above
    listening = [
        asyncio.create_task(_pass_on(process.stdout, redact, say)),
        asyncio.create_task(_listen(reader, ended)),
    ]
    try:
        writer.write(json.dumps(orders).encode() + b"\n")
        ended.exit_code = await process.wait()
        await asyncio.wait(listening, timeout=_LAST_WORDS_SECONDS)
    finally:
        await _end(process)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        writer.close()
    return ended


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the child and all that it started: first as Ctrl-C would, so that it can take back what it began."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE_SECONDS)


async def _listen(reader: asyncio.StreamReader, ended: Ended) -> None:
    with suppress(ValueError, KeyError, TypeError, ConnectionError):  # env.py runs in that process, and may do anything
        while line := await reader.readline():
            report = json.loads(line)
            ended.reports[report["event"]] = report


async def _pass_on(stream: asyncio.StreamReader, redact: Callable[[str], str], say: Say) -> None:
    said = 0
    async for line in _lines(stream):
        said += 1
        if said <= _MOST_LINES:
            say(_shown(line, redact))
    if said > _MOST_LINES:
        say(f"… and {said - _MOST_LINES} more lines")


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield what is written line by line; of a line without end, the beginning."""
    waiting = bytearray()
    while chunk := await stream.read(_MOST_LINE_BYTES):
        for piece in chunk.splitlines(keepends=True):
            if len(waiting) < _MOST_LINE_BYTES:
                waiting += piece
            if piece.endswith(b"\n"):
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)


def _shown(line: bytes, redact: Callable[[str], str]) -> str:
    """Return a line fit to be shown: redacted before it is cut, because a cut secret would not be recognised."""
    return printable(redact(line.decode(errors="replace").rstrip()), _SHOWN_CHARACTERS)
