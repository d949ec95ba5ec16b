"""An application's models against the database: what of their vectors is not there, or is other than they say."""

from collections.abc import Iterator

from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.findings import Found
from pgvector_ready.judgement.vectors import (
    FoundColumn,
    FoundTable,
    IndexState,
    Inventory,
    ModelColumn,
    ModelIndex,
    Models,
    VectorIndex,
    quoted,
)

# What an index serves whose operator class nobody has named.
_DEFAULT_CLASSES = {
    ("ivfflat", "vector"): "vector_l2_ops",
    ("ivfflat", "halfvec"): "halfvec_l2_ops",
    ("ivfflat", "bit"): "bit_hamming_ops",
}


def differences(models: Models, inventory: Inventory) -> Iterator[Found]:
    """Everything in which the database is other than the models; a table that is not there is one for each column."""
    for column in models.columns:
        table = inventory.tables.get((column.schema, column.table))
        found = table.columns.get(column.name) if table else None
        if table is None or found is None:
            yield _missing(column, table, inventory)
        elif (found.type, found.dimensions) != (column.type, column.dimensions):
            yield _different(column, table, found, inventory)
    for index in models.indexes:
        table = inventory.tables.get((index.schema, index.table))
        found = table.columns.get(index.column) if table else None
        if table and found and (difference := _index_differs(index, table, found, inventory)):
            yield difference


def _missing(column: ModelColumn, table: FoundTable | None, inventory: Inventory) -> Found:
    if table is None:
        name = ".".join(quoted(part) for part in (column.schema, column.table) if part)
        return Found(Code.VECTOR_COLUMN_MISSING, name, quoted(column.name), case="table")
    name = quoted(column.name)
    wanted = _type(inventory, column.type, column.dimensions)
    statements = f"ALTER TABLE {table.name} ADD COLUMN {name} {wanted};"
    return Found(Code.VECTOR_COLUMN_MISSING, table.name, name, statements=statements)


def _different(column: ModelColumn, table: FoundTable, found: FoundColumn, inventory: Inventory) -> Found:
    """The finding and its statements: they keep the vectors where only the type differs, and else make a new column."""
    name, wanted = found.quoted, _type(inventory, column.type, column.dimensions)
    values = {"now": _spoken(found.type, found.dimensions), "type": _spoken(column.type, column.dimensions)}
    is_only_the_type = found.dimensions == column.dimensions and {found.type, column.type} <= {"vector", "halfvec"}
    if is_only_the_type or (found.type == column.type and None in {found.dimensions, column.dimensions}):
        statements = f"ALTER TABLE {table.name} ALTER COLUMN {name} TYPE {wanted};"
        return Found(Code.VECTOR_DIMENSIONS_DIFFER, table.name, name, values=values, statements=statements)
    kept = quoted(f"{column.name[:40]}_before")
    statements = (
        f"ALTER TABLE {table.name} RENAME COLUMN {name} TO {kept}; "
        f"ALTER TABLE {table.name} ALTER COLUMN {kept} DROP NOT NULL; "
        f"ALTER TABLE {table.name} ADD COLUMN {name} {wanted};"
    )
    values["kept"] = kept
    return Found(Code.VECTOR_DIMENSIONS_DIFFER, table.name, name, values=values, statements=statements, case="anew")


def _index_differs(index: ModelIndex, table: FoundTable, found: FoundColumn, inventory: Inventory) -> Found | None:
    wanted = index.operator_class or _DEFAULT_CLASSES.get((index.method, found.type))
    there = [one for one in inventory.indexes if (one.table, one.column) == (table.name, found.quoted) and _serves(one)]
    whole = [one for one in there if not one.is_expression and one.condition is None]
    if wanted is None or any(one.operator_class == wanted for one in whole):
        return None
    is_partitioned = any(one.table == table.name and one.is_partitioned for one in inventory.columns)
    concurrently = "" if is_partitioned else "CONCURRENTLY "
    made = f"{table.name} USING {index.method} ({found.quoted} {inventory.schema}.{wanted})"
    statements = f"CREATE INDEX {concurrently}ON {made};"
    others = ", ".join(sorted({one.operator_class for one in there}))
    return Found(
        Code.VECTOR_INDEX_DIFFERS,
        table.name,
        found.quoted,
        there[0].name if there else None,
        values={"type": wanted, **({"now": others} if others else {})},
        statements=statements,
        case="" if others else "none",
    )


def _serves(index: VectorIndex) -> bool:
    """True if a search can use it. In a partitioned table, PostgreSQL uses the indexes of the partitions."""
    if index.state is not IndexState.INVALID:
        return True
    return bool(index.leaves) and all(leaf.is_attached and leaf.is_valid for leaf in index.leaves)


def _type(inventory: Inventory, name: str, dimensions: int | None) -> str:
    schema = "pg_catalog" if name == "bit" else inventory.schema
    return f"{schema}.{_spoken(name, dimensions)}"


def _spoken(name: str, dimensions: int | None) -> str:
    return f"{name}({dimensions})" if dimensions else name
