"""The command line: one function per command, no logic of its own."""

import os
import re
import sys
from typing import Annotated

import typer

from pgvector_ready import __doc__ as description
from pgvector_ready import __version__
from pgvector_ready.commands.check.command import check
from pgvector_ready.commands.complaint import WRONG_USE
from pgvector_ready.commands.examples import FIRST_STEPS, examples
from pgvector_ready.commands.migrate import migrate
from pgvector_ready.commands.recall.command import recall
from pgvector_ready.commands.serve import serve
from pgvector_ready.commands.switch.command import switch
from pgvector_ready.commands.verify.command import verify
from pgvector_ready.surroundings import is_in_ci, is_on_platform

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


@app.callback(invoke_without_command=True, epilog=FIRST_STEPS)
def _default(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    if os.environ.get("DATABASE_URL") or is_on_platform(os.environ) or is_in_ci(os.environ):
        serve()
    else:  # somebody looks what it is
        typer.echo(context.get_help())


app.command(epilog=examples("serve"))(serve)
app.command(epilog=examples("check"))(check)


app.command(epilog=examples("recall"))(recall)
app.command(epilog=examples("migrate"))(migrate)
app.command(epilog=examples("verify"))(verify)
app.command(epilog=examples("switch"))(switch)
