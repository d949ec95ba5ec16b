"""The requirements that a database has to meet."""

from dataclasses import dataclass
from enum import StrEnum

from pgvector_ready.judgement.phrases import Phrase
from pgvector_ready.judgement.vectors import Models


class MigrationPolicy(StrEnum):
    """The demand of the step `migrated`: nothing, an existing table at head, or a table that exists and is at head."""

    OFF = "off"
    AUTO = "auto"
    REQUIRED = "required"


class VectorPolicy(StrEnum):
    """The demand of the step `searchable`: nothing, warnings of what is found, or that the models fit."""

    OFF = "off"
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions of an Alembic history."""

    heads: frozenset[str] = frozenset()
    """The revisions that must be in the version table once all were applied."""
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class VersionTable:
    """The table in which Alembic keeps the revision; without a schema it is found by this role's search_path."""

    name: str = "alembic_version"
    schema: str | None = None

    @classmethod
    def of(cls, text: str) -> "VersionTable":
        """Return the table that is written as `table` or `schema.table`. Raises ValueError."""
        *schema, name = text.split(".")
        if not name or len(schema) > 1 or not all(schema):
            message = "must be a table such as alembic_version, or app.alembic_version"
            raise ValueError(message)
        return cls(name, schema[0] if schema else None)

    def __str__(self) -> str:
        """Return it as MIGRATIONS_TABLE has it."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


USUAL_VERSION_TABLE = VersionTable()


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything that the settings ask of the database."""

    expected_host: str | None = None
    expected_database: str | None = None
    expected_fingerprint: str | None = None
    is_writable: bool = True
    minimum_version: str | None = None
    slow_ms: float | None = None
    migrations: MigrationPolicy = MigrationPolicy.AUTO
    # None: no history was given, or it cannot be judged without running it, for which `unjudged` is the reason.
    revisions: Revisions | None = None
    version_table: VersionTable = USUAL_VERSION_TABLE
    unjudged: str | None = None
    notes: tuple[Phrase, ...] = ()
    is_repaired: bool = False
    vectors: VectorPolicy = VectorPolicy.AUTO
    # From so many rows on a column of vectors wants an index.
    index_rows: int = 50_000
    models: Models | None = None
    # Codes, and `code:object`, of warnings that somebody has decided to live with.
    accepted: frozenset[str] = frozenset()

    @property
    def names_a_target(self) -> bool:
        """True if any EXPECTED_DATABASE_* is set."""
        return bool(self.expected_host or self.expected_database or self.expected_fingerprint)


def joined(revisions: frozenset[str]) -> str | None:
    """Several revisions, of branches that were not merged, as one text."""
    return ",".join(sorted(revisions)) or None
