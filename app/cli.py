"""The command line: one function per command, no logic of its own."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import typer

from app import __doc__ as description
from app.embedded import EmbeddedError, default_data_folder, embedded_database
from app.settings import ConfigurationError, Settings, is_on_platform, load

_WRONG_CONFIGURATION = 2

app = typer.Typer(name="pgvector-ready", help=description, add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """The entry point of `pgvector-ready` and of `python -m app`."""
    app()


@app.callback(invoke_without_command=True)
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve() -> None:
    """Run the service (the default when no command is given)."""
    from app import logs  # noqa: PLC0415 - the other commands need none of this, and their start is waited for
    from app.main import create_app  # noqa: PLC0415
    from app.server import Server  # noqa: PLC0415

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with _told(), _with_database() as settings:
        settings.connection_string  # noqa: B018 - judged before anything is started
        logs.configure(settings.log_format, settings.log_level, settings.secrets)
        Server(create_app(settings), settings.host, settings.port, settings.drain_seconds).run()
    # A thread may still wait for a name server that never answers, and Python would wait for the thread.
    sys.stdout.flush()
    os._exit(0)


@contextmanager
def _with_database() -> Iterator[Settings]:
    """The settings; where they name no database and this is somebody's own machine, with one that is started for them."""
    settings = load()
    if settings.database_url or is_on_platform(os.environ):
        yield settings
        return
    folder = settings.embedded_data_folder or default_data_folder(os.environ)
    with embedded_database(folder) as url:
        yield load(database_url=url)


@contextmanager
def _told() -> Iterator[None]:
    """A wrong configuration as one line, without a traceback."""
    try:
        yield
    except (ConfigurationError, EmbeddedError) as error:
        _give_up(str(error))


def _give_up(sentence: str) -> NoReturn:
    print(f"pgvector-ready: {sentence}", file=sys.stderr)  # noqa: T201 - the command line's way of speaking
    raise typer.Exit(_WRONG_CONFIGURATION)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)
