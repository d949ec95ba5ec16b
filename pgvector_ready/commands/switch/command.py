"""The command `switch`: its options, and how it speaks to a terminal or to a log."""

import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Self

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status


def switch(
    *,
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="The web service on Render: its exact name, or its id.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put back the value from before the last switch instead.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=1, max=7200, metavar="SECONDS", help="How long to wait for a deploy.")
    ] = 1800.0,
) -> None:
    """Move a Render service to the database in NEW_DATABASE_URL.

    Exit code 0: done, or nothing to do, 1: not done, 2: wrong use.

    With RENDER_API_KEY it checks the database, enables pgvector there, sets DATABASE_URL on the service, deploys,
    follows the deploy and verifies the service from outside; if that fails, the value from before is put back and
    deployed. It may be cut off at any moment: run it again and it goes on.
    """
    from pgvector_ready.commands.switch.run import Order, Relocation
    from pgvector_ready.commands.switch.steps import Pace

    logging.disable()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Raised where it comes: in what state everything is has yet to be told.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    order = Order(service, dry_run=dry_run, yes=yes, rollback=rollback)
    with Terminal() as terminal:
        code = Relocation(order, os.environ, terminal, Pace(wait_seconds=wait)).run()
    raise typer.Exit(code)


class Terminal:
    """Sentences on standard output, complaints on standard error.

    What is going on stands in a line that changes, or line by line where standard output is a file.
    """

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._stderr = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        self._status: Status | None = None
        self._last = ""

    def __enter__(self) -> Self:
        """Nothing shows until something is told."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the cursor back."""
        self._stop()

    def say(self, sentence: str) -> None:
        """Tell something that stays true."""
        self._stop()
        self._print(sentence, self._console)

    def complain(self, sentence: str) -> None:
        """Tell what is wrong with how it was asked for."""
        self._stop()
        self._print(sentence, self._stderr)

    def progress(self, sentence: str) -> None:
        """Tell how it stands at this moment; the same again is not told twice."""
        if not self._console.file.isatty():  # which is_terminal does not mean where FORCE_COLOR is set
            if sentence != self._last:
                self._print(sentence, self._console)
            self._last = sentence
            return
        from rich.text import Text

        if self._status is None:
            self._status = self._console.status(Text(sentence))
            self._status.start()
        self._status.update(Text(sentence))

    def ask(self, question: str) -> bool | None:
        """Whether the answer is yes; None where standard input is no terminal."""
        self._stop()
        if not sys.stdin.isatty():
            return None
        self._console.print(f"{question} [y/N] ", end="")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def _print(self, sentence: str, console: "Console") -> None:
        """Nobody may read on (`| head`), or the disk be full: a switch that has begun goes on to its end."""
        with suppress(OSError, SystemExit):  # the latter is Rich's answer to a broken pipe
            console.print(sentence)

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
