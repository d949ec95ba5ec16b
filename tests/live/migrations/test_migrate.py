"""Alembic from the project's folder, from the command, and as the runbook's last step."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.support.command import run
from tests.support.postgres import PASSWORD
from tests.support.service import running
from tests.support.told import provoked, record

_PROJECT = Path(__file__).parents[3]


def _environment(database_url: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "DATABASE_URL": database_url}


def _start(database_url: str, *command: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=_PROJECT, env=_environment(database_url), stdout=pipe, stderr=pipe, text=True)


def _alembic(database_url: str, *command: str) -> tuple[int, str, str]:
    with _start(database_url, sys.executable, "-m", "alembic", *command) as process:
        out, err = process.communicate()
    return process.returncode, out, err


def _migrate(database_url: str) -> tuple[int, str, str]:
    done = run("migrate", environment=_environment(database_url), folder=_PROJECT)
    return done.returncode, done.stdout, done.stderr


def _revision(database: Database) -> list[tuple[str]]:
    return database.execute("SELECT version_num FROM alembic_version")


def test_migrate_enables_the_extension_and_says_from_where_to_where(database: Database) -> None:
    first = _migrate(database.url)
    second = _migrate(database.url)

    where = "Alembic folder app/migrations, named by pyproject.toml"
    assert (first[0], first[1].splitlines()[1:], first[2]) == (0, [where, "from none to pgvector_ready_0001"], "")
    assert (second[0], second[1].splitlines()[1:], second[2]) == (0, [where, "at pgvector_ready_0001 already"], "")
    assert database.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'")


def test_six_at_once_all_succeed(database: Database) -> None:
    processes = [_start(database.url, sys.executable, "-m", "pgvector_ready", "migrate") for _ in range(6)]

    outcomes = [(process.communicate(), process.returncode) for process in processes]

    assert [code for _, code in outcomes] == [0] * 6, outcomes
    last = sorted(out.splitlines()[-1] for (out, _), _ in outcomes)
    assert last == ["at pgvector_ready_0001 already"] * 5 + ["from none to pgvector_ready_0001"]


def test_alembic_itself_takes_the_plain_connection_string(database: Database) -> None:
    code, _, err = _alembic(database.url, "upgrade", "head")

    assert (code, err) == (0, "")
    assert _revision(database) == [("pgvector_ready_0001",)]


def test_the_way_down_never_takes_a_column_along(database: Database) -> None:
    _migrate(database.url)
    database.execute("CREATE TABLE documents (embedding vector(3))")

    code, _, _ = _alembic(database.url, "downgrade", "base")

    assert code != 0
    assert _revision(database) == [("pgvector_ready_0001",)]
    assert database.execute("SELECT embedding FROM documents") == []


def test_the_way_down_and_up_again(database: Database) -> None:
    _migrate(database.url)

    down, _, _ = _alembic(database.url, "downgrade", "base")
    assert not database.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'")
    up, _, _ = _migrate(database.url)

    assert (down, up) == (0, 0)


def test_a_password_full_of_percent_signs_is_safe(database: Database) -> None:
    password = "%s%(here)s%%25@/"  # noqa: S105 - what breaks configparser and URLs
    database.execute(f"CREATE ROLE percent LOGIN SUPERUSER PASSWORD '{password}'")
    try:
        url = database.server.connection_string("percent", database.name, password=password)

        code, out, err = _migrate(url)
    finally:
        database.execute("REASSIGN OWNED BY percent TO postgres; DROP OWNED BY percent; DROP ROLE percent")

    assert (code, err) == (0, "")
    assert out.endswith("from none to pgvector_ready_0001\n")


def test_a_plain_role_is_told_what_it_lacks_and_may_migrate_once_the_extension_is_there(database: Database) -> None:
    code, _, err = _migrate(database.plain_url)
    database.execute("CREATE EXTENSION vector")
    afterwards = _migrate(database.plain_url)

    assert code == 1
    assert err.startswith("pgvector_permission_denied: ")
    assert PASSWORD not in err
    assert afterwards[0] == 0


def test_a_role_that_may_not_make_tables_is_told_so_and_nothing_of_the_extension(database: Database) -> None:
    database.execute("CREATE EXTENSION vector")
    database.execute("ALTER SCHEMA public OWNER TO postgres")
    started = time.monotonic()
    in_schema = _migrate(database.plain_url)
    provoked.append(("migrations_permission_denied", time.monotonic() - started))
    _migrate(database.url)
    of_table = _migrate(database.plain_url)

    for code, _, err in (in_schema, of_table):
        assert code == 1
        assert err.startswith(f"migrations_permission_denied: User {database.owner} ")
        assert f'GRANT USAGE, CREATE ON SCHEMA public TO "{database.owner}";' in err
        assert "EXTENSION" not in err
    assert "permission denied for schema public" in in_schema[2]


def test_no_database_is_exit_code_one_and_a_bad_string_two() -> None:
    refused = _migrate("postgresql://app:secret@127.0.0.1:1/app")
    invalid = _migrate("postgresql://app:sec@ret@127.0.0.1:1/app")

    assert refused[0] == 1
    assert refused[2].startswith("connection_refused: ")
    assert (invalid[0], invalid[1]) == (2, "")
    assert "ret@" not in invalid[2]


def test_autogenerate_sees_nothing_to_do_after_the_upgrade(database: Database) -> None:
    _migrate(database.url)

    code, _, err = _alembic(database.url, "check")

    assert (code, err) == (0, "")


_STEPS = [
    pytest.param(None, "auto", "skipped", None, id="no table, not asked for"),
    pytest.param(None, "required", "fail", "migrations_behind", id="no table, asked for"),
    pytest.param("pgvector_ready_0001", "auto", "pass", None, id="at head"),
    pytest.param("0000", "auto", "warn", "migrations_unknown", id="unknown to this code"),
    pytest.param("0001", "required", "warn", "migrations_renamed", id="migrated by version 1"),
    pytest.param("0000", "off", "skipped", None, id="off"),
    pytest.param("", "auto", "fail", "migrations_behind", id="table without a revision"),
]


@pytest.mark.parametrize(("stamped", "policy", "state", "code"), _STEPS)
async def test_the_last_step_of_the_runbook(
    database_with_vector: Database, stamped: str | None, policy: str, state: str, code: str | None
) -> None:
    if stamped is not None:
        database_with_vector.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    if stamped:
        database_with_vector.execute("INSERT INTO alembic_version VALUES (%s)", stamped)

    async with running(database_with_vector.url, migrations=policy) as service:
        answer = await service.database()

    document = answer.json()
    step = document["steps"][-2]
    assert (step["step"], step["state"], step.get("code")) == ("migrated", state, code)
    assert document["migrations"] == {
        "current": stamped or None,
        "head": None if policy == "off" else "pgvector_ready_0001",
    }
    if code:
        record(code, answer)


@pytest.mark.parametrize(("policy", "state"), [("required", "fail"), ("auto", "warn"), ("off", "skipped")])
async def test_a_revision_that_this_role_may_not_read_is_neither_none_nor_well(
    database_with_vector: Database, policy: str, state: str
) -> None:
    """Migrated by an administrator: the table is there, and nobody can tell what stands in it."""
    assert _migrate(database_with_vector.url)[0] == 0

    async with running(database_with_vector.plain_url, migrations=policy) as service:
        answer = await service.database()
        step = answer.json()["steps"][-2]
        database_with_vector.execute(f'GRANT SELECT ON alembic_version TO "{database_with_vector.owner}"')
        await service.until(None)

    assert (step["step"], step["state"]) == ("migrated", state)
    if state != "skipped":
        assert step["code"] == "migrations_permission_denied"
        assert f'GRANT SELECT ON alembic_version TO "{database_with_vector.owner}";' in step["remedy"]
        record("migrations_permission_denied", answer)


async def test_a_database_that_version_1_migrated_has_its_way_over(database_with_vector: Database) -> None:
    """The statement is carried out as it is printed, by the command and by the service."""
    database_with_vector.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    database_with_vector.execute("INSERT INTO alembic_version VALUES ('0001')")

    code, _, err = _migrate(database_with_vector.url)
    async with running(database_with_vector.url, migrations="required") as service:
        step = (await service.database()).json()["steps"][-2]
    statement = err.strip().partition("UPDATE ")
    assert (code, step["code"]) == (1, "migrations_renamed")
    assert "".join(statement[1:]) in step["remedy"]
    database_with_vector.execute("".join(statement[1:]))

    assert _migrate(database_with_vector.url)[0] == 0
    assert _revision(database_with_vector) == [("pgvector_ready_0001",)]
    async with running(database_with_vector.url, migrations="required") as service:
        assert (await service.database()).json()["steps"][-2] == {"step": "migrated", "state": "pass"}
