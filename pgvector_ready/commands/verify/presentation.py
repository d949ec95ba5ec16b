"""The output of a verification: progress on stderr while it waits, and then the whole of it on stdout."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from pgvector_ready.commands.verify.evidence import Verification, failures
from pgvector_ready.commands.verify.formats import to_json, to_junit, to_line, to_lines

Hear = Callable[[Verification], None]
# Often enough for whoever watches a CI's log, and for a CI that ends what is silent.
_LINE_SECONDS = 30.0


def show(verification: Verification, style: str) -> None:
    """Print all of it on stdout, in one of `FORMATS`; where that is for a program, stderr says what failed."""
    FORMATS[style](verification)
    if style != "text":
        for check in failures(verification.checks):
            _console(stderr=True).print(to_line(check))


def _show_lines(verification: Verification) -> None:
    console = _console(stderr=False)
    for line in to_lines(verification):
        console.print(line)


def _show_json(verification: Verification) -> None:
    sys.stdout.write(f"{to_json(verification)}\n")


def _show_junit(verification: Verification) -> None:
    sys.stdout.write(f"{to_junit(verification)}\n")


FORMATS: Mapping[str, Hear] = {"text": _show_lines, "json": _show_json, "junit": _show_junit}


@contextmanager
def progress(origin: str, seconds: float) -> Iterator[Hear]:
    """Yield the function to call after each attempt but the last: it draws a bar on a terminal, or prints lines."""
    console = _console(stderr=True)
    if not seconds:
        yield _say_nothing
    elif console.file.isatty():  # which is_terminal does not mean where FORCE_COLOR is set
        with _bar(console, origin, seconds) as hear:
            yield hear
    else:
        yield _Lines(console, origin, seconds).hear


def _console(*, stderr: bool) -> Console:
    # soft_wrap: Rich would break the lines of a log at 80 columns.
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _say_nothing(_: Verification) -> None:
    """Print nothing: a single try has no progress."""


class _Lines:
    """Prints a plain line at once, and then at most one in `_LINE_SECONDS`."""

    def __init__(self, console: Console, origin: str, seconds: float) -> None:
        self._console = console
        self._origin = origin
        self._seconds = seconds
        self._next_at = 0.0

    def hear(self, verification: Verification) -> None:
        """Print what was wrong in this attempt."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + _LINE_SECONDS
        waited = f"{verification.waited_seconds:.0f} s of {self._seconds:g} s"
        self._console.print(f"waiting for {self._origin} ({waited}): {_reason(verification)}")


@contextmanager
def _bar(console: Console, origin: str, seconds: float) -> Iterator[Hear]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=10),
        TimeElapsedColumn(),
        # What is left of the line: the whole reason would push the others out of it.
        TextColumn("{task.fields[reason]}", style="dim", markup=False, table_column=Column(ratio=1, no_wrap=True)),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("waiting", total=seconds, reason=f"for {origin}")

        def hear(verification: Verification) -> None:
            bar.update(task, completed=verification.waited_seconds, reason=_reason(verification))

        yield hear


def _reason(verification: Verification) -> str:
    return next((f"{failure.name}: {failure.message}" for failure in failures(verification.checks)), "")
