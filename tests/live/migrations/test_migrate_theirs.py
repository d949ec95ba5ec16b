"""`migrate` with the histories of other teams, on a real server: theirs are run, and nothing else is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgvector_ready.documents.wording import wording
from pgvector_ready.judgement.failures import Code
from pgvector_ready.migrations.history import find_history
from pgvector_ready.migrations.upgrade import MigrationError, upgrade
from pgvector_ready.observation.statements import LOCK
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.support.command import run
from tests.support.histories import ASYNC_ENV, write_history
from tests.support.pooler import PgBouncer
from tests.support.postgres import PASSWORD, wait_until
from tests.support.told import provoked

_TABLE = "op.execute('CREATE TABLE {} (id int)')"
_TWO = {"001": _TABLE.format("first"), "0001": _TABLE.format("second")}
_HANG = "op.execute('SELECT pg_sleep(600)')"


def _environment(url: str, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    return {**kept, "DATABASE_URL": url, **variables}


def _start(url: str, place: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    program = (sys.executable, "-m", "pgvector_ready", "migrate")
    return subprocess.Popen(program, cwd=place, env=_environment(url), stdout=pipe, stderr=pipe, text=True)


def _run(url: str, place: Path, *command: str, **variables: str) -> tuple[int, str, str]:
    done = run(*(command or ("migrate",)), environment=_environment(url, **variables), folder=place)
    assert PASSWORD not in done.stdout.replace("_secret_", "") + done.stderr, done
    assert "Traceback" not in done.stderr, done
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a team works, with the alembic.ini that `alembic init` makes."""
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/history\nprepend_sys_path = .\n")
    return tmp_path


def _tables(database: Database) -> set[str]:
    rows = database.execute(
        "SELECT CASE WHEN nspname = 'public' THEN relname ELSE nspname || '.' || relname END FROM pg_class AS c "
        "JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname !~ '^(pg_|information_schema)'"
    )
    return {name for (name,) in rows}


_SHAPES = {
    "a synchronous engine": ({}, "alembic_version"),
    "an asynchronous one, and asyncio.run": ({"env": ASYNC_ENV}, "alembic_version"),
    "a table of its own": ({"arguments": ", version_table='history'"}, "history"),
    "a schema of its own": (
        {"before": "SCHEMA = 'app'", "arguments": ", version_table_schema=SCHEMA, include_schemas=True"},
        "app.alembic_version",
    ),
    "a schema that only running it tells": (
        {"before": "settings = dict(schema='app')", "arguments": ", version_table_schema=settings['schema']"},
        "app.alembic_version",
    ),
    "a transaction for each": ({"arguments": ", transaction_per_migration=True"}, "alembic_version"),
}


@pytest.mark.parametrize(("shape", "table"), _SHAPES.values(), ids=_SHAPES)
def test_a_history_is_run_by_its_own_env(database: Database, place: Path, shape: dict[str, str], table: str) -> None:
    database.execute("CREATE SCHEMA app")
    write_history(place / "history", _TWO, **shape)

    first = _run(database.url, place)
    second = _run(database.url, place)

    assert first[0] == second[0] == 0, (first, second)
    where = "Alembic folder history, named by alembic.ini"
    assert first[1].splitlines()[1:] == [where, "from none to 0001"]
    assert second[1].splitlines()[1:] == [where, "at 0001 already"]
    assert _tables(database) == {table, "first", "second"}
    is_told = "a schema that only" in os.environ.get("PYTEST_CURRENT_TEST", "")
    told = {"MIGRATIONS_TABLE": "app.alembic_version"} if is_told else {}
    checked = _run(database.url, place, "check", "--enable", MIGRATIONS="required", **told)
    assert checked[0] == 0, checked
    assert "[+] migrated" in checked[1] or "✓ migrated" in checked[1]
    if is_told:
        assert "set MIGRATIONS_TABLE to it" in first[2]
        assert "Set MIGRATIONS_TABLE" in _run(database.url, place, "check", MIGRATIONS="required")[2]


def test_without_a_folder_nothing_is_run_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    write_history(tmp_path / "alembic", _TWO)
    write_history(tmp_path / "app" / "migrations", _TWO)

    code, out, err = _run(database.url, tmp_path)

    assert (code, out) == (2, "")
    assert err.startswith("pgvector-ready: Nothing was migrated, since no Alembic history was given: ")
    assert len(err.splitlines()) == 1
    assert _tables(database) == set()


def test_off_does_nothing_whatever_there_is(database: Database, place: Path) -> None:
    write_history(place / "history", {"001": "1 / 0"})

    code, out, err = _run(database.url, place, MIGRATIONS="off")

    assert (code, out, err) == (0, "MIGRATIONS=off: nothing is migrated\n", "")


