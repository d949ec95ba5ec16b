"""`recall` on real indexes: what is bad is seen, what is good is no alarm, and nothing stays behind."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Database
from tests.support.command import run
from tests.support.postgres import wait_until

# Twenty clusters far from each other, as texts about twenty things are.
CLUSTERED = """\
INSERT INTO items
SELECT n, n % 200,
       ARRAY[(n % 20) * 5 + random(), (n % 7) * 5 + random(), random(), random(), (n % 3) * 9 + random()]::vector
FROM generate_series(1, {rows}) AS n"""
EVEN = """\
INSERT INTO items
SELECT n, n % 200, ARRAY(SELECT random() + n * 0 FROM generate_series(1, 32))::vector
FROM generate_series(1, {rows}) AS n"""
TABLE = "CREATE TABLE items (id int, tenant int, embedding vector(5))"
HNSW = "CREATE INDEX items_idx ON items USING hnsw (embedding vector_l2_ops)"
IVFFLAT = "CREATE INDEX items_idx ON items USING ivfflat (embedding vector_l2_ops) WITH (lists = 100)"
# Small tables are searched without an index, which nobody would measure.
BY_INDEX = 'ALTER DATABASE "{name}" SET enable_seqscan = off'


def make(database: Database, *statements: str, rows: int = 5_000) -> None:
    for statement in ("SELECT setseed(0.5)", *statements, "ANALYZE items", BY_INDEX):
        database.execute(statement.format(rows=rows, name=database.name))


def call(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return run("recall", *arguments, environment={**kept, "DATABASE_URL": url})


def measured(url: str, *arguments: str) -> dict[str, Any]:
    """The one index that was measured."""
    done = call(url, "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    (index,) = json.loads(done.stdout)["indexes"]
    return dict(index)


def test_a_good_index_is_no_alarm(database_with_vector: Database) -> None:
    make(database_with_vector, TABLE, CLUSTERED, HNSW)

    index = measured(database_with_vector.url, "--at-least", "0.99")

    assert index["recall"] >= 0.99
    assert (index["rows"], index["rows_exact"]) == (10.0, 10.0)
    assert index["uses_index"]
    assert index["better"] is None


def test_an_ivfflat_index_that_was_built_on_an_empty_table_is_seen(database_with_vector: Database) -> None:
    make(database_with_vector, TABLE.replace("(5)", "(32)"), IVFFLAT, EVEN)

    index = measured(database_with_vector.url)
    below = call(database_with_vector.url, "items.embedding", "--at-least", "0.99")

    assert index["recall"] < 0.99
    assert index["better"]["recall"] > index["recall"]
    assert index["better"]["setting"].startswith("SET ivfflat.")
    assert below.returncode == 1
    assert f"→ {index['better']['setting']}" in below.stdout
    assert "optimistic bound" in below.stdout


def test_an_hnsw_index_after_a_mass_deletion_is_seen(database_with_vector: Database) -> None:
    """Until it is vacuumed, what was deleted takes the places of what is there."""
    make(database_with_vector, TABLE, CLUSTERED, HNSW, "DELETE FROM items WHERE id % 25 <> 0")

    index = measured(database_with_vector.url)

    assert index["rows"] < index["rows_exact"]
    assert index["better"]["rows"] > index["rows"]


def test_a_filter_that_few_rows_fit_is_seen(database_with_vector: Database) -> None:
    make(database_with_vector, TABLE, CLUSTERED, HNSW, rows=20_000)

    index = measured(database_with_vector.url, "items.embedding", "--where", "tenant = 7")

    assert index["rows"] < index["rows_exact"] == 10.0
    assert index["better"]["rows"] > index["rows"]
    assert index["better"]["recall"] > index["recall"]


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ("CREATE INDEX items_idx ON items USING hnsw ((embedding::halfvec(5)) halfvec_cosine_ops)", ()),
        ("CREATE INDEX items_idx ON items USING hnsw (embedding vector_ip_ops) WHERE id > 100", ()),
        (
            "CREATE INDEX items_idx ON items USING hnsw ((binary_quantize(embedding)::bit(5)) bit_hamming_ops)",
            ("-k", "3"),
        ),
        ("CREATE INDEX items_idx ON items USING hnsw (embedding vector_l1_ops)", ("--queries", "5")),
    ],
)
def test_every_kind_of_index_is_searched_as_it_is_made(
    made: str, asked: tuple[str, ...], database_with_vector: Database
) -> None:
    make(database_with_vector, TABLE, CLUSTERED, made, rows=1_000)

    index = measured(database_with_vector.url, *asked)

    assert index["uses_index"], index
    assert index["recall"] > 0.5


def test_a_partitioned_table_is_measured_by_its_own_index(database_with_vector: Database) -> None:
    make(
        database_with_vector,
        TABLE + " PARTITION BY RANGE (id)",
        "CREATE TABLE items_1 PARTITION OF items FOR VALUES FROM (0) TO (500)",
        "CREATE TABLE items_2 PARTITION OF items FOR VALUES FROM (500) TO (5000)",
        CLUSTERED,
        HNSW,
        rows=1_000,
    )

    index = measured(database_with_vector.url)

    assert (index["table"], index["index"]) == ("public.items", "public.items_idx")
    assert index["recall"] > 0.9


def test_without_a_name_a_strangers_table_is_left_alone(database_with_vector: Database) -> None:
    """The expression of an index is its owner's code."""
    database = database_with_vector
    database.execute("CREATE ROLE neighbour")
    try:
        make(database, TABLE, CLUSTERED, HNSW, "ALTER TABLE items OWNER TO neighbour", rows=200)

        alone, named = call(database.url), call(database.url, "items.embedding")
    finally:
        database.execute("DROP OWNED BY neighbour")
        database.execute("DROP ROLE neighbour")

    assert alone.returncode == 2
    assert "no table of a trusted owner has a vector index here: name one as TABLE.COLUMN" in alone.stderr
    assert named.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nothing.there",), "there is no vector index on nothing.there; indexed columns: public.items.embedding."),
        (("items.embedding", "--where", "tenant ="), "syntax error"),
        (("items.embedding", "--where", "true; DROP TABLE items"), "syntax error"),
        (("items.embedding", "--where", "nextval('numbers') > 0"), "read-only transaction"),
        (("items.embedding", "--where", "id < 0"), "has no row to search for that fits the filter"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: tuple[str, ...], told: str, database_with_vector: Database
) -> None:
    make(database_with_vector, TABLE, CLUSTERED, HNSW, "CREATE SEQUENCE numbers", rows=200)

    done = call(database_with_vector.url, *arguments)

    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr
    assert database_with_vector.execute("SELECT count(*) FROM items") == [(200,)]


def test_ctrl_c_leaves_nothing(database_with_vector: Database) -> None:
    """Neither a line too many here, nor a session there."""
    database = database_with_vector
    make(database, TABLE, CLUSTERED, HNSW, rows=200)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    command = [
        sys.executable,
        "-m",
        "pgvector_ready",
        "recall",
        "items.embedding",
        "--where",
        "pg_sleep(1) IS NOT NULL",
    ]
    with subprocess.Popen(
        command,
        env={**os.environ, "DATABASE_URL": database.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until(lambda: database.execute(others) != [(0,)])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in err
    wait_until(lambda: database.execute(others) == [(0,)])
