"""Alembic, anywhere: the way to the newest revision."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pgvector_ready.database import Database, create_engine
from pgvector_ready.database.errors import name
from pgvector_ready.judgement.failures import Failure, Step
from pgvector_ready.judgement.requirements import joined
from pgvector_ready.settings import Settings

# Who holds the lock runs a migration of its own; what takes longer than this is for a person to look at.
LOCK_TIMEOUT_SECONDS = 60


class MigrationError(Exception):
    """The database is where it was: a migration runs in one transaction. The cause is in `failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """A connection to DATABASE_URL through the one way there is to it."""
    engine = create_engine(Database(settings.connection_string, settings.connect_timeout_seconds))
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def migrate(settings: Settings) -> tuple[str | None, str | None]:
    """Bring the database to the newest revision; from which to which. Raises MigrationError and ConfigurationError."""
    step = Step.CONNECTED
    try:
        async with connected(settings) as connection:
            step = Step.ENABLED
            before = await connection.run_sync(_upgrade)
            after = await connection.run_sync(_current)
            await connection.commit()
    except Exception as error:
        step = Step.MIGRATED if _is_right_of_migration(error) else step
        raise MigrationError(name(error, step, settings.connection_string.target)) from error
    return before, after


def _is_right_of_migration(error: Exception) -> bool:
    """Whether a right is missing (42501) that is not the one to create the extension."""
    if not isinstance(error, DBAPIError) or getattr(error.orig, "sqlstate", None) != "42501":
        return False
    return not re.search(r"\bextension\b.*\bvector\b", error.statement or "", re.IGNORECASE)


def _current(connection: Connection) -> str | None:
    return joined(frozenset(MigrationContext.configure(connection).get_current_heads()))


def _upgrade(connection: Connection) -> str | None:
    """From which revision: as it was once the lock was had, since somebody else may just have been at it."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "heads")
    return joined(frozenset(config.attributes["before"]))


def _config() -> Config:
    config = Config()
    # Alembic reads it as a template, in which a percent sign begins a name.
    config.set_main_option("script_location", str(files("app.migrations")).replace("%", "%%"))
    return config
