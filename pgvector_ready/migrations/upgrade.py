"""The way to the newest revision: the application's own history, run in a process of its own and proven afterwards."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from pgvector_ready.database import Database, Link, create_engine
from pgvector_ready.database.errors import failure_of
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, Revisions, VersionTable
from pgvector_ready.judgement.runbook import judge_step
from pgvector_ready.migrations.history import History
from pgvector_ready.migrations.lock import LOCK_TIMEOUT_SECONDS, HeldLock, LockTimeoutError, holding_lock
from pgvector_ready.migrations.outcome import judge
from pgvector_ready.migrations.process import Say, run
from pgvector_ready.observation import pgvector
from pgvector_ready.observation.strangers import refuse_for_migrations
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.redaction import Redactor
from pgvector_ready.settings import ConfigurationError, Settings

_T = TypeVar("_T")

# For a look at the catalogue, which takes milliseconds.
_ASK_TIMEOUT_SECONDS = 10.0


class MigrationError(Exception):
    """The database is not at the newest revision: why is in `failure`, and what was said of it in `details`."""

    def __init__(self, failure: Failure, *details: str) -> None:
        super().__init__(failure.code)
        self.failure = failure
        self.details = details


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The revisions found under the lock, and those after the run."""

    before: frozenset[str]
    after: frozenset[str]


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Open a connection to DATABASE_URL for an env.py, by the same rules as everything else here."""
    engine = create_engine(Database(settings.connection_string, settings.connect_timeout_seconds))
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def upgrade(
    settings: Settings,
    history: History,
    say: Say,
    *,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
    ask_timeout_seconds: float = _ASK_TIMEOUT_SECONDS,
) -> Upgraded:
    """Bring the database in DATABASE_URL to the newest revision of a history, under the lock.

    `say` hears what the history writes, line by line. Raises MigrationError and ConfigurationError.
    """
    if find_spec("alembic") is None:
        message = (
            "Alembic is not installed here: install pgvector-ready into the environment of your backend, "
            "or run there: alembic upgrade head"
        )
        raise ConfigurationError(message)
    database = Database(settings.connection_string, settings.connect_timeout_seconds)
    redact = settings.redactor()
    try:
        async with holding_lock(database, lock_timeout_seconds) as lock:
            return await _Upgrade(settings, history, database, redact, say, ask_timeout_seconds).run(lock)
    except (MigrationError, ConfigurationError):
        raise
    except LockTimeoutError as error:
        failure = Failure.about(Code.PGVECTOR_LOCK_TIMEOUT, Step.ENABLED, database.target, case="migrate")
        raise MigrationError(failure) from error
    except Exception as error:
        raise MigrationError(failure_of(error, Step.CONNECTED, database.target), _words_of(error, redact)) from error
    finally:
        database.terminate()


@dataclass(frozen=True, slots=True)
class _Upgrade:
    """One run of a history."""

    settings: Settings
    history: History
    database: Database
    redact: Redactor
    say: Say
    ask_timeout_seconds: float

    async def run(self, lock: HeldLock) -> Upgraded:
        table = self.history.version_table
        before = await self._revisions(table)
        if before == self._heads:
            return Upgraded(before, before)
        await self._ask(lambda link: refuse_for_migrations(link, table or VersionTable()))
        configuration = self.history.configuration
        ended = await run(
            self._orders(lock.number), configuration.directory, self._environment(), self.redact, self.say
        )
        if lock.is_lost and ended.is_elsewhere:  # it could not find the lock, wherever it was
            raise MigrationError(Failure.about(Code.CONNECTION_LOST, Step.MIGRATED, self.database.target))
        if lock.is_lost:
            self.say("The session that held the lock has ended: another migration may have run beside this one.")
        if ended.version_table and ended.version_table != table:
            self.say(
                f"env.py keeps the revision in {ended.version_table}: set MIGRATIONS_TABLE to it for serve and check"
            )
        after = await self._revisions(ended.version_table or table)
        if missing := ended.missing_module:
            message = (
                f"The application's code cannot be imported here, there is no module {missing!r}: install "
                "pgvector-ready into the environment of your backend, or run there: alembic upgrade head"
            )
            raise ConfigurationError(printable(message, SENTENCE_LIMIT))
        heads = after if self._heads is None else self._heads
        if failure := judge(ended, after, heads, self.database.target):
            details = (printable(self.redact(line), SENTENCE_LIMIT) for line in ended.details)
            raise MigrationError(failure, *details)
        return Upgraded(before if table else ended.heads, after)

    @property
    def _heads(self) -> frozenset[str] | None:
        return self.history.revisions.heads if self.history.revisions else None

    def _orders(self, lock: int) -> Mapping[str, object]:
        configuration = self.history.configuration
        folders = (configuration.script_location, *configuration.folders)
        return {
            "ini": str(configuration.ini) if configuration.ini else None,
            "toml": str(configuration.toml) if configuration.toml else None,
            "script_location": str(configuration.script_location),
            "folders": [os.path.realpath(folder) for folder in folders],
            "path": str(Path.cwd()),
            "lock": lock,
        }

    def _environment(self) -> Mapping[str, str]:
        url = self.settings.database_url
        return {**os.environ, "DATABASE_URL": url.get_secret_value() if url else ""}

    async def _revisions(self, table: VersionTable | None) -> frozenset[str]:
        """Return the revisions of the database, none where it has no version table.

        Raises MigrationError where they cannot be read, and where no file of the history has one of them.
        """
        if table is None:
            return frozenset()
        facts = await self._ask(lambda link: self._look(link, table))
        revisions = facts.revisions or frozenset()
        known = self.history.revisions or Revisions(heads=revisions, known=revisions)
        asked = Requirements(migrations=MigrationPolicy.REQUIRED, revisions=known, version_table=table)
        failure = judge_step(Step.MIGRATED, facts, asked).failure
        if failure and failure.code is not Code.MIGRATIONS_BEHIND:
            raise MigrationError(failure)
        return revisions

    async def _look(self, link: Link, table: VersionTable) -> Facts:
        server, extension = await pgvector.observe(link, table)
        found = server.version_table
        revisions = await pgvector.read_revisions(link, found) if found and found.shows_revisions else None
        now = datetime.now(UTC)
        return Facts(self.database.target, now, 0, server=server, extension=extension, revisions=revisions)

    async def _ask(self, question: Callable[[Link], Awaitable[_T]]) -> _T:
        """Return the answer over a connection of its own: what it locks is given back with it. Raises MigrationError.

        The session that holds the lock asks nothing: a table that it has read could not be altered by the history.
        """
        link = await self.database.connect()
        try:
            async with asyncio.timeout(self.ask_timeout_seconds):
                return await question(link)
        except Exception as error:
            failure = failure_of(error, Step.MIGRATED, self.database.target, is_asking=True)
            raise MigrationError(failure, _words_of(error, self.redact)) from error
        finally:
            link.terminate()


def _words_of(error: Exception, redact: Redactor) -> str:
    return printable(redact(str(error).partition("\n")[0]), SENTENCE_LIMIT)
