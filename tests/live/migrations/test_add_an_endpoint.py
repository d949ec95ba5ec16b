"""docs/add-an-endpoint.md as a team follows it, in a copy of the project: a model, its migration, an endpoint."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.support.service import ServiceProcess
from tests.support.walkthrough import PROJECT, SHOWN, add_the_endpoint, add_the_index, add_the_model

PERCENT = "%s%(here)s%%25@/"


@dataclass(frozen=True, slots=True)
class Copy:
    """The project in a folder of its own, with the documented model, and the plain connection string of a database."""

    folder: Path
    url: str

    def run(self, *arguments: str) -> tuple[int, str]:
        """A module of Python's as a program; a warning is an error."""
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "DATABASE_URL": self.url}
        command = [sys.executable, "-W", "error", "-m", *arguments]
        ran = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout + ran.stderr

    def alembic(self, *arguments: str) -> str:
        code, said = self.run("alembic", *arguments)
        assert code == 0, said
        return said

    def migration(self, name: str) -> str:
        """What autogenerate wrote, in the project's format."""
        self.alembic("revision", "--autogenerate", "-m", name)
        (written,) = (self.folder / "app" / "migrations" / "versions").glob(f"*_{name}.py")
        for arguments in (("format",), ("check", "--config", str(PROJECT / "pyproject.toml"))):
            code, said = self.run("ruff", *arguments, str(written))
            assert code == 0, said
        return written.read_text()


@pytest.fixture
def copy(database: Database, tmp_path: Path) -> Iterator[Copy]:
    """Both the folder and the password are full of what a configuration file would read as something else."""
    folder = tmp_path / "100%(ours)s"
    shutil.copytree(PROJECT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    database.execute(f"CREATE ROLE team LOGIN SUPERUSER PASSWORD '{PERCENT}'")
    url = database.server.connection_string("team", database.name, password=PERCENT)
    made = Copy(folder, url)
    add_the_model(folder)
    made.alembic("upgrade", "head")
    yield made
    database.execute("REASSIGN OWNED BY team TO postgres; DROP OWNED BY team; DROP ROLE team")


def _columns(database: Database) -> list[tuple[str, str]]:
    return [
        (name, kind)
        for name, kind in database.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass('documents') AND attnum > 0 ORDER BY attnum"
        )
    ]


def test_a_model_becomes_a_migration_a_table_and_nothing_more_to_do(copy: Copy, database: Database) -> None:
    written = copy.migration("documents")
    copy.alembic("upgrade", "head")
    checked = copy.alembic("check")

    assert "import pgvector.sqlalchemy\n" in written
    assert SHOWN in written
    assert _columns(database) == [("id", "integer"), ("embedding", "vector(3)")]
    assert "No new upgrade operations detected." in checked


def test_an_index_and_another_dimension_are_seen_too(copy: Copy, database: Database) -> None:
    copy.migration("documents")
    copy.alembic("upgrade", "head")
    models = copy.folder / "app" / "models.py"
    models.write_text(models.read_text().replace("Vector(3)", "Vector(4)"))
    add_the_index(copy.folder)

    copy.migration("index")
    copy.alembic("upgrade", "head")

    assert _columns(database)[1] == ("embedding", "vector(4)")
    assert "USING hnsw (embedding vector_l2_ops)" in str(
        database.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_documents'")
    )
    assert "No new upgrade operations detected." in copy.alembic("check")


def test_the_way_down_takes_the_table_and_leaves_the_extension(copy: Copy, database: Database) -> None:
    copy.migration("documents")
    copy.alembic("upgrade", "head")

    copy.alembic("downgrade", "-1")

    assert _columns(database) == []
    assert database.execute("SELECT version_num FROM alembic_version") == [("pgvector_ready_0001",)]
    assert database.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")


def test_the_command_brings_the_teams_migration_too(copy: Copy, database: Database) -> None:
    copy.migration("documents")

    code, said = copy.run("pgvector_ready", "migrate")

    assert code == 0, said
    assert "\nfrom pgvector_ready_0001 to " in said
    assert _columns(database)


def test_the_endpoint_finds_the_nearest(copy: Copy, database: Database, tmp_path: Path) -> None:
    add_the_endpoint(copy.folder)
    copy.migration("documents")
    copy.alembic("upgrade", "head")
    database.execute("INSERT INTO documents (embedding) VALUES ('[9,9,9]'), ('[1,2,3]'), ('[1,2,4]')")

    service = ServiceProcess(log=tmp_path / "log", DATABASE_URL=copy.url)
    service.folder = copy.folder

    with service:
        service.wait_for(200)
        answer = service.get("/api/v1/documents/nearest?x=1&y=2&z=3")

    assert answer is not None
    assert answer.json() == [2, 3, 1]
