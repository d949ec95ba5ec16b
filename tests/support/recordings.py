"""docs/commands.md from real runs: `python -m tests.support.recordings` records each of its terminals anew."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import PostgresServer, wait_until
from tests.support.render_api import KEY, RenderApi, Service
from tests.support.service import ServiceProcess

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"
_PLACE = re.compile(r"^### ([^\n]+)\n(.*?)^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# A terminal that stays still: what is recorded is what stays on the screen.
_TERMINAL = {"TERM": "dumb", "LANG": "C.UTF-8"}
_COMMIT = "a6be0123456789abcdef0123456789abcdef0123"


class Terminal:
    """A terminal on which a line is typed into a shell."""

    def __init__(self, line: str, environment: Mapping[str, str]) -> None:
        self._line = line
        self._ours, theirs = pty.openpty()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        kept = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
        self.process = subprocess.Popen(
            ["bash", "-c", f"{line}\n"],
            env={**kept, "PATH": path, **_TERMINAL, **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def shown(self) -> str:
        """What stays on the screen when it has ended, below what was typed."""
        shown = b""
        try:
            while piece := os.read(self._ours, 65_536):
                shown += piece
        except OSError:  # how Linux says that the other side has closed
            pass
        os.close(self._ours)
        self.process.wait()
        lines = shown.decode().replace("\r", "").splitlines()
        return "".join(f"{line.rstrip()}\n" for line in [f"$ {self._line}", *lines])

    def kill(self) -> None:
        """Kill -9 of the command that the shell runs."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children or [str(self.process.pid)]:
            os.kill(int(child), signal.SIGKILL)


def record(line: str, environment: Mapping[str, str]) -> str:
    """The line and what it shows, to its end."""
    return Terminal(line, environment).shown()


@dataclass(frozen=True, slots=True)
class Stage:
    """A server with the database `app`, which has everything, and whatever else a scene makes for itself."""

    server: PostgresServer

    def url(self, database: str) -> str:
        return self.server.connection_string(database=database)

    @contextmanager
    def database(self, name: str, *, with_vector: bool = False) -> Iterator[str]:
        self.server.create_database(name)
        if with_vector:
            self.server.execute("CREATE EXTENSION vector", database=name)
        try:
            yield self.url(name)
        finally:
            self.server.drop_database(name)

    def check(self, database: str, *options: str, **variables: str) -> str:
        line = shlex.join(["pgvector-ready", "check", *options])
        shown = "".join(f"{name}={value} " for name, value in variables.items())
        return record(f"{shown}{line}", {"DATABASE_URL": self.url(database)})


def healthy(stage: Stage) -> str:
    with stage.database("app", with_vector=True):
        return stage.check("app")


def empty(stage: Stage) -> str:
    with stage.database("app"):
        return stage.check("app") + stage.check("app", "--enable")


def wrong(stage: Stage) -> str:
    with stage.database("app", with_vector=True):
        return stage.check("app", EXPECTED_DATABASE_NAME="orders") + stage.check("ordres")


def offline(stage: Stage) -> str:
    url = "postgresql://app:p@ss/word@monorail.proxy.rlwy.net:41234/railway"
    del stage
    return record("pgvector-ready check --offline", {"DATABASE_URL": url})


_LEFT_OVER = (
    "CREATE TABLE items (id int, embedding vector(3))",
    "CREATE INDEX items_embedding_idx ON items USING hnsw (embedding vector_l2_ops)",
    # As an ended CREATE INDEX CONCURRENTLY leaves it.
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_embedding_idx'::regclass",
)
_MODELS = """\
from pgvector.sqlalchemy import Vector
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase): ...


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    embedding: Mapped[list[float]] = mapped_column(Vector(4))
"""


def left_over(stage: Stage) -> str:
    with stage.database("app", with_vector=True) as url, tempfile.TemporaryDirectory() as folder:
        for statement in _LEFT_OVER:
            stage.server.execute(statement, database="app")
        (Path(folder) / "models.py").write_text(_MODELS)
        environment = {"DATABASE_URL": url, "PYTHONPATH": folder}
        return record("pgvector-ready check", environment) + record(
            "pgvector-ready check --models models:Base", environment
        )


