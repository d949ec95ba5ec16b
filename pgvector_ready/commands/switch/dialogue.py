"""The output of `switch`, on a terminal or in a log."""

import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import Protocol, Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Dialogue(Protocol):
    """Takes the sentences and gives an answer."""

    def say(self, sentence: str) -> None:
        """Print something that stays true."""

    def progress(self, sentence: str) -> None:
        """Print how things are at this moment."""

    def complain(self, sentence: str) -> None:
        """Print what is wrong with how the command was used: nothing has begun."""

    def ask(self, question: str) -> bool | None:
        """Return whether the answer is yes; None where nobody is there to give one."""


class Terminal:
    """Sentences on standard output, complaints on standard error.

    What was under way stays there, each with the time since the beginning; on a terminal a line below it moves.
    """

    def __init__(self) -> None:
        self._console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._stderr = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._started_at = time.monotonic()
        self._last = ""
        self._moving: Progress | None = None

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the cursor back."""
        self._stop()

    def say(self, sentence: str) -> None:
        """Print something that stays true."""
        self._stop()
        self._print(sentence, self._console)

    def complain(self, sentence: str) -> None:
        """Print what is wrong with how the command was used."""
        self._stop()
        self._print(sentence, self._stderr)

    def progress(self, sentence: str) -> None:
        """Print how things are at this moment, unless that was the last to be printed."""
        if sentence == self._last:
            return
        self._stop()
        self._last = sentence
        elapsed = timedelta(seconds=int(time.monotonic() - self._started_at))
        self._print(f"  {elapsed}  {sentence}", self._console)
        # is_terminal does not mean one where FORCE_COLOR is set.
        if self._console.file.isatty() and not self._console.is_dumb_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._moving = Progress(*columns, console=self._console, transient=True)
            self._moving.add_task("waiting", total=None)
            self._moving.start()

    def ask(self, question: str) -> bool | None:
        """Return whether the answer is yes; None where standard input is no terminal."""
        self._stop()
        if not sys.stdin.isatty():
            return None
        self._console.print(f"{question} [y/N] ", end="")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def _print(self, sentence: str, console: Console) -> None:
        """Print if possible: where nobody reads (`| head`) or the disk is full, a switch still goes on to its end."""
        with suppress(OSError, SystemExit):  # the latter is Rich's answer to a broken pipe
            console.print(sentence)

    def _stop(self) -> None:
        if self._moving is not None:
            self._moving.stop()
            self._moving = None
