"""What keeps a search from working: each finding made on a real server, and gone once its remedy is carried out."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
import pytest
from pgvector.sqlalchemy import HALFVEC, Vector
from sqlalchemy import Column, Index, Integer, MetaData, Table

from pgvector_ready.judgement.failures import Code, Step
from pgvector_ready.judgement.report import Reason, State
from pgvector_ready.judgement.vectors import IndexState
from tests.conftest import Database
from tests.support.postgres import wait_until
from tests.support.vectors import carry_out, found, looked

# One row is many where one is asked for.
FEW: dict[str, Any] = {"vector_index_rows": 1}
ITEMS = "CREATE TABLE items (id int, embedding vector(3))"
ROWS = (
    "INSERT INTO items SELECT n, ARRAY[n, 1, 1]::vector FROM generate_series(1, 50) AS n",
    "ANALYZE items",
)
INDEX = "CREATE INDEX items_idx ON items USING hnsw (embedding vector_l2_ops)"
INVALID = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass"
PARTED = (
    "CREATE TABLE parted (id int, embedding vector(3)) PARTITION BY RANGE (id)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)",
    "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)",
)
ON_ONLY = "CREATE INDEX parted_idx ON ONLY parted USING hnsw (embedding vector_l2_ops)"
HOSTILE = 'CREATE TABLE "its; ""a"" 100% $$" (id int, "the; ""vector""" {})'
HOSTILE_ROWS = (
    'INSERT INTO "its; ""a"" 100% $$" SELECT n, ARRAY[n, 1, 1]::vector FROM generate_series(1, 50) AS n',
    'ANALYZE "its; ""a"" 100% $$"',
)


def models(kind: object = None, operator_class: str | None = None, column: str = "embedding") -> MetaData:
    """The models of an application with one table."""
    metadata = MetaData()
    table = Table("items", metadata, Column("id", Integer), Column(column, kind or Vector(3)))  # type: ignore[arg-type]
    if operator_class:
        Index("items_by_models", table.c[column], postgresql_using="hnsw", postgresql_ops={column: operator_class})
    return metadata


@dataclass(frozen=True, slots=True)
class Cure:
    """A finding, made in SQL as the owner of the database."""

    code: Code
    breaking: tuple[str, ...]
    id: str = ""
    metadata: MetaData | None = None
    variables: dict[str, Any] = field(default_factory=dict)