_BUILT_TOO_EARLY = (
    "CREATE TABLE items (id int, embedding vector(32))",
    "CREATE INDEX items_embedding_idx ON items USING ivfflat (embedding vector_l2_ops) WITH (lists = 100)",
    "INSERT INTO items SELECT n, ARRAY(SELECT random() + n * 0 FROM generate_series(1, 32))::vector "
    "FROM generate_series(1, 20000) AS n",
    "ANALYZE items",
)


def built_too_early(stage: Stage) -> str:
    with stage.database("app", with_vector=True) as url:
        for statement in _BUILT_TOO_EARLY:
            stage.server.execute(statement, database="app")
        return record("pgvector-ready recall --at-least 0.9; echo exit code $?", {"DATABASE_URL": url})


def six_at_once(stage: Stage) -> str:
    with stage.database("app") as url:
        return record("for i in 1 2 3 4 5 6; do pgvector-ready migrate & done; wait", {"DATABASE_URL": url})


@contextmanager
def _two_services(stage: Stage) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        url = stack.enter_context(stage.database("app", with_vector=True))
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        services = [
            stack.enter_context(ServiceProcess(log=log, DATABASE_URL=url, GIT_COMMIT=_COMMIT)) for _ in range(2)
        ]
        for service in services:
            service.wait_for(200)
        yield services[0].url, services[1].url


def verified(stage: Stage) -> str:
    with _two_services(stage) as (url, _):
        return record(f"pgvector-ready verify {url} --expect-commit {_COMMIT[:7]} --expect-database app", {})


def shared(stage: Stage) -> str:
    with _two_services(stage) as (staging, production):
        return record(f"pgvector-ready verify {staging} --differs-from {production}; echo exit code $?", {})


_SWITCH = "pgvector-ready switch --service staging"


@contextmanager
def staging(stage: Stage) -> Iterator[tuple[RenderApi, Service, dict[str, str]]]:
    with stage.database("app") as old, stage.database("new") as new, RenderApi() as api:
        service = api.add(variables={"DATABASE_URL": old})
        yield api, service, {"RENDER_API_KEY": KEY, "RENDER_API_URL": api.url, "NEW_DATABASE_URL": new}


def switched(stage: Stage) -> str:
    with staging(stage) as (_, _, environment):
        return record(f"{_SWITCH} --dry-run", environment) + record(f"{_SWITCH} --yes", environment)


def left_behind(stage: Stage) -> str:
    with staging(stage) as (_, _, environment):
        stage.server.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)", database="app")
        stage.server.execute("INSERT INTO alembic_version VALUES ('a1b2c3')", database="app")
        return record(f"{_SWITCH} --yes; echo exit code $?", environment)


def rolled_back(stage: Stage) -> str:
    with staging(stage) as (_, service, environment):
        service.scripts.append(("build_in_progress", "build_failed"))
        return record(f"{_SWITCH} --yes; echo exit code $?", environment)


def killed_and_run_again(stage: Stage) -> str:
    with staging(stage) as (api, _, environment):
        with api.holding("POST", "deploys") as held:
            terminal = Terminal(f"{_SWITCH} --yes", environment)
            wait_until(held.reached.is_set)
            terminal.kill()
            first = terminal.shown()
        return f"{first}Killed\n{record(f'{_SWITCH} --yes', environment)}"


SCENES: Mapping[str, Callable[[Stage], str]] = {
    "A healthy database": healthy,
    "An empty database": empty,
    "A wrong database": wrong,
    "An index that was never finished, and models of another dimension": left_over,
    "A connection string that cannot be right": offline,
    "An IVFFlat index that was built on an empty table": built_too_early,
    "Six at once": six_at_once,
    "A service as it should be": verified,
    "Two services that share a database": shared,
    "To another database": switched,
    "A schema that would be left behind": left_behind,
    "A deploy that fails": rolled_back,
    "Killed in the middle, and run again": killed_and_run_again,
}


def recorded() -> dict[str, str]:
    """What the document shows, by the title above it."""
    return {title: shown for title, _, shown in _PLACE.findall(DOCUMENT.read_text())}


def main() -> None:
    with PostgresServer() as server:
        shown = {title: scene(Stage(server)) for title, scene in SCENES.items()}
    text = _PLACE.sub(lambda at: f"### {at[1]}\n{at[2]}```console\n{shown[at[1]]}```", DOCUMENT.read_text())
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