def test_a_revision_that_no_file_has_is_told_and_nothing_is_run(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO, before="1 / 0")
    database.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    database.execute("INSERT INTO alembic_version VALUES ('0007')")

    code, _, err = _run(database.url, place)

    assert code == 1
    assert err.startswith("migrations_unknown: The database is at revision 0007, ")
    assert _tables(database) == {"alembic_version"}


_BROKEN = {
    "a parent that is not there": ("revision = 'x'\ndown_revision = '0007'\n", ["x.py", "'0007'"]),
    "an identifier that is there twice": (
        "revision = '001'\ndown_revision = None\n",
        ["001_of_theirs.py and ", "x.py have the same revision '001'"],
    ),
}


@pytest.mark.parametrize("command", [("migrate",), ("check",), ("check", "--offline"), ("serve",)], ids=" ".join)
@pytest.mark.parametrize(("text", "words"), _BROKEN.values(), ids=_BROKEN)
def test_a_history_that_does_not_fit_together_is_one_line(
    database: Database, place: Path, command: tuple[str, ...], text: str, words: list[str]
) -> None:
    write_history(place / "history", _TWO, before="1 / 0")
    (place / "history" / "versions" / "x.py").write_text(text)

    code, out, err = _run(database.url, place, *command, PORT="0")

    assert code == 2
    assert len(out.splitlines()) <= (command[0] == "check"), out  # which says first where it looks
    assert len(err.splitlines()) == 1, err
    assert all(word in err for word in words), err
    assert _tables(database) == set()


def test_a_revision_that_fails_is_named_with_its_line_and_the_server_s_words(database: Database, place: Path) -> None:
    write_history(
        place / "history", {"001": _TABLE.format("first"), "002": "op.execute('ALTER TABLE nosuch ADD x int')"}
    )

    code, _, err = _run(database.url, place)
    provoked.append(("migrations_failed", 1.0))
    after_failure = _tables(database)
    write_history(
        place / "history", {"001": _TABLE.format("first"), "002": "op.execute('ALTER TABLE first ADD x int')"}
    )
    mended = _run(database.url, place)

    assert code == 1
    first, *details = err.splitlines()
    assert first.startswith("migrations_failed: A migration failed; the database has no revision. → ")
    assert f"  {place}/history/versions/002_of_theirs.py line 8" in details
    assert any('relation "nosuch" does not exist' in line for line in details)
    assert after_failure == set()
    assert mended[0] == 0


_FAILING_ENVS = {
    "raises": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "reads what nobody types": ("input('Really? ')", "EOFError: EOF when reading a line"),
    "leaves": ("raise SystemExit('not today')", "SystemExit: not today"),
    "is gone": ("os._exit(7)", "the process of env.py ended by itself, with exit code 7"),
    "is killed": ("os.kill(os.getpid(), 9)", "the process of env.py ended by itself, with signal 9"),
}


@pytest.mark.parametrize(("before", "words"), _FAILING_ENVS.values(), ids=_FAILING_ENVS)
def test_an_env_that_does_not_come_to_its_end(database: Database, place: Path, before: str, words: str) -> None:
    write_history(place / "history", _TWO, before=before)

    code, _, err = _run(database.url, place)

    assert code == 1
    assert "migrations_failed: " in err
    assert f"  {words}" in err.splitlines(), err


def test_an_env_that_connects_elsewhere_changes_nothing_there(database: Database, place: Path, other: Database) -> None:
    url = database.server.connection_string(database=other.name)
    write_history(place / "history", _TWO, before=f"os.environ['DATABASE_URL'] = {url!r}")

    code, _, err = _run(database.url, place)
    provoked.append(("migrations_elsewhere", 1.0))

    assert code == 1
    assert err.startswith("migrations_elsewhere: ")
    assert f"  env.py connected to database {other.name} on 127.0.0.1; nothing was changed there" in err.splitlines()
    assert (_tables(database), _tables(other)) == (set(), set())


def test_an_env_that_migrates_nothing_is_not_believed(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO, env="pass")

    code, _, err = _run(database.url, place)

    assert code == 1
    assert err.startswith("migrations_elsewhere: ")


def test_another_kind_of_database_is_elsewhere(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO, before="os.environ['DATABASE_URL'] = 'sqlite://'")

    code, _, err = _run(database.url, place)

    assert code == 1
    assert err.startswith("migrations_elsewhere: ")


