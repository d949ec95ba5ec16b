"""One line on standard error for a wrong configuration or a wrong use, and exit code 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from pgvector_ready.background import Writer

WRONG_USE = 2


@contextmanager
def complaining(kind: type[Exception], *, is_patient: bool = True) -> Iterator[None]:
    """End the command with the sentence of an exception of this kind, without a traceback.

    A command waits until somebody reads it, as any program does. What is not patient, a service, ends without: behind
    a log that nobody reads its platform would take it for one that is still starting.
    """
    try:
        yield
    except kind as error:
        line = f"pgvector-ready: {error}\n"
        if is_patient or sys.stderr is not sys.__stderr__:
            print(line, end="", file=sys.stderr)  # noqa: T201 - the command line's way of speaking
        else:
            writer = Writer(2)
            writer.put(line.encode(errors="backslashreplace"))
            writer.flush()
        raise typer.Exit(WRONG_USE) from None
