"""One look at the catalogue: every column of vectors, their indexes, and what an application's models name."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import TypeAdapter

from pgvector_ready.database import Link
from pgvector_ready.judgement.vectors import (
    FoundColumn,
    FoundTable,
    IndexState,
    Inventory,
    Leaf,
    Models,
    VectorColumn,
    VectorIndex,
)
from pgvector_ready.observation import shapes
from pgvector_ready.observation.asking import ask_rows
from pgvector_ready.observation.catalogue import COLLATION, COLLATION_SINCE, INVENTORY
from pgvector_ready.observation.sql import literal

_T = TypeVar("_T")

# Of the columns with most rows; the rest are counted. With their indexes they stay far below what a connection takes.
MOST_COLUMNS = 1_000
MOST_INDEXES = 500


async def take(link: Link, models: Models | None = None) -> Inventory:
    """Return what the catalogue says, in one statement; it waits for no lock. Raises what the driver raises."""
    major = link.connection.get_server_version().major
    wanted = models.columns if models else ()
    question = INVENTORY.format(
        collation=COLLATION if major >= COLLATION_SINCE else "NULL",
        most_columns=MOST_COLUMNS,
        most_indexes=MOST_INDEXES,
        schemas=_array([column.schema for column in wanted]),
        tables=_array([column.table for column in wanted]),
        columns=_array([column.name for column in wanted]),
    )
    return _inventory(_Rows(await ask_rows(link, question, values=2)))


def _array(names: Sequence[str | None]) -> str:
    written = ", ".join("NULL" if name is None else literal(name) for name in names)
    return f"ARRAY[{written}]::pg_catalog.name[]"


class _Rows:
    """The rows of an answer by their kind, each of the shape that it must have."""

    def __init__(self, rows: list[list[str]]) -> None:
        self._rows = rows

    def of(self, kind: str, shape: TypeAdapter[_T]) -> list[_T]:
        """Return the rows of this kind. Raises ProtocolViolationError."""
        return [shapes.read(shape, text) for found, text in self._rows if found == kind]


def _inventory(rows: _Rows) -> Inventory:
    database = rows.of("database", shapes.VECTOR_DATABASE)[0]
    locked = {one["relation"] for one in rows.of("locked", shapes.RELATION)}
    found = {one["relation"]: one for one in rows.of("index", shapes.VECTOR_INDEX)}
    partitions = rows.of("partition", shapes.PARTITION)
    indexes = {
        oid: _index(one, _leaves(one, partitions, found), database, is_locked=one["on"] in locked)
        for oid, one in found.items()
    }
    columns = rows.of("column", shapes.VECTOR_COLUMN)
    helped = {(one["relation"], one["name"]) for one in columns if one["relation"] in locked}
    helped |= {
        (one["on"], one["column"])
        for oid, one in found.items()
        if one["column"] and indexes[oid].state is not IndexState.INVALID
    }
    counted = _columns(columns, helped)
    collation = database["collation"]
    return Inventory(
        observed_at=datetime.now(UTC),
        columns=tuple(counted),
        indexes=tuple(indexes.values()),
        schema=database["schema"] or "public",
        has_halfvec=database["has_halfvec"],
        total=database["total"] if database["total"] > MOST_COLUMNS else len(counted),
        tables=_tables(rows.of("wanted", shapes.WANTED)),
        collation_now=collation and collation["now"],
        collation_recorded=collation and collation["recorded"],
    )


def _tables(wanted: list[shapes.FoundWanted]) -> Mapping[tuple[str | None, str], FoundTable]:
    tables: dict[tuple[str | None, str], FoundTable] = {}
    for one in wanted:
        table = tables.get((one["schema"], one["name"])) or FoundTable(one["table"], {})
        columns = dict(table.columns)
        if one["column"] is not None and one["type"] is not None and one["typmod"] is not None:
            columns[one["column"]] = FoundColumn(one["quoted"], one["type"], _dimensions(one["typmod"]))
        tables[one["schema"], one["name"]] = FoundTable(table.name, columns)
    return tables


def _dimensions(typmod: int) -> int | None:
    return typmod if typmod > 0 else None


def _index(
    one: shapes.FoundIndex, leaves: tuple[Leaf, ...], database: shapes.FoundVectorDatabase, *, is_locked: bool
) -> VectorIndex:
    # A standby does not show who holds a lock on its primary.
    undecided = IndexState.BUILDING if is_locked or database["is_standby"] else IndexState.INVALID
    return VectorIndex(
        name=one["name"],
        table=one["table"],
        column=one["column"],
        method=one["method"],
        state=IndexState.VALID if one["is_valid"] else undecided,
        operator_class=one["operator_class"] or "",
        key=one["key"] or "",
        condition=one["condition"],
        bare_name=one["bare_name"],
        definition=_definition(one, database),
        size_bytes=one["pages"] * int(database["block_size"]),
        is_attached=one["parent"] is not None,
        is_leftover=one["is_leftover"],
        is_partitioned=one["kind"] == "I",
        leaves=leaves,
        progress=_progress(one["progress"]),
    )


def _definition(one: shapes.FoundIndex, database: shapes.FoundVectorDatabase) -> str:
    options = f" WITH ({one['options']})" if one["options"] else ""
    condition = f" WHERE {one['condition']}" if one["condition"] else ""
    operator_class = f"{database['schema']}.{one['operator_class']}"
    return f"USING {one['method']} ({one['key']} {operator_class}){options}{condition}"


def _leaves(
    parent: shapes.FoundIndex, partitions: list[shapes.FoundPartition], indexes: Mapping[str, shapes.FoundIndex]
) -> tuple[Leaf, ...]:
    """The partitions that `parent` is over, each with the index of its own that belongs to it, or that could."""
    return tuple(_leaf(parent, one, indexes) for one in partitions if one["of"] == parent["relation"])


def _leaf(
    parent: shapes.FoundIndex, partition: shapes.FoundPartition, indexes: Mapping[str, shapes.FoundIndex]
) -> Leaf:
    def leaf(name: str | None, *, is_attached: bool, is_valid: bool) -> Leaf:
        return Leaf(
            partition["schema"],
            partition["table"],
            name,
            is_attached=is_attached,
            is_valid=is_valid,
            is_plain=partition["kind"] == "r",
        )

    its_own = [one for one in indexes.values() if one["on"] == partition["relation"]]
    for one in its_own:
        if one["parent"] == parent["relation"]:
            return leaf(one["name"], is_attached=True, is_valid=one["is_valid"])
    for one in its_own:
        if one["parent"] is None and one["is_valid"] and _searches(one) == _searches(parent):
            return leaf(one["name"], is_attached=False, is_valid=True)
    return leaf(None, is_attached=False, is_valid=False)


def _searches(one: shapes.FoundIndex) -> tuple[str | None, ...]:
    """The parts of an index's definition in which one that is to be attached may not differ from its parent."""
    return one["method"], one["operator_class"], one["key"], one["condition"]


