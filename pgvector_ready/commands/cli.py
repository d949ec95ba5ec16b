"""The command line: one function per command, no logic of its own."""

import gc
import logging
import os
import re
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Annotated, NoReturn

import typer

from pgvector_ready import __doc__ as description
from pgvector_ready import __version__
from pgvector_ready.commands.check.command import check
from pgvector_ready.commands.complaint import WRONG_USE, complaining
from pgvector_ready.commands.examples import FIRST_STEPS, examples
from pgvector_ready.commands.migrate import bring_to_head, migrate
from pgvector_ready.commands.switch.command import switch
from pgvector_ready.commands.verify.command import verify
from pgvector_ready.settings import ConfigurationError, is_in_ci, is_on_platform, load_for_serve

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


@app.command(epilog=examples("serve"))
def serve() -> None:
    """Run the service (the default where DATABASE_URL is set)."""
    gc.disable()  # what is loaded stays: looking through it for garbage is a tenth of the start (docs/benchmarks.md)
    from pgvector_ready import logs
    from pgvector_ready.commands.choice import Source, choose, made_database
    from pgvector_ready.server.server import Server, bind
    from pgvector_ready.tracing import secrets_in
    from pgvector_ready.web.health import PATHS

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with complaining(ConfigurationError):
        given = load_for_serve()
        if choose(given, os.environ).source is Source.ENVIRONMENT:
            given.connection_string  # noqa: B018 - judged first: its sentence helps more than one about the port
        with bind(given.host, given.port) as listener, made_database(given) as choice:
            settings = choice.settings
            redact = settings.redactor(*secrets_in(os.environ))
            logs.configure(settings.style, settings.level, redact)
            if choice.source is Source.EMBEDDED:
                found = {"folder": str(choice.place), "psql": choice.psql}
                logging.getLogger(__name__).info("embedded_server_started", extra=found)
                bring_to_head(settings)
            for variable in settings.unknown:
                logging.getLogger(__name__).warning("setting_unknown", extra={"variable": variable})
            service = import_module("app.main").create_app(settings)
            gc.freeze()  # nor is it looked through while the service answers
            gc.set_threshold(_ALLOCATIONS)
            gc.enable()
            host, port, drain_seconds = settings.host, settings.port, settings.drain_seconds
            Server(service, host, port, drain_seconds, polled=PATHS, on_drain=service.drain).run([listener])


app.command(epilog=examples("check"))(check)


app.command(epilog=examples("migrate"))(migrate)
app.command(epilog=examples("verify"))(verify)
app.command(epilog=examples("switch"))(switch)


# Between two looks for garbage; Python's 700 are reached by a few new connections.
_ALLOCATIONS = 10_000


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)
