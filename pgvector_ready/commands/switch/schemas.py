"""The migrations of two databases, compared before one takes the place of the other."""

from dataclasses import dataclass

from pgvector_ready.commands.verify.schema import DatabaseDocument
from pgvector_ready.database import Database
from pgvector_ready.dsn import ConnectionString
from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.requirements import VersionTable, joined
from pgvector_ready.observation.observer import Observer
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


def schema_in_facts(facts: Facts) -> Schema:
    """Return the schema that a probe found; unknown where a version table is there and was not read."""
    if facts.revisions is not None:
        return Schema(joined(facts.revisions))
    return UNKNOWN if facts.server is None or facts.server.version_table else NO_MIGRATIONS


async def find_schema(
    document: DatabaseDocument | None, value: ConnectionString | None, version_table: VersionTable
) -> Schema:
    """Return the schema of the database that a service uses: as it says itself, else as its database does."""
    if document and document.migrations.current is not None:
        return Schema(document.migrations.current)
    found = await _ask(value, version_table) if value else UNKNOWN
    return NO_MIGRATIONS if document and not found.is_known else found


async def _ask(value: ConnectionString, version_table: VersionTable) -> Schema:
    database = Database(value, _CONNECT_SECONDS)
    observer = Observer(database, _QUERY_SECONDS, version_table=version_table)
    try:
        return schema_in_facts(await observer.observe())
    finally:
        observer.release()
        database.terminate()


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
