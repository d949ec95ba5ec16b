"""The command line: one function per command, no logic of its own."""

import os
import re
import sys
from typing import Annotated

import typer

from pgvector_ready import __doc__ as description
from pgvector_ready import __version__
from pgvector_ready.commands.check.command import check
from pgvector_ready.commands.complaint import WRONG_USE, complaining
from pgvector_ready.commands.serve import serve
from pgvector_ready.commands.switch.command import switch
from pgvector_ready.commands.verify.command import verify
from pgvector_ready.loop import run
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import ConfigurationError, is_on_platform, load

_CONNECTION_STRING = re.compile(r"postgres(?:ql)?(?:\+\w+)?:/|password\s*=", re.IGNORECASE)
_NOT_HERE = (
    "A connection string does not belong on the command line, where every process list and log shows it: "
    "set DATABASE_URL to it (for switch: NEW_DATABASE_URL)."
)

app = typer.Typer(
    name="pgvector-ready",
    help=description,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text, for a log as well
)


def main() -> None:
    """Carry out what the command line says; always ends in SystemExit."""
    if any(map(_CONNECTION_STRING.search, sys.argv[1:])):  # Typer would repeat an argument that it did not expect
        print(f"pgvector-ready: {_NOT_HERE}", file=sys.stderr)  # noqa: T201 - the command line's way of speaking
        sys.exit(WRONG_USE)
    app()


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        if os.environ.get("DATABASE_URL") or is_on_platform(os.environ):
            serve()
        else:
            typer.echo(context.get_help())


app.command()(serve)
app.command()(check)


@app.command()
def migrate() -> None:
    """Bring the database in DATABASE_URL to the newest revision.

    Exit code 0: it is there, 1: it is not and nothing was changed, 2: wrong configuration.
    """
    from pgvector_ready.documents.wording import wording
    from pgvector_ready.migrations import upgrade

    with complaining(ConfigurationError):
        settings = load()
        try:
            before, after = run(upgrade.migrate(settings))
        except upgrade.MigrationError as error:
            cause = printable(settings.redactor()(str(error.__cause__).partition("\n")[0]), SENTENCE_LIMIT)
            said = wording(error.failure)
            typer.echo(f"{error.failure.code}: {said.message} → {said.remedy}\n  {cause}", err=True)
            raise typer.Exit(1) from None
    typer.echo(f"at {after} already" if before == after else f"from {before or 'none'} to {after}")


app.command()(verify)
app.command()(switch)
