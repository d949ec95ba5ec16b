"""The vectors of an application's SQLAlchemy models, read of its MetaData; no database is asked."""

from typing import Any

from sqlalchemy import Column, Index, MetaData, Table

from pgvector_ready.judgement.vectors import ModelColumn, ModelIndex, Models

# The classes of pgvector's types for SQLAlchemy.
_TYPES = frozenset({"vector", "halfvec", "sparsevec", "bit"})
_METHODS = frozenset({"hnsw", "ivfflat"})


def models_of(metadata: MetaData) -> Models | None:
    """Return the columns of vectors in these models, and their HNSW and IVFFlat indexes on one plain column each.

    A partial index is left out: which searches have its condition, the models do not say.

    None where they have no column of vectors.
    """
    tables = list(metadata.tables.values())
    columns = tuple(found for table in tables for column in table.columns if (found := _column(table, column)))
    indices = tuple(index for table in tables for one in table.indexes if (index := _index(table, one)))
    return Models(columns, indices) if columns else None


def _column(table: Table, column: Column[Any]) -> ModelColumn | None:
    """The column, if its type is pgvector's, or an application's own around it."""
    for kind in (column.type, getattr(column.type, "impl", None)):
        name = type(kind).__name__.lower()
        if name in _TYPES and type(kind).__module__.startswith("pgvector."):
            length = getattr(getattr(kind, "impl", None), "length", None)
            return ModelColumn(table.name, table.schema, column.name, name, getattr(kind, "dim", length))
    return None


def _index(table: Table, index: Index) -> ModelIndex | None:
    options = index.dialect_options["postgresql"]
    method = str(options["using"] or "").lower()
    expressions = list(index.expressions)
    is_partial = options["where"] is not None
    if method not in _METHODS or is_partial or len(expressions) != 1 or not isinstance(expressions[0], Column):
        return None
    column = expressions[0]
    classes = options["ops"] or {}
    operator_class = classes.get(column.key) or classes.get(column.name)
    name = str(index.name) if index.name else None
    return ModelIndex(table.name, table.schema, column.name, name, method, operator_class)
