"""No secret leaves by any exit: every way out is driven with nasty passwords, and searched for what they consist of."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy import text

from pgvector_ready.database import Database as Connecting
from pgvector_ready.database import create_engine
from pgvector_ready.service import create_app
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.support.command import run
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH, service_process

_SEED = random.SystemRandom().randrange(2**32)
_NASTY = "@/#?%:&=+ '\"\\$`{}[]<>;|,!éß漢\t"
_WORD = "Kz7Qx"  # a piece of every secret, so that one search finds whatever is left of any of them


def _secret(chance: random.Random) -> str:
    return _WORD + "".join(chance.choices(_NASTY + "abcXYZ019", k=16)) + _WORD


@dataclass(frozen=True, slots=True)
class Secrets:
    """A database whose connection string is full of them."""

    database: Database
    role: str
    password: str
    token: str

    def url(self, *, password: str | None = None, name: str | None = None, port: int | None = None) -> str:
        words = {"application_name": f"{_WORD}-app", "options": f"-c search_path={_WORD},public"}
        return self.database.server.connection_string(
            self.role, name or self.database.name, password=password or self.password, port=port, **words
        )


@pytest.fixture
def secrets(request: pytest.FixtureRequest, database: Database) -> Iterator[Secrets]:
    """Another one for each case."""
    chance = random.Random(f"{_SEED} {request.node.name}")  # noqa: S311 - a test's own chance, printed when it fails
    print(f"seed {_SEED}")  # noqa: T201
    password, token = _secret(chance), _WORD + "".join(chance.choices("abcXYZ019._~+/-", k=16))
    role = "leaky"
    quoted = password.replace("'", "''").replace("\\", "\\\\")
    database.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD E'{quoted}'")
    yield Secrets(database, role, password, token)
    database.execute(f"REASSIGN OWNED BY {role} TO postgres")
    database.execute(f"DROP ROLE {role}")


def _assert_clean(said: str, secrets: Secrets) -> None:
    for piece in (_WORD, secrets.password, quote(secrets.password, safe=""), repr(secrets.password)[1:-1]):
        assert piece not in said, f"seed {_SEED}: {said}"


def _command(secrets: Secrets, *arguments: str, url: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = kept | {"DATABASE_URL": url, "HEALTH_TOKEN": secrets.token, "LOG_LEVEL": "debug"}
    done = run(*arguments, environment=environment)
    assert done.stdout + done.stderr
    return done.stdout + done.stderr


def _broken(secrets: Secrets) -> dict[str, str]:
    closed = 1
    return {
        "right": secrets.url(),
        "wrong password": secrets.url(password=secrets.password[::-1] + _WORD),
        "no such database": secrets.url(name="nowhere"),
        "nobody listens": secrets.url(port=closed),
        "unencoded": f"postgresql://{secrets.role}:{secrets.password}@127.0.0.1/{secrets.database.name}",
        "unknown word": f"{secrets.url()}&{_WORD}=1",
    }


@pytest.mark.parametrize(
    "what", ["right", "wrong password", "no such database", "nobody listens", "unencoded", "unknown word"]
)
def test_the_command_line_leaks_nothing(secrets: Secrets, what: str) -> None:
    url = _broken(secrets)[what]

    said = [
        _command(secrets, "check", url=url),
        _command(secrets, "check", "--format", "json", url=url),
        _command(secrets, "check", "--offline", url=url),
        _command(secrets, "migrate", url=url),
    ]

    for one in said:
        _assert_clean(one, secrets)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "{url}"),
        ("check", "--offline", "{url}"),
        ("check", "--format", "{url}"),
        ("check", "--database-url={url}"),
        ("check", "host=127.0.0.1 user=app password={password}"),
        ("migrate", "{url}"),
        ("serve", "{url}"),
        ("{url}",),
        ("DATABASE_URL={url}",),
        ("verify", "{url}"),
        ("verify", "http://127.0.0.1:1", "--differs-from", "{url}"),
        ("switch", "--service", "{url}"),
    ],
    ids=" ".join,
)
def test_a_connection_string_on_the_command_line_is_refused_and_not_repeated(
    secrets: Secrets, arguments: tuple[str, ...]
) -> None:
    given = [argument.format(url=secrets.url(), password=secrets.password) for argument in arguments]

    said = _command(secrets, *given, url=secrets.url())

    assert "does not belong on the command line" in said
    _assert_clean(said, secrets)


@pytest.mark.parametrize("arguments", [("current",), ("check",), ("upgrade", "head", "--sql")], ids=" ".join)
@pytest.mark.parametrize("what", ["right", "wrong password", "nobody listens", "unencoded"])
def test_alembic_leaks_nothing(secrets: Secrets, arguments: tuple[str, ...], what: str) -> None:
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": _broken(secrets)[what]}
    command = [sys.executable, "-m", "alembic", *arguments]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    _assert_clean(done.stdout + done.stderr, secrets)


async def test_an_engine_that_echoes_shows_nothing(secrets: Secrets, caplog: pytest.LogCaptureFixture) -> None:
    engine = create_engine(Connecting(load(database_url=secrets.url()).connection_string, 2.0))
    caplog.set_level("DEBUG")
    engine.echo = engine.sync_engine.pool.echo = "debug"

    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    await engine.dispose()

    assert "SELECT 1" in caplog.text
    _assert_clean(f"{caplog.text} {engine!r} {engine.url!r}", secrets)


@pytest.mark.parametrize("what", ["right", "wrong password", "no such database", "nobody listens"])
def test_the_service_leaks_nothing(secrets: Secrets, what: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    url = _broken(secrets)[what]

    with service_process(log, DATABASE_URL=url, LOG_LEVEL="debug", HEALTH_TOKEN=secrets.token) as service:
        service.wait_for(200 if what == "right" else 503, DATABASE)
        paths = (
            HEALTH,
            DATABASE,
            f"{DATABASE}?format=text",
            f"{DATABASE}?strict=true",
            "/",
            "/openapi.json",
            "/metrics",
            "/api/v1/health/badge.svg",
            "/nothing",
        )
        answers = [service.get(f"{path}{'&' if '?' in path else '?'}password={_WORD}") for path in paths]
        assert service.process is not None
        title = Path(f"/proc/{service.process.pid}/cmdline").read_text()
        service.end()

    said = [f"{answer.headers}{answer.text}" for answer in answers if answer is not None]
    assert len(said) == len(paths)
    for one in (*said, title, log.read_text()):
        _assert_clean(one, secrets)


async def test_values_and_exceptions_show_nothing(secrets: Secrets) -> None:
    settings = load(database_url=secrets.url(password="wrong" + secrets.password), health_token=secrets.token)
    database = Connecting(settings.connection_string, 2.0)

    with pytest.raises(asyncpg.InvalidPasswordError) as refused:
        await database.connect()

    for value in (settings, settings.connection_string, database, create_app(settings), refused.value, database.target):
        _assert_clean(f"{value!r} {value}", secrets)
    tasks = " ".join(map(repr, asyncio.all_tasks()))
    _assert_clean(tasks, secrets)


def test_what_the_server_repeats_is_redacted_in_the_log(tmp_path: Path) -> None:
    """An error that nobody foresaw, whose text has a piece of the query string in it."""
    log = tmp_path / "log"
    with PostgresServer() as server:
        server.create_database("app")
        url = server.connection_string(database="app", options=f"-c TimeZone={_WORD}/{_WORD}")

        with service_process(log, DATABASE_URL=url, LOG_LEVEL="debug") as service:
            service.wait_for(503, DATABASE)
            service.end()

    assert 'invalid value for parameter \\"TimeZone\\": \\"***\\"' in log.read_text()
    assert _WORD not in log.read_text()
