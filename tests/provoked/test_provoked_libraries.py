"""What a server says that cannot load a library, or whose event trigger refuses: named, and in its own words."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import asyncpg
import psycopg
import pytest

from pgvector_ready.database.said import Said
from pgvector_ready.embedded import wheel
from tests.conftest import Database
from tests.support.faults import door, refuse
from tests.support.postgres import DEBIAN_15, ROOM, PostgresServer, find_binaries
from tests.support.service import running
from tests.support.told import error_in, note_printed


def check(database: Database, *options: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    return call(url or database.url, "check", *options)


def call(url: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables, "DATABASE_URL": url}
    command = [sys.executable, "-m", "pgvector_ready", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    note_printed(done.stdout)
    return done


def alter(database: Database, change: str) -> None:
    database.server.execute(f'ALTER DATABASE "{database.name}" {change}')


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's account may read."""
    path = Path(tempfile.mkdtemp(prefix="pgvr-", dir=ROOM))
    yield path
    shutil.rmtree(path)


def put_library(database: Database, folder: Path, library: Path) -> None:
    """Let the server find this file where it looks for pgvector's library."""
    shutil.copy(library, folder / "vector.so")
    wheel.open_to_all(folder)
    alter(database, f"SET dynamic_library_path = '{folder}:$libdir'")


def own_module(name: str) -> Path:
    """A module of the tests' own server, which is not pgvector."""
    return next(path for path in find_binaries(None).parent.rglob(f"{name}.so"))


def others_module() -> Path:
    """A module for PostgreSQL 15."""
    return find_binaries(DEBIAN_15).parent / "lib" / "tablefunc.so"


def test_a_library_for_another_postgresql_is_named_before_the_extension_is_there(
    database: Database, folder: Path
) -> None:
    put_library(database, folder, others_module())

    done = check(database, "--enable")

    assert done.returncode == 1
    assert (
        "[-] enabled pgvector_library_mismatch: pgvector's library on the server was built for PostgreSQL 15, and "
        in (done.stdout)
    )
    assert "the server is PostgreSQL 18" in done.stdout
    assert "pgvector/pgvector:pg18" in done.stdout
    assert "The server said: incompatible library" in done.stdout
    assert "unknown" not in done.stdout

    alter(database, "RESET dynamic_library_path")
    assert check(database, "--enable").returncode == 0


async def test_a_library_for_another_postgresql_is_named_after_it(database_with_vector: Database, folder: Path) -> None:
    put_library(database_with_vector, folder, others_module())
    async with running(database_with_vector.plain_url) as service:
        words = ("built for PostgreSQL 15", "pgvector/pgvector:pg18")
        answer = await service.database()
        error_in(answer, "pgvector_library_mismatch", "usable", *words, sqlstate="XX000")
        assert "incompatible library" not in answer.text

        alter(database_with_vector, "RESET dynamic_library_path")
        await service.until(None)


async def test_a_library_without_the_functions_of_its_extension_is_older(
    database_with_vector: Database, folder: Path
) -> None:
    put_library(database_with_vector, folder, own_module("hstore"))
    async with running(database_with_vector.plain_url) as service:
        error_in(await service.database(), "pgvector_library_outdated", "usable", "Restart", sqlstate="42883")

        alter(database_with_vector, "RESET dynamic_library_path")
        await service.until(None)


def test_scripts_that_are_newer_than_the_library_are_told(database: Database, folder: Path) -> None:
    """A package half installed: its SQL is there, its library is not."""
    scripts = next(find_binaries(None).parent.rglob("vector.control")).parent
    (folder / "extension").mkdir()
    for file in scripts.glob("vector*"):
        shutil.copy(file, folder / "extension")
    control = (scripts / "vector.control").read_text()
    version = control.partition("default_version = '")[2].partition("'")[0]
    (folder / "extension" / "vector.control").write_text(control.replace(version, "9.9.9"))
    news = "CREATE FUNCTION vector_news() RETURNS int AS 'MODULE_PATHNAME' LANGUAGE C;\n"
    (folder / "extension" / f"vector--{version}--9.9.9.sql").write_text(news)
    wheel.open_to_all(folder)
    alter(database, f"SET extension_control_path = '{folder}'")

    done = check(database, "--enable")

    assert done.returncode == 1
    assert "[-] enabled pgvector_library_outdated: pgvector's library on the server lacks a function" in done.stdout
    assert 'The server said: could not find function "vector_news"' in done.stdout

    alter(database, "RESET extension_control_path")
    assert check(database, "--enable").returncode == 0


