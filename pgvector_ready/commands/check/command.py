"""The command `check`: its options, and its exit code."""

import logging
from contextlib import ExitStack
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from pgvector_ready.commands.complaint import WRONG_USE, complaining
from pgvector_ready.commands.loading import NotLoadedError, load_models
from pgvector_ready.loop import run
from pgvector_ready.settings import ConfigurationError, load


class Style(StrEnum):
    """The output formats of `check`."""

    TEXT = "text"
    JSON = "json"


def check(  # noqa: PLR0913 - its options
    *,
    enable: Annotated[bool, typer.Option("--enable", help="Create the extension where it is missing.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Judge the configuration only; use no network.")] = False,
    style: Annotated[Style, typer.Option("--format", help="Lines for a person, or the service's own document.")] = (
        Style.TEXT
    ),
    timeout: Annotated[float, typer.Option(min=1, max=300, metavar="SECONDS", help="For connecting and asking.")] = 5.0,
    models: Annotated[
        str | None,
        typer.Option(metavar="MODULE:BASE", help="Compare the vectors with these SQLAlchemy models; imports them."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --enable changes what a .env names.")] = False,
) -> None:
    """Go through the runbook with the database in DATABASE_URL.

    Without it: the one of a .env file here, else the embedded one. Exit code 0: ready, 1: not ready, 2: wrong
    configuration.
    """
    from rich.console import Console

    from pgvector_ready.commands.check import run as runs
    from pgvector_ready.commands.check.console import speaking
    from pgvector_ready.commands.choice import Source, ask_before_changing, chosen_database

    logging.disable()  # what there is to say is said once, by the report
    speaks = partial(speaking, Console(highlight=False), as_json=style is Style.JSON, is_offline=offline)
    with complaining(ConfigurationError), complaining(NotLoadedError), ExitStack() as stack:
        metadata = load_models(models) if models and not offline else None
        try:
            choice = stack.enter_context(chosen_database(load(), Path.cwd(), is_offline=offline))
            if enable and not offline:
                ask_before_changing(choice, "Create the extension", is_agreed=yes)
            speaker = stack.enter_context(speaks(enables=enable, redact=choice.settings.redactor()))
            speaker.begin(choice.line, is_asked_for=choice.source is Source.ENVIRONMENT)
            settings = choice.settings
            if offline:
                observation = runs.check_offline(settings)
            else:
                observation = run(
                    runs.check(settings, enable=enable, timeout_seconds=timeout, metadata=metadata, tell=speaker.tell)
                )
            wrong = None
        except ConfigurationError as error:
            if error.failure is None:
                raise
            observation, wrong = runs.misconfigured(error.failure), WRONG_USE
            speaker = stack.enter_context(speaks())
        speaker.end(observation)
    raise typer.Exit(wrong or (0 if observation.report.is_healthy else 1))
