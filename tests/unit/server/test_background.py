"""Output that never waits for its reader, through real pipes."""

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from pgvector_ready.background import _LIMIT_BYTES, Writer, text_stream
from pgvector_ready.logs import JsonFormatter, Output
from pgvector_ready.pace import ALIKE_LINES, ALL_LINES, Pace
from pgvector_ready.redaction import Redactor
from tests.support.postgres import wait_until


@dataclass(slots=True)
class Pipe:
    """A pipe that is read when `read` is called, and not before."""

    reading: int
    writing: int
    received: bytearray = field(default_factory=bytearray)

    def read(self) -> None:
        """Keep reading, in a thread, until the writing end is closed."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while piece := os.read(self.reading, 65536):
                self.received += piece

    @property
    def lines(self) -> list[str]:
        return self.received.decode().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@contextmanager
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    yield made
    os.close(made.writing)


def test_lines_arrive_in_order() -> None:
    with pipe() as it:
        it.read()
        writer = Writer(it.writing)
        for number in range(10_000):
            writer.put(b"%d\n" % number)
        writer.flush(30)

        wait_until(lambda: len(it.lines) == 10_000)
    assert it.lines == [str(number) for number in range(10_000)]
    assert writer.lost == 0


def test_nobody_waits_for_a_reader_and_what_is_lost_is_counted() -> None:
    line = b"x" * 999 + b"\n"
    with pipe() as it:
        writer = Writer(it.writing)
        for _ in range(5_000):
            writer.put(line)
        lost = writer.lost
        writer.flush(0.01)  # does not wait either
        it.read()
        wait_until(lambda: len(it.lines) == 5_000 - lost)

    assert (5_000 - lost) * len(line) < _LIMIT_BYTES + 65_536 + 2 * len(line)  # the queue, the pipe, and one on its way
    assert lost > 3_000


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    """Whoever started this process may have made it so, for itself."""
    with pipe() as it:
        fcntl.fcntl(it.writing, fcntl.F_SETFL, os.O_NONBLOCK)
        writer = Writer(it.writing)
        for _ in range(500):
            writer.put(b"x" * 999 + b"\n")
        it.read()
        wait_until(lambda: len(it.lines) == 500)

    assert {len(line) for line in it.lines} == {999}


def test_a_disk_that_is_full_ends_nothing() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        writer = Writer(descriptor)
        writer.put(b"lost\n")
        writer.flush(30)
    finally:
        os.close(descriptor)

    assert writer.lost == 1


def test_what_is_printed_takes_the_same_way() -> None:
    with pipe() as it:
        writer = Writer(it.writing)
        stream = text_stream(writer)
        for _ in range(3_000):
            print("é" * 500, file=stream)
        it.read()
        wait_until(lambda: len(it.received) > _LIMIT_BYTES // 2)

        assert (stream.fileno(), stream.isatty(), stream.writable()) == (it.writing, False, True)
        assert writer.lost > 0
        with suppress(ValueError):
            stream.detach()


FORKED = """
import logging, os
from pgvector_ready import logs
from pgvector_ready.redaction import Redactor
logs.configure("json", "info", Redactor([]))
log = logging.getLogger("a.library")
for number in range(50):
    log.info("parent", extra={"number": number})
child = os.fork()
if child == 0:
    for number in range(50):
        log.info("child", extra={"number": number})
    os._exit(0)
os.waitpid(child, 0)
log.info("end")
"""


def test_after_a_fork_each_line_is_written_once() -> None:
    """The child has no thread, and may end without a farewell; what it inherited is its parent's to write."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=60)

    events = [json.loads(line) for line in done.stdout.splitlines()]
    for name in ("parent", "child"):
        assert sorted(event["number"] for event in events if event["event"] == name) == list(range(50))
    assert events[-1]["event"] == "end"


LEAVING = """
import logging, sys, threading, warnings
from pgvector_ready import logs
from pgvector_ready.redaction import Redactor
logs.configure("json", "info", Redactor([]))
for number in range(900):
    logging.getLogger(f"a.library.{number}").info("line")
warnings.warn("a warning of Python's", stacklevel=1)
print("printed")
sys.stderr.write("an error\\n")
"""


def test_at_the_end_nothing_is_lost_that_could_be_written() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, check=True, timeout=60)

    lines = done.stdout.splitlines()
    assert len([line for line in lines if '"event":"line"' in line]) == 900
    assert "printed" in lines
    assert [line for line in lines if "a warning of Python's" in line and "py.warnings" in line]
    assert done.stderr == "an error\n"


def test_at_the_end_a_reader_that_never_comes_is_not_waited_for() -> None:
    with pipe() as it:
        program = LEAVING.replace("line", "x" * 1000)
        done = subprocess.run([sys.executable, "-c", program], stdout=it.writing, check=True, timeout=60)

    assert done.returncode == 0


def record(event: str, at: float, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("app.here", logging.INFO, "here.py", 1, event, None, None)
    made.created = at
    vars(made).update(extra)
    return made


def test_lines_that_are_alike_are_bounded_within_each_second() -> None:
    pace = Pace()

    first = sum(pace.admits(record("request: %s", 7.0, status=503, path=f"/{number}")) for number in range(10_000))
    others = [pace.admits(record("request: %s", 7.5, status=404)), pace.admits(record("became_ready", 7.6))]
    left_out = [pace.take_left_out(7.9), pace.take_left_out(8.1), pace.take_left_out(8.2)]
    next_second = pace.admits(record("request: %s", 8.3, status=503))

    assert first == ALIKE_LINES
    assert others == [True, True]
    assert left_out == [0, 10_000 - ALIKE_LINES, 0]
    assert next_second


def test_requests_that_were_served_are_bounded_by_the_whole_alone() -> None:
    pace = Pace()

    admitted = [pace.admits(record("request: %s", 7.0, status=200)) for _ in range(5_000)]

    assert admitted.count(True) == ALL_LINES


def test_events_that_are_never_alike_are_bounded_as_well() -> None:
    pace = Pace()

    admitted = [pace.admits(record(f"event {number}", 7.0)) for number in range(5_000)]

    assert admitted.count(True) == ALL_LINES


def test_what_was_left_out_in_the_last_second_is_told_at_the_end() -> None:
    with pipe() as it:
        output = Output(Writer(it.writing))
        output.setFormatter(JsonFormatter(Redactor([])))
        it.read()
        now = time.time()
        for _ in range(ALIKE_LINES + 7):
            output.handle(record("failed", now))
        output.flush()
        wait_until(lambda: len(it.events) > ALIKE_LINES)

    assert [event["count"] for event in it.events if event["event"] == "log_lines_left_out"] == [7]


@pytest.mark.parametrize("alike", [True, False], ids=["too many alike", "nobody read"])
def test_one_line_says_how_many_are_missing(alike: bool) -> None:  # noqa: FBT001 - a table's column
    """And no line more is needed for it: it comes by itself."""
    number = 5_000
    with pipe() as it:
        output = Output(Writer(it.writing))
        output.setFormatter(JsonFormatter(Redactor([])))
        if alike:
            it.read()
        for at in range(number):
            output.handle(
                record("failed" if alike else f"failed {at}", float(at) if not alike else 7.0, detail="x" * 900)
            )
        it.read()
        missing: list[dict[str, Any]] = []

        def is_all_there() -> object:
            missing[:] = [event for event in it.events if event["event"] == "log_lines_left_out"]
            return number == sum(event["count"] for event in missing) + len(it.events) - len(missing)

        wait_until(is_all_there)

    assert missing[0]["level"] == "warning"
    assert ("alike" in missing[0]["detail"]) is alike
