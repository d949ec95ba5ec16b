"""The command `recall`: its options, what it prints, and its exit code."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgvector_ready.commands.complaint import complaining
from pgvector_ready.commands.recall.found import Recall, as_document, lines_of
from pgvector_ready.loop import run
from pgvector_ready.settings import ConfigurationError, load


class Style(StrEnum):
    """The output formats of `recall`."""

    TEXT = "text"
    JSON = "json"


def recall(  # noqa: PLR0913 - its options
    name: Annotated[
        str | None, typer.Argument(metavar="TABLE.COLUMN", help="Only this column; else each of a table you trust.")
    ] = None,
    *,
    where: Annotated[
        str | None,
        typer.Option(metavar="SQL", help="The filter of your searches; functions in it run as this role."),
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="R", help="Exit with 1 where less is found.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many neighbours a search asks for.")] = 10,
    queries: Annotated[int, typer.Option(min=1, max=1000, help="How many stored vectors are searched for.")] = 50,
    timeout: Annotated[float, typer.Option(min=1, max=3600, metavar="SECONDS", help="For all of it.")] = 60.0,
    style: Annotated[Style, typer.Option("--format", help="Lines for a person, or a document.")] = Style.TEXT,
) -> None:
    """Compare what each vector index finds with what an exact search finds, in DATABASE_URL.

    Read-only. Stored vectors are the queries, which is an optimistic bound: they lie where the index was built. Without
    DATABASE_URL: the one of a .env file here, else the embedded one. Exit code 0: measured, 1: below --at-least, 2:
    wrong use, or it could not be measured.
    """
    from pgvector_ready.commands.choice import chosen_database
    from pgvector_ready.commands.recall.measure import measure
    from pgvector_ready.commands.recall.search import Asked, NotMeasuredError

    asked = Asked(name, where, k, queries, timeout)
    with complaining(ConfigurationError), complaining(NotMeasuredError), ExitStack() as stack:
        choice = stack.enter_context(chosen_database(load(), Path.cwd()))
        choice.settings.connection_string  # noqa: B018 - judged before anything is said
        if style is Style.TEXT:
            typer.echo(choice.line)
        found = run(measure(choice.settings, asked, stack.enter_context(_progress())))
    _print(found, style)
    if at_least is not None and any(one.recall < at_least for one in found):
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show the progress on standard error where a terminal is; it disappears at the end."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    is_still = console.is_dumb_terminal or not console.file.isatty()
    with Progress(*columns, console=console, transient=True, disable=is_still) as progress:
        task = progress.add_task("")
        yield lambda text: progress.update(task, description=text)


def _print(found: list[Recall], style: Style) -> None:
    if style is Style.JSON:
        typer.echo(json.dumps(as_document(found), ensure_ascii=False, separators=(",", ":")))
        return
    for line in lines_of(found):
        typer.echo(line)
