"""Which database a command means: as its users call it, and as a table of environments."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgvector_ready.commands.choice import Source, choose
from pgvector_ready.embedded import Place, embedded_database, wheel
from pgvector_ready.embedded.cluster import server_processes
from pgvector_ready.judgement.failures import Code
from pgvector_ready.settings import ConfigurationError, Settings
from pgvector_ready.surroundings import CI_VARIABLES, PLATFORM_VARIABLES
from tests.conftest import Database
from tests.support.command import run
from tests.support.postgres import ROOM, wait_until
from tests.support.service import ServiceProcess

SECRET = "postgresql://app:secret@db.example.net:6543/shop"  # noqa: S105 - an example
# For `migrate`, which does nothing without one.
HISTORY = {"MIGRATIONS_FOLDER": str(Path(__file__).parents[3] / "app" / "migrations")}


def call(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call `pgvector-ready` in this folder, on a machine that says no more than these variables."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    environment = {**kept, **HISTORY, "EMBEDDED_DATA_FOLDER": str(folder / "none"), **variables}
    return run(*arguments, environment=environment, folder=folder)


def settings(url: str | None = None) -> Settings:
    return Settings.model_construct(database_url=None).with_database(url) if url else Settings.model_construct()


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / ".env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


# The order


def test_the_environment_comes_first(tmp_path: Path) -> None:
    write(tmp_path, f"DATABASE_URL={SECRET}\n")

    choice = choose(settings("postgresql://app@other.example.net/app"), {}, tmp_path)

    assert choice.source is Source.ENVIRONMENT
    assert choice.line == (
        "DATABASE_URL of the environment: other.example.net port 5432, database app, user app (other)"
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"DATABASE_URL={SECRET}\n", id="plain"),
        pytest.param(f"export DATABASE_URL='{SECRET}'  # staging\r\n", id="as a shell reads it"),
        pytest.param(b"\xef\xbb\xbf" + f'DATABASE_URL="{SECRET}"'.encode(), id="as Windows writes it"),
        pytest.param("HOST=db.example.net\nDATABASE_URL=postgresql://app:secret@${HOST}:6543/shop\n", id="composed"),
        pytest.param(f"# DATABASE_URL=postgresql://no\nnonsense line\nDATABASE_URL={SECRET}\n", id="with other lines"),
    ],
)
def test_then_the_file_of_the_working_directory(tmp_path: Path, text: str | bytes) -> None:
    file = write(tmp_path, text)

    choice = choose(settings(), {"POSTGRES_URL": SECRET}, tmp_path)

    assert (choice.source, choice.settings.connection_string.target.database) == (Source.FILE, "shop")
    assert choice.line == f"DATABASE_URL in {file}: db.example.net port 6543, database shop, user app (other)"


@pytest.mark.parametrize("text", ["", "DATABASE_URL=\n", "DATABASE_URL\n", "OTHER=x\n"])
def test_a_file_without_it_is_as_none(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)

    assert choose(settings(), {}, tmp_path).source is Source.EMBEDDED
    assert choose(settings(), {}, None).source is Source.EMBEDDED


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f"database_url={SECRET}\n", "database_url (.env)"),
        (f"POSTGRES_URL='{SECRET}'\nDATABASE_URL=\n", "POSTGRES_URL (.env)"),
        (f"export MY_DB={SECRET}\nPGHOST=db.example.net\n", "MY_DB (.env), PGHOST (.env)"),
    ],
)
def test_a_database_that_the_file_calls_otherwise_is_named_and_not_guessed(
    tmp_path: Path, text: str, named: str
) -> None:
    write(tmp_path, text)

    with pytest.raises(ConfigurationError) as refused:
        choose(settings(), {}, tmp_path)

    assert f"and {named} cannot stand in for it" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("variable", [*PLATFORM_VARIABLES, *CI_VARIABLES])
def test_on_a_platform_and_in_ci_nothing_stands_in_for_it(tmp_path: Path, variable: str) -> None:
    write(tmp_path, f"DATABASE_URL={SECRET}\n")

    with pytest.raises(ConfigurationError, match="DATABASE_URL is not set") as caught:
        choose(settings(), {variable: "true"}, tmp_path)

    assert caught.value.failure is not None
    assert caught.value.failure.code is Code.DATABASE_URL_MISSING
    assert ("CI" in str(caught.value)) == (variable in CI_VARIABLES)


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_ci_may_be_said_not_to_be(value: str) -> None:
    assert choose(settings(), {"CI": value}).source is Source.EMBEDDED


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        pytest.param({"DATABASE_PUBLIC_URL": SECRET}, "DATABASE_PUBLIC_URL", id="Railway's"),
        pytest.param({"POSTGRES_URL": "secret"}, "POSTGRES_URL", id="Vercel's"),
        pytest.param({"PGHOST": "h", "PGPASSWORD": "secret"}, "PGHOST, PGPASSWORD", id="psql's"),
        pytest.param({"PGSERVICE": "secret"}, "PGSERVICE", id="a service of psql's"),
        pytest.param({"SQLALCHEMY_DATABASE_URI": f"{SECRET}"}, "SQLALCHEMY_DATABASE_URI", id="any with such a value"),
        pytest.param({"TEST_DB": SECRET.replace("postgresql", "postgres+asyncpg")}, "TEST_DB", id="with a driver"),
        pytest.param({f"DB{n}": SECRET for n in range(9)}, "DB0, DB1, DB2, DB3, DB4, …", id="many"),
    ],
)
def test_a_database_that_goes_by_another_name_is_named_and_not_guessed(variables: dict[str, str], names: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(settings(), variables)

    assert f"DATABASE_URL is not set, and {names} " in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [{"PGHOST": ""}, {"PGTZ": "UTC", "PGAPPNAME": "x", "PGSSLMODE": "prefer", "PGDATA": "/x"}, {"HOME": "/"}],
)
def test_other_variables_of_psql_name_no_database(variables: dict[str, str]) -> None:
    assert choose(settings(), variables).source is Source.EMBEDDED


# As a command


def test_of_the_file_nothing_else_is_read(tmp_path: Path, database_with_vector: Database) -> None:
    file = write(tmp_path, f"DATABASE_URL={database_with_vector.url}\nEXPECTED_DATABASE_NAME=other\nHEALTH_TOKEN=x\n")

    answer = call(tmp_path, "check")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith(f"DATABASE_URL in {file}: 127.0.0.1 port {database_with_vector.server.port}, ")
    assert "[ ] expected: not asked for" in answer.stdout


def test_json_is_one_document_and_standard_error_names_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, f"DATABASE_URL={SECRET}\n")

    answer = call(tmp_path, "check", "--offline", "--format", "json")

    assert json.loads(answer.stdout)["target"]["database"] == "shop"
    assert answer.stderr.startswith(f"DATABASE_URL in {file}: db.example.net port 6543")
    assert "secret" not in answer.stdout + answer.stderr


@pytest.mark.parametrize("variable", ["CI", "RENDER"])
def test_an_empty_secret_is_never_a_green_check(tmp_path: Path, data: Path, variable: str) -> None:
    write(tmp_path, f"DATABASE_URL={SECRET}\n")
    variables = {variable: "true", "DATABASE_URL": "", "EMBEDDED_DATA_FOLDER": str(data)}

    answers = [call(tmp_path, *command, **variables) for command in (("check",), ("migrate",), ("serve",), ())]

    assert [answer.returncode for answer in answers] == [2, 2, 2, 2]
    assert all("database_url_missing" in answer.stdout + answer.stderr for answer in answers)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"DATABASE_URL=postgresql://h/caf\xe9\n", "(it is not text in UTF-8)", id="not UTF-8"),
        pytest.param(b"DATABASE_URL=mysql://a:secret@h/d\n", "database_url_invalid", id="no PostgreSQL"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    file = write(tmp_path, content)

    answer = call(tmp_path, "check")

    said = answer.stdout + answer.stderr
    assert answer.returncode == 2
    assert str(file) in said
    assert says in said
    assert "secret" not in said
    assert "Traceback" not in said


def test_serve_reads_no_file(tmp_path: Path) -> None:
    write(tmp_path, f"DATABASE_URL={SECRET}\n")

    answer = call(tmp_path, "serve", PORT="0", PGHOST="h")

    assert answer.returncode == 2
    assert "DATABASE_URL is not set, and PGHOST " in answer.stderr


# Before a public database is changed that only a file names

CHANGES = [("check", "--enable"), ("migrate",)]


@pytest.mark.parametrize("command", CHANGES, ids=" ".join)
def test_nobody_there_to_be_asked_is_exit_code_two(tmp_path: Path, command: tuple[str, ...]) -> None:
    file = write(tmp_path, f"DATABASE_URL={SECRET}\n")

    answer = call(tmp_path, *command)

    assert answer.returncode == 2
    assert f" in db.example.net port 6543, database shop, user app (other), named by {file}: nobody" in answer.stderr
    assert "Add --yes, or set DATABASE_URL in the environment." in answer.stderr


@pytest.mark.parametrize(("typed", "code"), [("n", 2), ("y", 1)])
@pytest.mark.parametrize("command", CHANGES, ids=" ".join)
def test_on_a_terminal_it_is_asked(tmp_path: Path, command: tuple[str, ...], typed: str, code: int) -> None:
    """With `y` it goes on, and finds no such host."""
    write(tmp_path, f"DATABASE_URL={SECRET.replace('example.net', 'nonexistent.invalid.test.example')}\n")
    leader, follower = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", **HISTORY}
    with subprocess.Popen(
        [sys.executable, "-m", "pgvector_ready", *command],
        cwd=tmp_path,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as process:
        os.close(follower)
        shown = b""
        while b"?" not in shown:
            shown += os.read(leader, 65_536)
        os.write(leader, f"{typed}\n".encode())
        try:
            while chunk := os.read(leader, 65_536):
                shown += chunk
        except OSError:  # how Linux says that the other side has closed
            pass
    os.close(leader)

    assert process.returncode == code, shown
    assert b"Traceback" not in shown
    assert (b"Nothing was changed." in shown) == (typed == "n")


@pytest.mark.parametrize("command", [("check", "--enable"), ("check",)], ids=" ".join)
def test_what_is_not_public_or_not_changed_is_not_asked_for(
    tmp_path: Path, database_with_vector: Database, command: tuple[str, ...]
) -> None:
    write(tmp_path, f"DATABASE_URL={database_with_vector.url}\n")

    assert call(tmp_path, *command).returncode == 0


# The embedded server


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A folder with the data of an embedded server, in a place that its account can enter."""
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir=ROOM) as folder:  # pytest's own is closed to its account
        made = Path(folder)
        made.chmod(0o755)
        with embedded_database(made):
            pass
        yield made


