"""The migrations of two databases, compared before one takes the place of the other."""

import asyncio
from dataclasses import dataclass

from pgvector_ready.commands.verify.schema import DatabaseDocument
from pgvector_ready.database import Database, Link
from pgvector_ready.dsn import ConnectionString
from pgvector_ready.judgement.failures import Step
from pgvector_ready.judgement.requirements import VersionTable, joined
from pgvector_ready.observation import pgvector
from pgvector_ready.printable import NAME_LIMIT, printable

_CONNECT_SECONDS, _QUERY_SECONDS = 5.0, 2.0


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision of a database; None where it has no migrations, or where that is not known."""

    revision: str | None = None
    is_known: bool = True

    def __str__(self) -> str:
        """Return the words for a sentence."""
        if self.revision is not None:
            return f"migrations at {printable(self.revision, NAME_LIMIT)}"
        return "no migrations" if self.is_known else "migrations unknown"


NO_MIGRATIONS = Schema()
UNKNOWN = Schema(is_known=False)


async def find_schema(
    document: DatabaseDocument | None, value: ConnectionString | None, version_table: VersionTable
) -> Schema:
    """Return the schema of the database that a service uses: as it says itself, else as its database does."""
    if document and document.migrations.current is not None:
        return Schema(document.migrations.current)
    found = await ask_schema(value, version_table) if value else None
    if found is not None:
        return found
    return NO_MIGRATIONS if document and _has_looked(document) else UNKNOWN


def _has_looked(document: DatabaseDocument) -> bool:
    """True if a document without a revision means that there is none: the database was read, and nothing was hidden."""
    return document.healthy and not any(step.step == Step.MIGRATED and step.code for step in document.steps)


async def ask_schema(value: ConnectionString, version_table: VersionTable) -> Schema | None:
    """Return the schema that the database itself shows, whatever its pgvector; None where it cannot be asked."""
    database = Database(value, _CONNECT_SECONDS)
    try:
        link = await database.connect()
        asking = asyncio.create_task(_read(link, version_table))
        await asyncio.wait({asking}, timeout=_QUERY_SECONDS)
        # It ends what a frozen server would keep waiting; a cancellation would wait for that server as well.
        link.terminate()
        return await asking
    except Exception:  # noqa: BLE001 - whatever the reason, nobody knows the schema
        return None
    finally:
        database.terminate()


async def _read(link: Link, version_table: VersionTable) -> Schema:
    server, _ = await pgvector.observe(link, version_table)
    found = server.version_table
    if found is None:
        return NO_MIGRATIONS
    return Schema(joined(await pgvector.read_revisions(link, found))) if found.shows_revisions else UNKNOWN


def objection(old: Schema, new: Schema, newest: str | None = None) -> str | None:
    """Return why the new database may not take the place of the old one as it is, or None.

    It may where nothing is lost: the old one has no migrations, both are at one revision, or the new one is at the
    `newest` that the application has.
    """
    if old == NO_MIGRATIONS or (new.revision is not None and new.revision in {old.revision, newest}):
        return None
    if not old.is_known:
        return (
            None if new.revision else f"What the service's database has of migrations is unknown; the new one: {new}."
        )
    if new == NO_MIGRATIONS:
        return f"The service's database has {old}; the new one has none: its tables are missing."
    return f"The service's database has {old}; the new one: {new}."
