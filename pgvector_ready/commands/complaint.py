"""One line on standard error for a wrong configuration or a wrong use, and exit code 2."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

WRONG_USE = 2


@contextmanager
def complaining(kind: type[Exception]) -> Iterator[None]:
    """End the command with the sentence of an exception of this kind, without a traceback."""
    try:
        yield
    except kind as error:
        print(f"pgvector-ready: {error}", file=sys.stderr)  # noqa: T201 - the command line's way of speaking
        raise typer.Exit(WRONG_USE) from None