@pytest.fixture
def other(database: Database) -> Iterator[Database]:
    """A second database on the same server."""
    name = f"{database.name}_other"
    database.server.create_database(name)
    yield Database(database.server, name, database.server.connection_string(database=name), "postgres", "")
    database.server.drop_database(name)


def test_what_is_not_installed_here_is_said_with_the_way_out(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO, before="import a_backend_s_models")

    code, _, err = _run(database.url, place)

    assert code == 2
    assert "there is no module 'a_backend_s_models'" in err
    assert "alembic upgrade head" in err


def test_without_alembic_it_is_said_with_the_way_out(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO)
    script = (
        "import sys, importlib.machinery as m; find = m.PathFinder.find_spec;"
        "m.PathFinder.find_spec = lambda name, *more: None if name == 'alembic' else find(name, *more);"
        "from pgvector_ready.__main__ import main; sys.argv = ['pgvector-ready', 'migrate']; main()"
    )
    environment = {**os.environ, "DATABASE_URL": database.url}

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("pgvector-ready: Alembic is not installed here: ")


def test_what_it_writes_is_passed_on_redacted_printable_and_bounded(database: Database, place: Path) -> None:
    before = (
        "import sys; print(os.environ['DATABASE_URL'], 'Hinweis: ü'); print('\\x1b[2Jgone'); "
        "sys.stderr.write('x' * 10_000_000 + '\\n'); sys.stdout.write('line\\n' * 20_000); "
        "sys.stdout.buffer.write(b'\\xff last')"
    )
    write_history(place / "history", _TWO, before=before)

    code, out, err = _run(database.url, place)

    lines = err.splitlines()
    assert code == 0, err[:2000]
    assert "from none to 0001" in out
    assert lines[0].endswith("Hinweis: ü")
    assert "***" in lines[0]
    assert lines[1] == r"\x1b[2Jgone"
    assert len(lines[2]) <= 1000
    assert len(err) < 100_000
    assert lines[-1].endswith("more lines")


def test_a_percent_sign_in_its_path_and_in_the_password(database: Database, tmp_path: Path) -> None:
    folder = write_history(tmp_path / "100% ours", _TWO)
    password = "%s%(here)s%%25@/"  # noqa: S105 - what breaks configparser and URLs
    database.execute(f"CREATE ROLE theirs LOGIN SUPERUSER PASSWORD '{password}'")
    try:
        url = database.server.connection_string("theirs", database.name, password=password)

        code, out, err = _run(url, tmp_path, MIGRATIONS_FOLDER=str(folder))
    finally:
        database.execute("REASSIGN OWNED BY theirs TO postgres; DROP OWNED BY theirs; DROP ROLE theirs")

    assert (code, err) == (0, ""), err
    assert out.endswith("from none to 0001\n")


def test_a_history_that_cannot_be_judged_is_run_all_the_same(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO)
    (place / "history" / "versions" / "x.py").write_text(
        "revision = str('x')\ndown_revision = '0001'\ndef upgrade(): pass\n"
    )

    code, out, err = _run(database.url, place)

    assert (code, err) == (0, "")
    assert out.endswith("from none to x\n")


_INDEX = """\
    with op.get_context().autocommit_block():
        op.execute('CREATE INDEX CONCURRENTLY found ON first (id)')"""


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_an_index_is_built_concurrently_while_another_one_waits(
    database: Database, place: Path, isolation: str
) -> None:
    """Neither the session that holds the lock nor the one that waits for it may keep the build waiting."""
    database.execute(f"ALTER DATABASE \"{database.name}\" SET default_transaction_isolation = '{isolation}'")
    write_history(
        place / "history", {"001": _TABLE.format("first"), "002": _INDEX}, before="import time; time.sleep(1)"
    )

    several = [_start(database.url, place) for _ in range(3)]
    outcomes = [(process.communicate(timeout=100), process.returncode) for process in several]

    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    assert sorted(out.splitlines()[-1] for (out, _), _ in outcomes) == ["at 002 already"] * 2 + ["from none to 002"]
    assert database.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'found'::regclass") == [(True,)]


def _holder(database: Database) -> tuple[object, ...]:
    """The session that holds the advisory lock: its snapshot and its transaction's number."""
    rows = database.execute(
        "SELECT state, backend_xmin, backend_xid FROM pg_stat_activity WHERE datname = %s AND pid IN "
        "(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)",
        database.name,
    )
    return rows[0] if rows else ()


@contextmanager
def _hanging(url: str, database: Database, place: Path) -> Iterator[subprocess.Popen[str]]:
    """A migration that hangs in the server, for the length of a block."""
    write_history(place / "history", {"001": _HANG})
    process = _start(url, place)
    try:
        wait_until(lambda: _sleepers(database))
        yield process
    finally:
        process.kill()
        process.communicate()
        wait_until(lambda: not _sleepers(database))


