"""`pgvector-ready migrate`: the application's Alembic history, brought to its newest revision."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from pgvector_ready.commands.complaint import complaining
from pgvector_ready.judgement.requirements import MigrationPolicy, joined
from pgvector_ready.loop import run
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import ConfigurationError, Settings, load


def migrate(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it changes what a .env names.")] = False,
) -> None:
    """Bring the database in DATABASE_URL to the newest revision of the application's Alembic history.

    The history is what MIGRATIONS_FOLDER names, or the alembic.ini or pyproject.toml here; this command alone runs its
    env.py. Without DATABASE_URL: the one of a .env file here, else the embedded one. Exit code 0: it is there, 1: it
    is not, 2: wrong configuration, and nothing was migrated.
    """
    from pgvector_ready.commands.choice import ask_before_changing, chosen_database
    from pgvector_ready.documents.wording import wording
    from pgvector_ready.migrations.history import find_history
    from pgvector_ready.migrations.upgrade import MigrationError, upgrade

    with complaining(ConfigurationError):
        given = load()
        if given.migrations is MigrationPolicy.OFF:
            typer.echo("MIGRATIONS=off: nothing is migrated")
            return
        history = find_history(given)
        if history is None:
            raise ConfigurationError(_NO_HISTORY)
        with chosen_database(given, Path.cwd()) as choice:
            choice.settings.connection_string  # noqa: B018 - judged before anything is said
            typer.echo(choice.line)
            typer.echo(f"Alembic folder {_shown(history.folder)}, named by {history.origin}")
            ask_before_changing(choice, "Migrate", is_agreed=yes)
            try:
                done = run(upgrade(choice.settings, history, _say))
            except MigrationError as error:
                said = wording(error.failure)
                _say(f"{error.failure.code}: {said.message} → {said.remedy}")
                for line in error.details:
                    _say(f"  {line}")
                raise typer.Exit(1) from None
    before, after = joined(done.before) or "none", joined(done.after) or "none"
    typer.echo(f"at {after} already" if before == after else f"from {before} to {after}")


def bring_to_head(settings: Settings) -> None:
    """Migrate the embedded database that `serve` has started, where a history was given; what fails is logged.

    The service answers all the same, and says at which revision the database is.
    """
    from pgvector_ready.migrations.history import find_history

    history = find_history(settings)
    if history is None or history.unjudged:
        return
    from pgvector_ready.migrations.upgrade import MigrationError, upgrade

    logger = logging.getLogger(__name__)
    try:
        done = run(upgrade(settings, history, lambda line: logger.info("migration_said", extra={"detail": line})))
    except MigrationError as error:
        detail = {"code": error.failure.code, "detail": "; ".join(error.details)}
        logger.warning("migration_failed", extra=detail)
    else:
        if done.before != done.after:
            logger.info("database_migrated", extra={"revision": joined(done.after)})


def _shown(folder: Path) -> str:
    here = Path.cwd()
    return printable(str(folder.relative_to(here) if folder.is_relative_to(here) else folder), SENTENCE_LIMIT)


def _say(line: str) -> None:
    typer.echo(line, err=True)


_NO_HISTORY = (
    "Nothing was migrated, since no Alembic history was given: set MIGRATIONS_FOLDER to the application's Alembic "
    "folder, or run this command where its alembic.ini is."
)
