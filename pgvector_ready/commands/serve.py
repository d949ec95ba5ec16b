"""The command `serve`: an application under our server, the bundled one where none is named."""

import gc
import logging
import os
import signal
import sys
from contextlib import redirect_stdout
from inspect import Parameter, isclass, signature
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from pgvector_ready.commands.complaint import complaining
from pgvector_ready.commands.loading import NotLoadedError, load_object, show
from pgvector_ready.commands.migrate import bring_to_head
from pgvector_ready.commands.serve_settings import ServeSettings, load_for_serve
from pgvector_ready.settings import ConfigurationError

if TYPE_CHECKING:
    from pgvector_ready.commands.choice import Choice

_BUNDLED = "pgvector_ready.service:create_app"
# Between two looks for garbage; Python's 700 are reached by a few new connections.
_ALLOCATIONS = 10_000


def serve(
    name: Annotated[str, typer.Argument(metavar="[MODULE:APP]", help="An ASGI application of yours.")] = _BUNDLED,
    *,
    factory: Annotated[bool, typer.Option("--factory", help="APP is a function that makes the application.")] = False,
) -> None:
    """Run an application, by default the bundled one (the default when no command is given).

    It is imported with the working directory at the end of the path; what it prints meanwhile goes to standard error.
    """
    gc.disable()  # what is loaded stays: looking through it for garbage is a tenth of the start (docs/benchmarks.md)
    from pgvector_ready import logs
    from pgvector_ready.commands.choice import Source, choose, made_database
    from pgvector_ready.tracing import secrets_in

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    with complaining(ConfigurationError, is_patient=False), complaining(NotLoadedError, is_patient=False):
        try:
            from pgvector_ready.server.server import Server, bind
        except ModuleNotFoundError as error:
            message = f'The server needs {error.name}: pip install "pgvector-ready[serve]"'
            raise NotLoadedError(message) from None
        given = load_for_serve()
        if choose(given, os.environ).source is Source.ENVIRONMENT:
            given.connection_string  # noqa: B018 - judged first: its sentence helps more than one about the port
        with bind(given.host, given.port) as listener, made_database(given) as choice:
            settings = choice.settings
            logs.configure(settings.style, settings.level, settings.redactor(*secrets_in()))
            if choice.source is Source.EMBEDDED:
                _use_embedded(choice)
            _warn_of(settings)
            app = load_application(name, is_factory=factory or name == _BUNDLED)
            gc.freeze()  # nor is it looked through while the service answers
            gc.set_threshold(_ALLOCATIONS)
            gc.enable()
            server = Server(app, settings.host, settings.port, settings.drain_seconds)
            server.run([listener])
    if server.has_failed:
        raise typer.Exit(1)


def _use_embedded(choice: "Choice[ServeSettings]") -> None:
    """Let the application find the embedded server where it looks for a database, at the head of its history."""
    found = {"folder": str(choice.place), "psql": choice.psql}
    logging.getLogger(__name__).info("embedded_server_started", extra=found)
    if choice.settings.database_url:
        os.environ["DATABASE_URL"] = choice.settings.database_url.get_secret_value()
    bring_to_head(choice.settings)


def load_application(name: str, *, is_factory: bool) -> Any:
    """Return the application MODULE:APP. Raises NotLoadedError."""
    with redirect_stdout(sys.stderr):
        found = load_object(name, "an application", "app.main:create_app with --factory")
        if not callable(found):
            message = f"{name} is no application: it cannot be called."
            raise NotLoadedError(message)
        return _made(found, name) if is_factory else _checked(found, name)


def _made(factory: Any, name: str) -> Any:
    if any(_is_needed(parameter) for parameter in _parameters_of(factory)):
        message = f"{name} needs arguments: a factory is called without any."
        raise NotLoadedError(message)
    try:
        made = factory()
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        show(error)
        message = f"{name} raised an error: its traceback is above."
        raise NotLoadedError(message) from None
    if not callable(made):
        message = f"{name} returned no application: {type(made).__name__} cannot be called."
        raise NotLoadedError(message)
    return made


def _checked(app: Any, name: str) -> Any:
    parameters = _parameters_of(app)
    if isclass(app) or not any(_is_needed(parameter) for parameter in parameters):
        message = f"{name} is no application but what makes one: add --factory."
        raise NotLoadedError(message)
    return app


def _parameters_of(found: Any) -> list[Parameter]:
    try:
        return list(signature(found).parameters.values())
    except (TypeError, ValueError):  # made in C: whatever it is, it is tried
        return []


def _is_needed(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty and parameter.kind in {
        Parameter.POSITIONAL_ONLY,
        Parameter.POSITIONAL_OR_KEYWORD,
    }


def _warn_of(settings: ServeSettings) -> None:
    logger = logging.getLogger(__name__)
    for variable in settings.unknown:
        logger.warning("setting_unknown", extra={"variable": variable})
    if os.environ.get("WEB_CONCURRENCY", "1") != "1":
        logger.info("web_concurrency_ignored", extra={"detail": "one process serves; scale out by instances"})


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)
