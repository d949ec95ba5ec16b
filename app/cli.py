"""The command line: one function per command, no logic of its own."""

import gc
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import Annotated, NoReturn

import typer

from app import __doc__ as description
from app import __version__
from app.cli_switch import switch
from app.cli_verify import verify
from app.loop import run
from app.settings import ConfigurationError, Settings, is_on_platform, load

_WRONG_CONFIGURATION = 2
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


class Style(StrEnum):
    """How `check` speaks."""

    TEXT = "text"
    JSON = "json"


def main() -> None:
    """Carry out what the command line says; always ends in SystemExit."""
    if any(map(_CONNECTION_STRING.search, sys.argv[1:])):  # Typer would repeat an argument that it did not expect
        print(f"pgvector-ready: {_NOT_HERE}", file=sys.stderr)  # noqa: T201 - the command line's way of speaking
        sys.exit(_WRONG_CONFIGURATION)
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
        serve()


@app.command()
def serve() -> None:
    """Run the service (the default when no command is given)."""
    gc.disable()  # what is loaded stays: looking through it for garbage is a tenth of the start (docs/benchmarks.md)
    from app import logs  # noqa: PLC0415 - the other commands need none of this, and their start is waited for
    from app.api import ROUTERS  # noqa: PLC0415
    from app.main import create_app  # noqa: PLC0415
    from app.server import Server, bind  # noqa: PLC0415
    from app.tracing import secrets_in  # noqa: PLC0415

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with _told():
        given = load()
        with bind(given.host, given.port) as listener, _with_database(given) as settings:
            settings.connection_string  # noqa: B018 - judged before anything is started
            secrets = settings.secrets | secrets_in(os.environ)
            logs.configure(settings.log_format, settings.log_level, secrets)
            service = create_app(settings, ROUTERS)
            gc.freeze()  # nor is it looked through while the service answers
            gc.enable()
            Server(service, settings.host, settings.port, settings.drain_seconds).run([listener])


@app.command()
def check(
    *,
    enable: Annotated[bool, typer.Option("--enable", help="Create the extension where it is missing.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Judge the configuration only; use no network.")] = False,
    style: Annotated[Style, typer.Option("--format", help="Lines for a person, or the service's own document.")] = (
        Style.TEXT
    ),
    timeout: Annotated[float, typer.Option(min=1, max=300, metavar="SECONDS", help="For connecting and asking.")] = 5.0,
) -> None:
    """Go through the runbook with the database in DATABASE_URL.

    Exit code 0: ready, 1: not ready, 2: wrong configuration.
    """
    from rich.console import Console  # noqa: PLC0415 - as above

    from app.check import check, check_offline, misconfigured  # noqa: PLC0415 - as above
    from app.console import speaking  # noqa: PLC0415 - as above

    logging.disable()  # what there is to say is said once, by the report
    wrong = None
    with _told(), speaking(Console(highlight=False), as_json=style is Style.JSON, is_offline=offline) as speaker:
        try:
            settings = load()
            if offline:
                observation = check_offline(settings)
            else:
                observation = run(check(settings, enable=enable, timeout_seconds=timeout, tell=speaker.tell))
        except ConfigurationError as error:
            if error.failure is None:
                raise
            observation, wrong = misconfigured(error.failure), _WRONG_CONFIGURATION
        speaker.end(observation)
    raise typer.Exit(wrong or (0 if observation.report.is_healthy else 1))


@app.command()
def migrate() -> None:
    """Bring the database in DATABASE_URL to the newest revision.

    Exit code 0: it is there, 1: it is not and nothing was changed, 2: wrong configuration.
    """
    from app.logs import Redactor  # noqa: PLC0415 - as above
    from app.migrate import MigrationError, migrate  # noqa: PLC0415 - as above

    with _told():
        settings = load()
        try:
            before, after = run(migrate(settings))
        except MigrationError as error:
            cause = Redactor(settings.secrets)(str(error.__cause__).partition("\n")[0])
            typer.echo(f"{error.failure.code}: {error.failure.message} → {error.failure.remedy}\n  {cause}", err=True)
            raise typer.Exit(1) from None
    typer.echo(f"at {after} already" if before == after else f"from {before or 'none'} to {after}")


app.command()(verify)
app.command()(switch)


@contextmanager
def _with_database(settings: Settings) -> Iterator[Settings]:
    """The settings; where they name no database, and this is somebody's own machine, with one started for them."""
    if settings.database_url or is_on_platform(os.environ):
        yield settings
        return
    from app.embedded import EmbeddedError, default_folder, embedded_database  # noqa: PLC0415 - as above

    folder = settings.embedded_data_folder or default_folder(os.environ)
    try:
        with embedded_database(folder) as url:
            yield load(database_url=url)
    except EmbeddedError as error:
        raise ConfigurationError(str(error)) from error


@contextmanager
def _told() -> Iterator[None]:
    """A wrong configuration as one line, without a traceback."""
    try:
        yield
    except ConfigurationError as error:
        _give_up(str(error))


def _give_up(sentence: str) -> NoReturn:
    print(f"pgvector-ready: {sentence}", file=sys.stderr)  # noqa: T201 - the command line's way of speaking
    raise typer.Exit(_WRONG_CONFIGURATION)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)