CURES = [
    Cure(Code.VECTOR_INDEX_INVALID, (ITEMS, INDEX, INVALID.format("items_idx"))),
    Cure(
        Code.VECTOR_INDEX_INVALID,
        (ITEMS, INDEX, INDEX.replace("items_idx", "items_idx_ccnew"), INVALID.format("items_idx_ccnew")),
        "left by REINDEX",
    ),
    Cure(Code.VECTOR_INDEX_INVALID, (*PARTED, ON_ONLY), "ON ONLY"),
    Cure(
        Code.VECTOR_INDEX_INVALID,
        (*PARTED, ON_ONLY, "CREATE INDEX own ON parted_1 USING hnsw (embedding vector_l2_ops)"),
        "ON ONLY with one of its own",
    ),
    Cure(
        Code.VECTOR_INDEX_INVALID,
        (*PARTED, "CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM (200) TO (300) PARTITION BY RANGE (id)",
         ON_ONLY),
        "ON ONLY of two levels",
    ),
    Cure(
        Code.VECTOR_INDEX_INVALID,
        (
            'CREATE SCHEMA "S.x"',
            'CREATE TABLE "S.x"."a ""b"" 100%" (id int, "e.m" vector(3)) PARTITION BY RANGE (id)',
            'CREATE TABLE "S.x"."p.1 ""q""" PARTITION OF "S.x"."a ""b"" 100%" FOR VALUES FROM (0) TO (10)',
            'CREATE TABLE parted_2 PARTITION OF "S.x"."a ""b"" 100%" FOR VALUES FROM (10) TO (20)',
            f'CREATE INDEX "i.x ""ON ONLY"" USING {"ü" * 20}" ON ONLY "S.x"."a ""b"" 100%" '
            'USING ivfflat ("e.m" vector_ip_ops) WITH (lists = 7) WHERE id > 3',
        ),
        "ON ONLY with hostile names",
    ),
    Cure(Code.VECTOR_INDEX_MISSING, (ITEMS, *ROWS), variables=FEW),
    Cure(
        Code.VECTOR_INDEX_MISSING,
        (*PARTED, ROWS[0].replace("items", "parted"), "ANALYZE parted"),
        "of partitions",
        variables=FEW,
    ),
    Cure(Code.VECTOR_INDEX_MISSING, (HOSTILE.format("vector(3)"), *HOSTILE_ROWS), "hostile names", variables=FEW),
    Cure(
        Code.VECTOR_COLUMN_UNDIMENSIONED,
        (ITEMS.replace("(3)", ""), *ROWS),
        variables=FEW,
    ),
    Cure(
        Code.VECTOR_COLUMN_UNDIMENSIONED,
        (HOSTILE.format("vector"), *HOSTILE_ROWS),
        "hostile names",
        variables=FEW,
    ),
    *(
        Cure(
            Code.VECTOR_DIMENSIONS_UNINDEXABLE,
            (
                f"CREATE TABLE items (id int, embedding {kind}({dimensions}))",
                f"INSERT INTO items SELECT n, array_fill(n, ARRAY[{dimensions}])::real[]::vector::{kind} "  # noqa: S608
                "FROM generate_series(1, 5) AS n",
                "ANALYZE items",
            ),
            f"{kind} {dimensions}",
            variables=FEW,
        )
        for kind, dimensions in (("vector", 2001), ("vector", 4001), ("halfvec", 4001))
    ),
    Cure(
        Code.VECTOR_INDEX_DUPLICATE,
        (ITEMS, INDEX, INDEX.replace("items_idx", "items_other")),
    ),
    Cure(
        Code.VECTOR_INDEX_DUPLICATE,
        (ITEMS, INDEX, INDEX.replace("items_idx", "a_first").replace("hnsw", "ivfflat")),
        "of two methods",
    ),
    Cure(Code.VECTOR_COLUMN_MISSING, ("CREATE TABLE items (id int)",), metadata=models()),
    Cure(Code.VECTOR_DIMENSIONS_DIFFER, (ITEMS, *ROWS), metadata=models(Vector(4))),
    Cure(Code.VECTOR_DIMENSIONS_DIFFER, (ITEMS, *ROWS), "only the type", metadata=models(HALFVEC(3))),
    Cure(Code.VECTOR_DIMENSIONS_DIFFER, (ITEMS.replace("(3)", ""), *ROWS), "none there", metadata=models(Vector(3))),
    Cure(Code.VECTOR_INDEX_DIFFERS, (ITEMS, INDEX), metadata=models(operator_class="vector_cosine_ops")),
    Cure(Code.VECTOR_INDEX_DIFFERS, (ITEMS,), "none there", metadata=models(operator_class="vector_cosine_ops")),
    Cure(
        Code.VECTOR_INDEX_DIFFERS,
        tuple(one.replace("parted", "items") for one in PARTED),
        "of partitions",
        metadata=models(operator_class="vector_cosine_ops"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("cure", CURES, ids=lambda cure: f"{cure.code} {cure.id}".strip())
def test_what_the_remedy_says_ends_the_finding(cure: Cure, database_with_vector: Database) -> None:
    database = database_with_vector
    for statement in cure.breaking:
        database.execute(statement)

    (finding,) = found(database.url, cure.metadata, **cure.variables)
    carry_out(finding, database.url)

    assert finding.failure.code is cure.code
    assert not looked(database.url, cure.metadata, **cure.variables).findings


def test_another_version_of_the_collation_is_told_until_the_indexes_are_made_anew(
    database_with_vector: Database,
) -> None:
    database = database_with_vector
    database.execute("UPDATE pg_database SET datcollversion = '2.31' WHERE datname = current_database()")

    (finding,) = found(database.url)
    statements = carry_out(finding, database.url)

    assert finding.failure.code is Code.COLLATION_CHANGED
    assert statements.index("REINDEX") < statements.index("REFRESH")
    assert not looked(database.url).findings


def test_of_three_indexes_alike_two_are_told_once_each(database_with_vector: Database) -> None:
    database = database_with_vector
    for statement in (ITEMS, *(INDEX.replace("items_idx", name) for name in ("b", "a", "c"))):
        database.execute(statement)

    findings = found(database.url)
    for one in findings:
        carry_out(one, database.url)

    assert [one.index for one in findings] == ["public.b", "public.c"]
    assert not looked(database.url).findings


def test_a_table_that_the_models_have_and_the_database_has_not(database_with_vector: Database) -> None:
    """Its remedy is the application's own migration, which nobody else knows."""
    database = database_with_vector

    (finding,) = found(database.url, models())
    database.execute(ITEMS)

    assert (finding.failure.code, finding.table, finding.column) == (
        Code.VECTOR_COLUMN_MISSING,
        '"items"',
        '"embedding"',
    )
    assert not looked(database.url, models()).findings


# What is no finding

HEALTHY = {
    "nothing": (),
    "an index": (ITEMS, *ROWS, INDEX),
    "an index on an expression": (
        ITEMS.replace("(3)", ""),
        *ROWS,
        "CREATE INDEX ON items USING hnsw ((embedding::vector(3)) vector_l2_ops)",
    ),
    "a partial index": (ITEMS, *ROWS, f"{INDEX} WHERE id > 3"),
    "indexes for two operators": (ITEMS, *ROWS, INDEX, INDEX.replace("items_idx", "b").replace("_l2_", "_cosine_")),
    "two partial indexes": (ITEMS, *ROWS, f"{INDEX} WHERE id > 3", f"{INDEX.replace('items_idx', 'b')} WHERE id < 4"),
    "empty": (ITEMS, "ANALYZE items"),
    "nothing but NULL": (ITEMS, "INSERT INTO items SELECT n FROM generate_series(1, 50) AS n", "ANALYZE items"),
    "partitions": (
        *PARTED,
        ROWS[0].replace("items", "parted"),
        "ANALYZE parted",
        "CREATE INDEX ON parted USING hnsw (embedding vector_l2_ops)",
    ),
    "temporary": ("CREATE UNLOGGED TABLE items (id int, embedding vector(3))", INDEX),
    "a materialised view": (
        ITEMS,
        *ROWS,
        INDEX,
        "CREATE MATERIALIZED VIEW seen AS SELECT * FROM items",
        "CREATE INDEX ON seen USING hnsw (embedding vector_l2_ops)",
        "ANALYZE seen",
    ),
    "bits": (
        "CREATE TABLE items (id int, embedding bit(8), other bit(8))",
        "CREATE INDEX ON items USING hnsw (embedding bit_hamming_ops)",
    ),
}


@pytest.mark.parametrize("made", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_schema_has_no_finding(made: tuple[str, ...], database_with_vector: Database) -> None:
    for statement in made:
        database_with_vector.execute(statement)

    report = looked(database_with_vector.url, **FEW)

    searchable = report.verdicts[-1]
    assert not report.findings
    assert searchable.step is Step.SEARCHABLE
    assert searchable.state is (State.PASS if made else State.SKIPPED)
    assert searchable.reason is (None if made else Reason.NOT_THERE)


def test_a_column_that_this_role_may_not_read_is_judged_by_nobody(database_with_vector: Database) -> None:
    for statement in (ITEMS, *ROWS):
        database_with_vector.execute(statement)

    of_superuser = looked(database_with_vector.url, **FEW)
    of_plain_role = looked(database_with_vector.plain_url, **FEW)

    assert [one.failure.code for one in of_superuser.findings] == [Code.VECTOR_INDEX_MISSING]
    assert not of_plain_role.findings
    assert of_plain_role.verdicts[-1].state is State.PASS


# While somebody builds


class Build:
    """A CREATE INDEX CONCURRENTLY, or REINDEX, in a thread of its own, that waits for somebody's transaction."""

    def __init__(self, database: Database, statement: str, role: str | None) -> None:
        self._database = database
        self._connection = psycopg.connect(
            database.server.connection_string(role or "postgres", database.name), autocommit=True
        )
        self.pid = self._connection.info.backend_pid
        self._thread = threading.Thread(target=self._run, args=(statement,))
        self.error: Exception | None = None

    def _run(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except psycopg.Error as error:
            self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(self._waits)
        return self

    def _waits(self) -> bool:
        waiting = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
        exists = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        return self._database.execute(waiting, self.pid) == [(True,)] and self._database.execute(exists) != [(0,)]

    def __exit__(self, *_: object) -> None:
        self._thread.join(60)
        self._connection.close()


@contextmanager
def open_transaction(database: Database) -> Iterator[psycopg.Connection]:
    """Somebody has written to the table and not ended, which every concurrent build waits for."""
    with psycopg.connect(database.url) as connection:
        connection.execute("INSERT INTO items VALUES (1000, '[1,2,3]')")
        yield connection
        connection.rollback()


@pytest.mark.parametrize("is_owner", [True, False], ids=["the role's own", "another role's"])
@pytest.mark.parametrize(
    "statement", [INDEX.replace("INDEX", "INDEX CONCURRENTLY"), "REINDEX TABLE CONCURRENTLY items"]
)
def test_an_index_under_way_is_no_finding_and_what_is_left_of_it_is(
    statement: str,
    is_owner: bool,  # noqa: FBT001 - a table's column
    database_with_vector: Database,
) -> None:
    database = database_with_vector
    for made in (ITEMS, *ROWS, f"ALTER TABLE items OWNER TO {database.owner}"):
        database.execute(made)
    if "REINDEX" in statement:
        database.execute(INDEX)
    looker = database.plain_url if is_owner else database.url

    with open_transaction(database), Build(database, statement, database.owner) as build:
        meanwhile = looked(looker, **FEW)
        database.execute("SELECT pg_terminate_backend(%s)", build.pid)
    wait_until(lambda: database.execute("SELECT count(*) FROM pg_locks WHERE pid = %s", build.pid) == [(0,)])
    afterwards = found(looker)

    assert not meanwhile.findings
    assert meanwhile.facts.look.inventory
    assert IndexState.BUILDING in {one.state for one in meanwhile.facts.look.inventory.indexes}
    assert [one.failure.code for one in afterwards] == [Code.VECTOR_INDEX_INVALID]


@pytest.mark.parametrize("milliseconds", [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
def test_whenever_a_build_is_killed_the_finding_is_what_the_catalogue_says(
    milliseconds: int, database_with_vector: Database
) -> None:
    database = database_with_vector
    database.execute(ITEMS)
    database.execute(
        "INSERT INTO items SELECT n, ARRAY[random(), random(), random()]::vector FROM generate_series(1, 3000) n"
    )
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(f"SET statement_timeout = {milliseconds}")
        with suppress(psycopg.errors.QueryCanceled):
            connection.execute(INDEX.replace("INDEX", "INDEX CONCURRENTLY"))

    findings = found(database.url)

    left = database.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    assert [one.index for one in findings] == [f"public.{name}" for (name,) in left]
    for one in findings:
        carry_out(one, database.url)
    assert not looked(database.url).findings


# How it is told


def test_several_findings_are_told_the_gravest_first_and_accepted_ones_do_not_count(
    database_with_vector: Database,
) -> None:
    database = database_with_vector
    for statement in (ITEMS, *ROWS, "CREATE TABLE others AS TABLE items", "ANALYZE others", INDEX):
        database.execute(statement)
    database.execute(INVALID.format("items_idx"))

    report = looked(database.url, **FEW)
    one_accepted = looked(database.url, **FEW, accepted_warnings="vector_index_invalid")
    both_accepted = looked(
        database.url,
        **FEW,
        accepted_warnings="vector_index_invalid, vector_index_missing:others",
    )

    assert [one.failure.code for one in report.findings] == [
        Code.VECTOR_INDEX_INVALID,
        Code.VECTOR_INDEX_MISSING,
    ]
    assert _told(report.verdicts[-1].failure) is Code.VECTOR_INDEX_INVALID
    assert _told(one_accepted.verdicts[-1].failure) is Code.VECTOR_INDEX_MISSING
    assert (one_accepted.state, one_accepted.strictly().state) == (State.WARN, State.FAIL)
    assert both_accepted.verdicts[-1].is_accepted
    assert (both_accepted.state, both_accepted.strictly().state) == (State.PASS, State.PASS)


def _told(failure: object) -> Code | None:
    return getattr(failure, "code", None)


def test_with_required_models_that_do_not_fit_are_a_failure(database_with_vector: Database) -> None:
    database_with_vector.execute(ITEMS)

    report = looked(database_with_vector.url, models(Vector(4)), vectors="required")

    assert report.failure
    assert report.failure.code is Code.VECTOR_DIMENSIONS_DIFFER
    assert looked(database_with_vector.url, models(Vector(3)), vectors="required").is_healthy
