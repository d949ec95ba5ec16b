"""An application's models against the database: an index fits exactly when PostgreSQL's planner can use it."""

import json
from itertools import count

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pgvector.sqlalchemy import HALFVEC, SPARSEVEC, Vector
from sqlalchemy import Column, Index, Integer, MetaData, Table, text

from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.models import differences
from pgvector_ready.judgement.vectors import Inventory
from pgvector_ready.observation.inventory import take
from pgvector_ready.observation.models import models_of
from tests.conftest import Database
from tests.support.vectors import asked

KINDS = {"vector": Vector, "halfvec": HALFVEC, "sparsevec": SPARSEVEC}
OPERATORS = {"l2_ops": "<->", "ip_ops": "<#>", "cosine_ops": "<=>", "l1_ops": "<+>"}
# What the database may have on the column: `{class}` is the type's class for an operator.
MADE = {
    "nothing": (),
    "an index": ("CREATE INDEX ON {table} USING hnsw ({column} {kind}_{ops})",),
    "a partial one": ("CREATE INDEX ON {table} USING hnsw ({column} {kind}_{ops}) WHERE id > 3",),
    "one on an expression": ("CREATE INDEX ON {table} USING hnsw (({column}::{other}({dimensions})) {other}_{ops})",),
    "a partial one and a whole one": (
        "CREATE INDEX ON {table} USING hnsw ({column} {kind}_{ops}) WHERE id > 3",
        "CREATE INDEX ON {table} USING hnsw ({column} {kind}_{ops})",
    ),
    "one that is not valid": (
        "CREATE INDEX of_{number} ON {table} USING hnsw ({column} {kind}_{ops})",
        "UPDATE pg_index SET indisvalid = false "
        "WHERE indexrelid = (SELECT oid FROM pg_class WHERE relname = 'of_{number}')",
    ),
}
NAMES = st.sampled_from(["items", "Items", 'a"b', "it's", "order", "é x", "%s", "$1", "a.b"])
numbers = count(1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(list(KINDS)),
    dimensions=st.integers(1, 5),
    wanted=st.sampled_from(list(OPERATORS)),
    there=st.sampled_from(list(OPERATORS)),
    made=st.sampled_from(list(MADE)),
    is_partitioned=st.booleans(),
    has_schema=st.booleans(),
    table_name=NAMES,
    column_name=NAMES,
)
async def test_an_index_fits_exactly_when_the_planner_can_use_it(  # noqa: PLR0913, PLR0917 - what is generated
    kind: str,
    dimensions: int,
    wanted: str,
    there: str,
    made: str,
    is_partitioned: bool,  # noqa: FBT001 - generated
    has_schema: bool,  # noqa: FBT001 - generated
    table_name: str,
    column_name: str,
    database_with_vector: Database,
) -> None:
    database, number = database_with_vector, next(numbers)
    schema, name = (f"of {number}" if has_schema else None), f"{table_name} {number}"
    table = f"{_quoted(schema)}.{_quoted(name)}" if schema else _quoted(name)
    column = _quoted(column_name)
    if schema:
        database.execute(f"CREATE SCHEMA {_quoted(schema)}")
    parted = " PARTITION BY RANGE (id)" if is_partitioned else ""
    database.execute(f"CREATE TABLE {table} (id int, {column} {kind}({dimensions})){parted}")
    if is_partitioned:
        database.execute(f"CREATE TABLE part_{number} PARTITION OF {table} FOR VALUES FROM (0) TO (9)")
    other = "halfvec" if kind == "vector" else "vector"
    for statement in MADE[made]:
        database.execute(
            statement.format(
                table=table, column=column, kind=kind, ops=there, other=other, dimensions=dimensions, number=number
            )
        )
    metadata = MetaData()
    model = Table(name, metadata, Column("id", Integer), Column(column_name, KINDS[kind](dimensions)), schema=schema)
    Index(None, model.c[column_name], postgresql_using="hnsw", postgresql_ops={column_name: f"{kind}_{wanted}"})

    models = models_of(metadata)
    assert models
    inventory = await asked(database.url, lambda link: take(link, models))
    found = [one.code for one in differences(models, inventory)]

    vector = f"{{1:1}}/{dimensions}" if kind == "sparsevec" else json.dumps([1] * dimensions)
    search = f"SELECT id FROM {table} ORDER BY {column} {OPERATORS[wanted]} '{vector}'::{kind} LIMIT 3"  # noqa: S608
    with psycopg.connect(database.url) as connection:
        for setting in ("enable_seqscan", "enable_sort"):
            connection.execute(f"SET {setting} = off")
        plan = connection.execute(f"EXPLAIN {search}".encode()).fetchall()
    is_used = any("Index Scan" in line for (line,) in plan)
    assert (found == []) is is_used, (found, plan)
    assert set(found) <= {Code.VECTOR_INDEX_DIFFERS}


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


@pytest.mark.parametrize("where", [None, "id > 3"])
def test_a_partial_index_of_the_models_is_left_out(where: str | None) -> None:
    metadata = MetaData()
    table = Table("items", metadata, Column("id", Integer), Column("embedding", Vector(3)))
    condition = None if where is None else text(where)
    Index(
        "one",
        table.c.embedding,
        postgresql_using="hnsw",
        postgresql_ops={"embedding": "vector_l2_ops"},
        postgresql_where=condition,
    )

    models = models_of(metadata)

    assert models
    assert len(models.indexes) == (1 if where is None else 0)


def test_models_without_vectors_are_none() -> None:
    metadata = MetaData()
    Table("items", metadata, Column("id", Integer))

    assert models_of(metadata) is None


async def test_an_empty_database_has_an_empty_inventory(database_with_vector: Database) -> None:
    found = await asked(database_with_vector.url, take)

    assert (found.columns, found.indexes) == ((), ())
    assert isinstance(found, Inventory)