def _sleepers(database: Database) -> list[tuple[object, ...]]:
    statement = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND query = 'SELECT pg_sleep(600)'"
    return database.execute(statement, database.name)


def _children(process: subprocess.Popen[str]) -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in found.split()]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_while_it_runs_the_lock_holds_no_snapshot_and_no_password_is_on_a_command_line(
    database: Database, place: Path
) -> None:
    with _hanging(database.url, database, place) as process:
        holder = _holder(database)
        (child,) = _children(process)
        command = Path(f"/proc/{child}/cmdline").read_text()

    assert holder == ("idle in transaction", None, None)
    assert PASSWORD not in command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_signal_ends_the_child_and_the_lock(database: Database, place: Path, number: signal.Signals) -> None:
    with _hanging(database.url, database, place) as process:
        children = _children(process)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        wait_until(lambda: not any(map(_is_alive, children)))
        wait_until(lambda: not _holder(database))
        wait_until(lambda: not _sleepers(database))

    write_history(place / "history", _TWO)
    (place / "history" / "versions" / "001_of_theirs.py").write_text(
        "revision = '001'\ndown_revision = None\ndef upgrade(): pass\n"
    )
    assert process.returncode == (130 if number is signal.SIGINT else -number), err
    assert "Traceback" not in err
    assert _run(database.url, place)[0] == 0


async def test_who_waits_too_long_for_the_lock_is_told_who_has_it(
    database: Database, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    write_history(place / "history", _TWO)
    settings = load(database_url=database.url)
    history = find_history(settings)
    assert history is not None

    with database.server.connect(database.name) as holder, holder.transaction():
        holder.execute(LOCK)
        with pytest.raises(MigrationError) as caught:
            await upgrade(settings, history, print, lock_timeout_seconds=0.5)

    assert caught.value.failure.code is Code.PGVECTOR_LOCK_TIMEOUT
    assert "pgvector-ready migrate again" in wording(caught.value.failure).remedy


async def test_a_server_that_freezes_while_it_is_asked_is_named(
    database: Database, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    write_history(place / "history", _TWO)
    settings = load(database_url=database.url)
    history = find_history(settings)
    assert history is not None
    database.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")

    with database.server.connect(database.name) as holder, holder.transaction():
        holder.execute("LOCK TABLE alembic_version")
        with pytest.raises(MigrationError) as caught:
            await upgrade(settings, history, print, ask_timeout_seconds=0.5)

    assert caught.value.failure.code is Code.QUERY_TIMEOUT


def test_a_server_that_is_short_of_patience_with_idle_transactions_keeps_the_lock(
    database: Database, place: Path
) -> None:
    for setting in ("idle_in_transaction_session_timeout", "transaction_timeout"):
        database.execute(f"ALTER DATABASE \"{database.name}\" SET {setting} = '500ms'")
    write_history(place / "history", _TWO, before="import time; time.sleep(3)")

    several = [_start(database.url, place) for _ in range(2)]
    outcomes = [(process.communicate(timeout=100), process.returncode) for process in several]

    assert [code for _, code in outcomes] == [0, 0], outcomes


@pytest.mark.parametrize("is_early", [True, False], ids=["before env.py connects", "while it migrates"])
def test_a_lock_that_is_lost_meanwhile_is_told(database: Database, place: Path, is_early: bool) -> None:  # noqa: FBT001
    pause = "import time; time.sleep(3)"
    write_history(place / "history", {"001": "pass" if is_early else pause}, before=pause if is_early else "")
    marked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    with _start(database.url, place) as process:
        wait_until(lambda: database.execute(marked) == [(2,)])  # the lock, and the number by which it is recognised
        if not is_early:
            wait_until(lambda: database.execute("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock'"))
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")

        out, err = process.communicate()

    if is_early:
        assert (process.returncode, err.partition(":")[0]) == (1, "connection_lost"), err
    else:
        assert (process.returncode, out.splitlines()[-1]) == (0, "from none to 001"), err
        assert "another migration may have run beside this one" in err


def test_behind_a_pooler_in_transaction_mode(database: Database, place: Path) -> None:
    write_history(place / "history", _TWO)
    with PgBouncer(database.server, default_pool_size="4") as pooler:
        url = pooler.connection_string(database.name)

        several = [_start(url, place) for _ in range(2)]
        outcomes = [(process.communicate(timeout=100), process.returncode) for process in several]

    assert [code for _, code in outcomes] == [0, 0], outcomes
    wait_until(lambda: not _holder(database))