def test_a_command_makes_no_database(tmp_path: Path) -> None:
    answer = call(tmp_path, "check", "--format", "json")

    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["code"]) == (2, "database_url_missing")
    assert str(tmp_path / "none") in error["message"]
    assert not (tmp_path / "none").exists()


def test_a_command_starts_the_server_that_is_there_and_psql_finds_it_while_it_serves(
    tmp_path: Path, data: Path
) -> None:
    alone = call(tmp_path, "check", "--enable", EMBEDDED_DATA_FOLDER=str(data))
    with ServiceProcess(log=tmp_path / "log", EMBEDDED_DATA_FOLDER=str(data)) as service:
        service.wait_for(200)
        beside = call(tmp_path, "check", EMBEDDED_DATA_FOLDER=str(data))
        line = beside.stdout.splitlines()[0]
        programs = wheel.find_programs()
        assert programs is not None
        shown = subprocess.run(
            [programs / "psql", *shlex.split(line.partition(": psql ")[2]), "-Atc", "SELECT current_user"],
            capture_output=True,
            text=True,
            check=False,
        )
        started = next(event for event in service.events() if event["event"] == "embedded_server_started")

    assert (alone.returncode, beside.returncode) == (0, 0), alone.stdout + beside.stdout
    assert line == f"embedded server in {data}: psql -h {Place.at(data).sockets} -p 5432 -U app app"
    assert alone.stdout.splitlines()[0] == line
    assert shown.stdout == "app\n", shown.stderr
    assert started["psql"] == line.partition(": ")[2]


def test_serve_brings_its_own_database_to_head_and_plain_alembic_finds_it(tmp_path: Path, data: Path) -> None:
    with ServiceProcess(log=tmp_path / "log", EMBEDDED_DATA_FOLDER=str(data)) as service:
        document = service.wait_for(200, "/api/v1/health/db").json()
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "EMBEDDED_DATA_FOLDER": str(data)}
    command = [sys.executable, "-m", "alembic", "current"]
    shown = subprocess.run(
        command, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True, check=False
    )

    revision = "pgvector_ready_0001"
    assert document["migrations"] == {"current": revision, "head": revision}
    assert (shown.returncode, shown.stdout) == (0, f"{revision} (head)\n"), shown.stderr


def test_offline_no_server_is_started(tmp_path: Path, data: Path) -> None:
    wait_until(lambda: not list(server_processes(data / "postgresql-18")))
    before = (data / "postgresql-18.log").stat().st_size

    answer = call(tmp_path, "check", "--offline", EMBEDDED_DATA_FOLDER=str(data))

    assert answer.returncode == 0
    assert re.search(r"embedded\)", answer.stdout)
    assert (data / "postgresql-18.log").stat().st_size == before