async def test_a_control_file_without_its_scripts_is_told(database: Database, folder: Path) -> None:
    scripts = next(find_binaries(None).parent.rglob("vector.control")).parent
    (folder / "extension").mkdir()
    shutil.copy(scripts / "vector.control", folder / "extension")
    wheel.open_to_all(folder)
    alter(database, f"SET extension_control_path = '{folder}'")

    done = check(database, "--enable")
    async with running(database.url) as service:
        answer = await service.until("pgvector_files_incomplete")
        alter(database, "RESET extension_control_path")
        await service.until(None)

    assert done.returncode == 1
    assert "[-] enabled pgvector_files_incomplete: pgvector's files on the server are not all there" in done.stdout
    assert "The server said: extension" in done.stdout
    error_in(
        answer, "pgvector_files_incomplete", "enabled", "leads to version", "Install pgvector whole", sqlstate="22023"
    )


@pytest.mark.parametrize(
    ("is_owner", "code", "words"),
    [
        (True, "pgvector_files_incomplete", ("leads to version",)),
        (False, "pgvector_permission_denied", ("may not update the extension", "ALTER EXTENSION vector UPDATE;")),
    ],
    ids=["no script", "not the owner"],
)
async def test_an_update_that_cannot_be_made_says_why(
    database_with_vector: Database,
    is_owner: bool,  # noqa: FBT001
    code: str,
    words: tuple[str, ...],
) -> None:
    """Of a version that no script leads on from, and older than what is asked for."""
    database = database_with_vector
    database.execute("UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'vector'")
    async with running(database.url if is_owner else database.plain_url, update_pgvector=True) as service:
        answer = await service.until(code)
        database.execute("DROP EXTENSION vector")
        database.execute("CREATE EXTENSION vector")
        await service.until(None)

    error_in(answer, code, "enabled", *words, sqlstate="22023" if is_owner else "42501")


async def test_a_file_that_is_no_library_cannot_be_loaded(database_with_vector: Database, folder: Path) -> None:
    (folder / "junk").write_bytes(b"not found: ask your provider")
    put_library(database_with_vector, folder, folder / "junk")
    async with running(database_with_vector.plain_url) as service:
        error_in(await service.database(), "pgvector_library_missing", "usable", "cannot be loaded", sqlstate="58P01")

        alter(database_with_vector, "RESET dynamic_library_path")
        await service.until(None)


@pytest.mark.parametrize(
    "body",
    [
        "RAISE EXCEPTION 'ask %', 'the console' USING HINT = 'or support'",
        "RAISE insufficient_privilege USING MESSAGE = 'ask the console', HINT = 'or support'",
        "RAISE SQLSTATE '42883' USING MESSAGE = 'ask the console', HINT = 'or support'",
    ],
    ids=["P0001", "42501", "42883"],
)
async def test_a_trigger_that_refuses_the_extension_is_told_in_its_words(database: Database, body: str) -> None:
    plant_trigger(database, "ddl_command_start", body)

    done = check(database, "--enable")

    assert done.returncode == 1
    assert "[-] enabled pgvector_refused: An event trigger of database" in done.stdout
    assert "    The server said: ask the console · or support\n" in done.stdout
    document = check(database, "--enable", "--format", "json")
    assert '"code":"pgvector_refused"' in document.stdout
    assert "ask the console" not in document.stdout
    async with running(database.url) as service:
        answer = await service.until("pgvector_refused")
        assert "ask the console" not in answer.text

        database.execute("DROP EVENT TRIGGER refusal")
        await service.until(None)


def test_what_a_trigger_says_holds_no_secret_and_no_control_character(database: Database) -> None:
    plant_trigger(database, "ddl_command_start", r"RAISE EXCEPTION E'no\x1b[31m for postgres:Geheim-77:' ")
    url = database.url.replace(":secret@", ":Geheim-77@")
    database.server.create_role("keeper", "LOGIN SUPERUSER", password="Geheim-77")  # noqa: S106
    try:
        done = check(database, "--enable", url=url.replace("//postgres:", "//keeper:"))
    finally:
        database.server.execute("DROP ROLE keeper")

    assert "pgvector_refused" in done.stdout
    assert "Geheim-77" not in done.stdout
    assert "\x1b" not in done.stdout
    assert "The server said: no" in done.stdout


def plant_trigger(database: Database, event: str, body: str) -> None:
    database.execute(
        f"CREATE FUNCTION refusal() RETURNS event_trigger LANGUAGE plpgsql AS $body$BEGIN {body}; END$body$"
    )
    tags = "" if event == "login" else "WHEN TAG IN ('CREATE EXTENSION')"
    database.execute(f"CREATE EVENT TRIGGER refusal ON {event} {tags} EXECUTE FUNCTION refusal()")