def _progress(counts: list[int | None] | None) -> float | None:
    """Return how much is done, of blocks or else of tuples; None where this role may not see it."""
    blocks_done, blocks_total, tuples_done, tuples_total = counts or [None] * 4
    for done, total in ((blocks_done, blocks_total), (tuples_done, tuples_total)):
        if done is not None and total:
            return min(1.0, done / total)
    return None


def _columns(found: list[shapes.FoundVectorColumn], helped: set[tuple[str, str]]) -> list[VectorColumn]:
    """The columns, those of partitions counted with their root's; `helped` have an index, or get one now."""
    groups: dict[tuple[str, str], list[shapes.FoundVectorColumn]] = defaultdict(list)
    for one in found:
        groups[one["root"], one["name"]].append(one)
    columns = []
    for (root, name), parts in groups.items():
        head = next((one for one in parts if one["relation"] == root), parts[0])
        leaves = [one for one in parts if one["kind"] != "p"]
        columns.append(
            VectorColumn(
                table=head["table"],
                name=name,
                type=head["type"],
                dimensions=_dimensions(head["typmod"]),
                rows=sum(map(_rows, leaves)) if head["is_readable"] else None,
                unindexed_rows=sum(_rows(one) for one in leaves if (one["relation"], name) not in helped),
                is_partitioned=head["kind"] == "p",
            )
        )
    return columns


def _rows(one: shapes.FoundVectorColumn) -> float:
    return max(0.0, one["rows"]) * (1 - (one["null_share"] or 0.0))
