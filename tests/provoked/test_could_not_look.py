"""A look at the vectors that cannot be had, or does not see all: an honest note, never red for it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgvector_ready.judgement.report import Reason, State
from pgvector_ready.judgement.vectors import IndexState, Look, Unseen
from pgvector_ready.observation.inventory import MOST_COLUMNS, take
from tests.conftest import Database
from tests.provoked.test_searchable import FEW, INDEX, INVALID, ITEMS, ROWS
from tests.support.pooler import PgBouncer
from tests.support.postgres import PostgresServer, wait_until
from tests.support.service import running
from tests.support.vectors import asked, looked

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def broken(database: Database) -> None:
    for statement in (ITEMS, *ROWS, INDEX, INVALID.format("items_idx")):
        database.execute(statement)


async def test_without_a_free_session_nothing_is_known_and_nothing_is_red(database_with_vector: Database) -> None:
    """The probe has the one session of the role; the proof of start-up was made before that."""
    database = database_with_vector
    broken(database)
    async with running(database.plain_url, enable_pgvector=False, vector_inventory_seconds=0.01) as service:
        await service.until_latched()
        async with asyncio.timeout(30):
            while not (await service.database()).json()["vectors"]:
                service.ready.expire()
                await asyncio.sleep(0.02)
        database.execute(f'ALTER ROLE "{database.owner}" CONNECTION LIMIT 1')
        async with asyncio.timeout(30):
            while not _note(document := (await service.database()).json()):
                service.ready.expire()
                await asyncio.sleep(0.02)

    assert (document["healthy"], document["error"]) == (True, None)
    assert document["vectors"]["findings"], "what was found before stays"


def _note(document: dict[str, object]) -> bool:
    steps = document["steps"]
    assert isinstance(steps, list)
    return any("gave no answer in time, or no session" in note for note in steps[-1].get("notes", ()))


def test_a_statement_timeout_of_the_role_ends_the_look_and_not_the_verdict(database_with_vector: Database) -> None:
    database = database_with_vector
    broken(database)
    database.execute(f"ALTER ROLE \"{database.owner}\" SET statement_timeout = '200ms'")
    database.execute(f'REVOKE TEMPORARY ON DATABASE "{database.name}" FROM PUBLIC, "{database.owner}"')
    with psycopg.connect(database.url) as holder:
        holder.execute("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE")
        report = looked(database.plain_url)

    searchable = report.verdicts[-1]
    assert report.facts.look.unseen is Unseen.FAILED
    assert (searchable.state, searchable.reason, len(searchable.notes)) == (State.SKIPPED, Reason.NOT_LOOKED, 1)
    assert report.state is State.PASS


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def test_on_a_standby_an_index_that_is_not_valid_may_be_under_way(own_server: PostgresServer) -> None:
    """Who holds a lock on the primary is not to be seen there."""
    own_server.create_database("app")
    for statement in ("CREATE EXTENSION vector", ITEMS, *ROWS, INDEX, INVALID.format("items_idx")):
        own_server.execute(statement, database="app")
    with own_server.standby() as standby:
        wait_until(lambda: standby.execute("SELECT count(*) FROM pg_database WHERE datname = 'app'") == [(1,)])
        report = looked(standby.connection_string(database="app"), require_writable=False, **FEW)

    assert report.facts.server
    assert report.facts.server.is_standby
    assert report.facts.look.inventory
    assert [one.state for one in report.facts.look.inventory.indexes] == [IndexState.BUILDING]
    assert not report.findings


def test_through_a_pooler_it_looks_as_it_does_without(database_with_vector: Database) -> None:
    broken(database_with_vector)
    with PgBouncer(database_with_vector.server) as pooler:
        through = looked(pooler.connection_string(database_with_vector.name))

    assert [one.index for one in through.findings] == ["public.items_idx"]


def test_an_older_postgresql_understands_the_question() -> None:
    """Without pgvector, which Debian's has not: what is asked is found, and that is nothing."""
    with PostgresServer(binaries=DEBIAN_15) as old:
        found = asyncio.run(asked(old.connection_string(), take))

    assert (found.columns, found.indexes) == ((), ())
    assert found.collation_now == found.collation_recorded


async def test_a_table_that_goes_meanwhile_is_no_failure(database_with_vector: Database) -> None:
    """Twenty looks while tables come and go."""
    done = False

    def come_and_go() -> None:
        while not done:
            for statement in (ITEMS, INDEX, "DROP TABLE items"):
                database_with_vector.execute(statement)

    going = asyncio.create_task(asyncio.to_thread(come_and_go))
    try:
        found = [await asked(database_with_vector.url, take) for _ in range(20)]
    finally:
        done = True
        await going

    assert {len(one.columns) for one in found} <= {0, 1}


async def test_of_very_many_columns_the_largest_are_judged_and_the_rest_counted(
    database_with_vector: Database,
) -> None:
    database = database_with_vector
    columns = ", ".join(f"c{number} vector(3)" for number in range(MOST_COLUMNS + 200))
    database.execute(f"CREATE TABLE wide ({columns})")

    found = await asked(database.url, take)

    assert len(found.columns) == MOST_COLUMNS
    assert found.total == MOST_COLUMNS + 200


def test_off_and_zero_look_at_nothing(database_with_vector: Database) -> None:
    broken(database_with_vector)

    off = looked(database_with_vector.url, vectors="off")
    never = looked(database_with_vector.url, vector_inventory_seconds=0)

    for report in (off, never):
        assert report.facts.look == Look(None, Unseen.OFF)
        assert (report.verdicts[-1].state, report.verdicts[-1].reason) == (State.SKIPPED, Reason.NOT_ASKED)
        assert not report.findings


# Models


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("models", "", "models names no base: write MODULE:BASE, such as app.models:Base."),
        ("nowhere:Base", "", "There is no module nowhere, neither installed nor in the working directory."),
        ("models:Base", "x = 1", "The module models has no Base."),
        ("models:Base", "1 / 0", "The module models cannot be imported: its traceback is above."),
        ("models:Base", "Base = 1", "models:Base is neither a declarative base nor a MetaData of SQLAlchemy."),
        (
            "models:Base",
            "from sqlalchemy import MetaData\nBase = MetaData()",
            "models:Base has no column of a type of pgvector.sqlalchemy: there is nothing to compare.",
        ),
    ],
)
def test_models_that_cannot_be_had_are_one_sentence(
    name: str, code: str, told: str, database_with_vector: Database, tmp_path: Path
) -> None:
    (tmp_path / "models.py").write_text(code)
    command = [sys.executable, "-m", "pgvector_ready", "check", "--models", name]
    environment = {"DATABASE_URL": database_with_vector.url, "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"pgvector-ready: {told}"
    assert ("Traceback" in done.stderr) is ("traceback is above" in told)
    assert "pgvector_ready" not in done.stderr.rpartition("\n")[0]