def test_a_trigger_that_refuses_the_login_is_told_in_its_words(database_with_vector: Database) -> None:
    plant_trigger(database_with_vector, "login", "RAISE EXCEPTION 'not at night'")

    done = check(database_with_vector)

    assert "[-] connected login_not_permitted: An event trigger of database" in done.stdout
    assert "    The server said: not at night\n" in done.stdout


@pytest.mark.parametrize(
    ("setting", "sqlstate"),
    [
        ("session_preload_libraries = 'nosuch'", "58P01"),
        ("local_preload_libraries = 'nosuch'", "58P01"),
        ("local_preload_libraries = '/nowhere/nosuch'", "42501"),
        (f"session_preload_libraries = '{others_module()}'", "XX000"),
    ],
)
@pytest.mark.parametrize("whose", ["DATABASE", "ROLE"])
async def test_a_library_that_a_login_needs_is_told(
    database_with_vector: Database, setting: str, sqlstate: str, whose: str
) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    server.execute(f'ALTER {whose} "{name}" SET {setting}')
    async with running(database_with_vector.plain_url) as service:
        words = (f'ALTER {whose} "{name}" RESET {setting.split(maxsplit=1)[0]};',)
        answer = await service.database()
        error = error_in(answer, "preload_library_failed", "connected", *words, sqlstate=sqlstate)
        assert "nosuch" not in answer.text

        done = check(database_with_vector, url=database_with_vector.plain_url)
        assert "The server said: " in done.stdout
        for statement in statements_in(error["remedy"]):
            server.execute(statement)
        await service.until(None)


def statements_in(remedy: str) -> list[str]:
    return [f"ALTER {part.strip()}" for part in remedy.replace(";", "ALTER ").split("ALTER ") if " RESET " in part]


@pytest.mark.parametrize("sqlstate", ["58000", "08006", "08004"])
async def test_what_only_a_pooler_says_of_a_login_is_its_refusal(server: PostgresServer, sqlstate: str) -> None:
    async with door(server.port, refuse(sqlstate)) as at, running(url_to(server, at.port)) as service:
        answer = await service.database()
        error_in(answer, "pooler_error", "connected", "pgvector-ready check prints its own words", sqlstate=sqlstate)


@pytest.mark.parametrize(
    "words",
    [
        "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size",
        "Max client connections reached",
        "(EMAXCONNSESSION) max clients reached in session mode",
    ],
)
async def test_a_pooler_that_is_full_is_told_by_its_fixed_sentence(server: PostgresServer, words: str) -> None:
    async with door(server.port, refuse("XX000", words)) as at, running(url_to(server, at.port)) as service:
        said = ("as many clients are connected as it takes", "transaction mode")
        error_in(await service.database(), "too_many_connections", "connected", *said, sqlstate="XX000")


def url_to(server: PostgresServer, port: int) -> str:
    return server.connection_string(port=port)


async def test_the_image_is_named_by_what_the_database_has_recorded() -> None:
    with PostgresServer(binaries=DEBIAN_15) as old:
        old.execute("CREATE DATABASE sorted TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
        old.execute("UPDATE pg_database SET datcollversion = '2.36' WHERE datname = 'sorted'")
        async with running(old.connection_string(database="sorted")) as service:
            error_in(await service.database(), "pgvector_not_available", "available", "pgvector:pg15-bookworm")


def test_migrate_tells_what_the_trigger_says_too(database: Database) -> None:
    plant_trigger(database, "ddl_command_start", "RAISE EXCEPTION 'ask the console'")
    history = Path(__file__).parents[2] / "app/migrations"

    done = call(database.url, "migrate", MIGRATIONS_FOLDER=str(history))

    assert done.returncode == 1
    assert "pgvector_refused: An event trigger of database" in done.stderr
    assert "ask the console" in done.stderr


@pytest.mark.parametrize("driver", [asyncpg, psycopg], ids=lambda driver: driver.__name__)
async def test_the_fields_are_read_whatever_the_driver(database: Database, driver: ModuleType) -> None:
    url = database.url
    statement = "DO $$BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'now', HINT = 'later', ERRCODE = 'AB123'; END$$"
    if driver is asyncpg:
        connection = await asyncpg.connect(url)
        with pytest.raises(asyncpg.PostgresError) as raised:
            await connection.execute(statement)
        await connection.close()
        error: Exception = raised.value
    else:
        with psycopg.connect(url) as session, pytest.raises(psycopg.Error) as refused:
            session.execute(statement)
        error = refused.value
    wrapped = RuntimeError("of an application")
    wrapped.__cause__ = error

    said = Said(wrapped)

    assert (said.sqlstate, said.routine, said.words) == ("AB123", "exec_stmt_raise", "no · now · later")
    assert not Said(RuntimeError("of nobody")).words
