"""The application's Alembic history: which folder was given, and what its files say. Nothing of it is executed."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, Revisions, VersionTable
from pgvector_ready.migrations.configuration import INI, TOML, Configuration, read_configuration
from pgvector_ready.migrations.environment import read_version_table
from pgvector_ready.migrations.revisions import read_revisions
from pgvector_ready.migrations.source import HistoryError, UnplainError, is_there
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import ConfigurationError, Settings

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class History:
    """An Alembic folder that somebody gave, and what its files say."""

    configuration: Configuration
    origin: str
    """The setting or argument that named it, for the sentence that says which folder it is."""
    revisions: Revisions | None
    """None: they cannot be judged, for `unjudged` says why."""
    version_table: VersionTable | None
    unjudged: str | None = None

    @property
    def folder(self) -> Path:
        """The folder that holds env.py."""
        return self.configuration.script_location


def find_history(settings: Settings, given: str | Path | None = None) -> History | None:
    """Return the history that belongs to the application, or None where none was given, or nothing is asked of it.

    `given` is what `Ready(migrations=…)` was given; then MIGRATIONS_FOLDER counts, then the working directory's
    alembic.ini or pyproject.toml. Raises ConfigurationError, as one line, for a history that Alembic could not use or
    would lose a migration of, and where MIGRATIONS=required asks for what cannot be judged.
    """
    if settings.migrations is MigrationPolicy.OFF:
        return None
    try:
        found = _configuration(settings, given)
        history = _read(*found, settings) if found else None
        if settings.migrations is MigrationPolicy.REQUIRED:
            _require(history)
    except HistoryError as error:
        raise ConfigurationError(printable(str(error), SENTENCE_LIMIT)) from None
    return history


def _require(history: History | None) -> None:
    """Raise HistoryError where the step `migrated` could not be judged, which would pass as a yes for ever."""
    if history is None:
        message = (
            "MIGRATIONS=required asks for a history, and none was given: set MIGRATIONS_FOLDER to the application's "
            f"Alembic folder, or work where its {INI} is."
        )
        raise HistoryError(message)
    if history.unjudged:
        message = f"MIGRATIONS=required, and the history cannot be judged without running it: {history.unjudged}"
        raise HistoryError(message)


def requirements_for(settings: Settings, history: History | None) -> Requirements:
    """Return what the settings ask of a database, with the history that it shall be at the head of."""
    requirements = settings.requirements()
    if history is None:
        return requirements
    return replace(
        requirements,
        revisions=None if history.unjudged else history.revisions,
        version_table=history.version_table or requirements.version_table,
        unjudged=history.unjudged,
    )


def _configuration(settings: Settings, given: str | Path | None) -> tuple[Configuration, str] | None:
    """Return where the history is, and who says so."""
    if named := given or settings.migrations_folder:
        origin = "migrations" if given else "MIGRATIONS_FOLDER"
        path = Path(named).absolute()
        if not is_there(path):  # not repeated: it may be anything that was pasted into the wrong variable
            message = f"{origin} names a folder or a file that is not there."
            raise HistoryError(message)
        return _named(path), origin
    here = read_configuration(Path.cwd())
    return (here, INI if here.ini else TOML) if here else None


def _named(path: Path) -> Configuration:
    """Return the configuration of a folder with an env.py, or the one in a file that configures Alembic."""
    if path.suffix in {".ini", ".toml"}:
        configuration = read_configuration(path.parent, path.name if path.suffix == ".ini" else INI)
        if configuration is None:
            message = f"{path} does not say where the Alembic folder is."
            raise HistoryError(message)
        return configuration
    for directory in dict.fromkeys((path, path.parent, Path.cwd())):
        try:
            configuration = read_configuration(directory)
        except HistoryError:  # of another history, for all that is known
            continue
        if configuration and os.path.realpath(configuration.script_location) == os.path.realpath(path):
            return configuration
    return Configuration(directory=Path.cwd(), script_location=path)


def _read(configuration: Configuration, origin: str, settings: Settings) -> History:
    env = configuration.script_location / "env.py"
    if not is_there(env):
        message = f"{origin}: {configuration.script_location} is not an Alembic folder, it has no env.py."
        raise HistoryError(message)
    revisions, unread = _or_reason(
        lambda: read_revisions(
            configuration.folders,
            is_recursive=configuration.is_recursive,
            is_sourceless=configuration.is_sourceless,
        )
    )
    table, unnamed = _or_reason(lambda: read_version_table(env) or settings.version_table or VersionTable())
    if unnamed:
        table = settings.version_table  # what env.py does not say plainly, the setting does
        unnamed = None if table else f"{unnamed} Set MIGRATIONS_TABLE to schema.table."
    return History(configuration, origin, revisions, table, unread or unnamed)


def _or_reason(read: Callable[[], _T]) -> tuple[_T | None, str | None]:
    """Return what was read, or else the sentence why only running the history would tell."""
    try:
        return read(), None
    except UnplainError as error:
        return None, str(error)
