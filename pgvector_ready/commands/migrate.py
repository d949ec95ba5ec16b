"""`pgvector-ready migrate`: the application's Alembic history, brought to its newest revision."""

from pathlib import Path

import typer

from pgvector_ready.commands.complaint import complaining
from pgvector_ready.judgement.requirements import MigrationPolicy, joined
from pgvector_ready.loop import run
from pgvector_ready.settings import ConfigurationError, load


def migrate() -> None:
    """Bring the database in DATABASE_URL to the newest revision of the application's Alembic history.

    The history is what MIGRATIONS_FOLDER names, or the alembic.ini or pyproject.toml of the working directory. This
    command runs its env.py, and no other command does.

    Exit code 0: it is there, 1: it is not, 2: wrong configuration, and nothing was migrated.
    """
    from pgvector_ready.documents.wording import wording
    from pgvector_ready.migrations.history import find_history
    from pgvector_ready.migrations.upgrade import MigrationError, upgrade

    with complaining(ConfigurationError):
        settings = load()
        if settings.migrations is MigrationPolicy.OFF:
            typer.echo("MIGRATIONS=off: nothing is migrated")
            return
        history = find_history(settings)
        if history is None:
            raise ConfigurationError(_NO_HISTORY)
        target = settings.connection_string.target
        typer.echo(
            f"{_shown(history.folder)}, as {history.origin} says, on database {target.database} of {target.host}"
        )
        try:
            done = run(upgrade(settings, history, _say))
        except MigrationError as error:
            said = wording(error.failure)
            typer.echo(f"{error.failure.code}: {said.message} → {said.remedy}", err=True)
            for line in error.details:
                _say(f"  {line}")
            raise typer.Exit(1) from None
    before, after = joined(done.before) or "none", joined(done.after) or "none"
    typer.echo(f"at {after} already" if before == after else f"from {before} to {after}")


def _shown(folder: Path) -> Path:
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _say(line: str) -> None:
    typer.echo(line, err=True)


_NO_HISTORY = (
    "Nothing was migrated, since no Alembic history was given: set MIGRATIONS_FOLDER to the application's Alembic "
    "folder, or run this command where its alembic.ini is."
)
