"""The columns of vectors in a database with their indexes, and those that an application's models name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class VectorColumn:
    """A column of vectors; of a partitioned table the one of its root, which stands for all partitions."""

    # Qualified, quoted where SQL wants it: `public.items`.
    table: str
    # Quoted where SQL wants it.
    name: str
    # Of pgvector's: vector, halfvec, sparsevec; or bit, where it has a vector index.
    type: str
    dimensions: int | None
    # That hold a vector, as PostgreSQL estimates them without counting. None where this role may not read the column.
    rows: float | None
    # Of these rows, how many lie where no index helps a search: fewer than all where some partitions have one.
    unindexed_rows: float = 0.0
    is_partitioned: bool = False


class IndexState(StrEnum):
    """The state of an index."""

    VALID = "valid"
    # No search uses it.
    INVALID = "invalid"
    # Somebody makes it, or may be making it: this role cannot tell.
    BUILDING = "building"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A partition, as a partitioned index sees it."""

    # Quoted where SQL wants it.
    schema: str
    # Qualified and quoted.
    table: str
    # Of this partition, qualified and quoted; None where it has none that fits.
    index: str | None
    is_attached: bool
    is_valid: bool
    # It has no partitions itself.
    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """An approximate index on a column of vectors."""

    # Qualified and quoted.
    name: str
    table: str
    # The column that it searches; None where it is made of no column of vectors.
    column: str | None
    # hnsw, ivfflat, or another extension's.
    method: str
    state: IndexState
    # `vector_l2_ops`, without its schema.
    operator_class: str
    # What is indexed, as PostgreSQL writes it: a column's name, or an expression.
    key: str
    # The condition of a partial index.
    condition: str | None
    # What follows the table in the CREATE INDEX that would make it.
    definition: str
    # Without its schema, unquoted.
    bare_name: str
    size_bytes: int = 0
    # It belongs to an index of the partitioned table.
    is_attached: bool = False
    # What REINDEX CONCURRENTLY has left behind.
    is_leftover: bool = False
    # Of an index of a partitioned table.
    leaves: tuple[Leaf, ...] = ()
    is_partitioned: bool = False
    # From 0 to 1, of a build that this role may watch.
    progress: float | None = None

    @property
    def is_pgvectors(self) -> bool:
        """True if the index is pgvector's, and not another extension's."""
        return self.method in {"hnsw", "ivfflat"}

    @property
    def is_expression(self) -> bool:
        """True if it indexes something calculated from the column, and not the column itself."""
        return self.key != self.column


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """A column of vectors as a model of the application's has it; names unquoted."""

    table: str
    # None: where the role's search path leads.
    schema: str | None
    name: str
    type: str
    dimensions: int | None


@dataclass(frozen=True, slots=True)
class ModelIndex:
    """An approximate index as a model has it, on one column; names unquoted."""

    table: str
    schema: str | None
    column: str
    name: str | None
    method: str
    # None: pgvector's default for the column's type.
    operator_class: str | None


@dataclass(frozen=True, slots=True)
class Models:
    """The vectors of an application's models."""

    columns: tuple[ModelColumn, ...] = ()
    indexes: tuple[ModelIndex, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of a table that a model names."""

    # Quoted where SQL wants it.
    quoted: str
    # As the models call them, for pgvector's types; else as PostgreSQL writes it.
    type: str
    dimensions: int | None


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that a model names, as the database has it."""

    # Qualified and quoted.
    name: str
    columns: Mapping[str, FoundColumn]


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that one look at the catalogue has found."""

    observed_at: datetime
    columns: tuple[VectorColumn, ...] = ()
    indexes: tuple[VectorIndex, ...] = ()
    # The schema of pgvector's types, quoted.
    schema: str = "public"
    has_halfvec: bool = True
    # How many columns there are, where that is more than were looked at.
    total: int = 0
    # By the name that a model has; a table that is not there is not in it.
    tables: Mapping[tuple[str | None, str], FoundTable] = field(default_factory=dict)
    # The version of the collation that this system has, and the one that sorted the database.
    collation_now: str | None = None
    collation_recorded: str | None = None

    def indexes_on(self, column: VectorColumn) -> tuple[VectorIndex, ...]:
        """The indexes of this column; those of partitions belong to the one of their table."""
        return tuple(one for one in self.indexes if (one.table, one.column) == (column.table, column.name))


class Unseen(StrEnum):
    """The reasons for which there is no inventory, or no newer one."""

    NOT_YET = "not_yet"
    OFF = "off"
    # The server gave no answer in time, or no session.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Look:
    """The last inventory, and the reason why there is no newer one."""

    inventory: Inventory | None = None
    unseen: Unseen | None = Unseen.NOT_YET


def quoted(name: str) -> str:
    """Return a name as SQL wants it, whatever stands in it."""
    return '"{}"'.format(name.replace('"', '""'))
