"""A fresh clone without any database: the service, the commands, Alembic and psql together on the embedded one."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgvector_ready.embedded import wheel
from tests.support.postgres import ROOM
from tests.support.service import DATABASE, ServiceProcess
from tests.support.walkthrough import PROJECT, add_the_endpoint, add_the_model


@dataclass(frozen=True, slots=True)
class Clone:
    """The application in a folder of its own, and a data folder that nobody has used."""

    folder: Path
    data: Path

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a module of Python's as a program."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "EMBEDDED_DATA_FOLDER": str(self.data),
        }
        command = [sys.executable, "-m", *arguments]
        ran = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout + ran.stderr

    def service(self) -> ServiceProcess:
        service = ServiceProcess(log=self.data.parent / "log", EMBEDDED_DATA_FOLDER=str(self.data))
        service.folder = self.folder
        return service


@pytest.fixture
def clone() -> Iterator[Clone]:
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir=ROOM) as made:
        folder = Path(made)
        folder.chmod(0o755)  # the account that the server runs as comes in
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / "app", folder / "clone" / "app", ignore=ignored)
        shutil.copy(PROJECT / "pyproject.toml", folder / "clone")
        yield Clone(folder / "clone", folder / "data")


def test_everything_works_together_on_a_database_that_the_service_made_and_migrated(clone: Clone) -> None:
    before, _ = clone.run("pgvector_ready", "check")
    with clone.service() as service:
        service.wait_for(200)
        made = service.wait_for(200, DATABASE).json()
        checked, said = clone.run("pgvector_ready", "check")
        psql = shlex.split(said.splitlines()[0].partition(": psql ")[2])
        programs = wheel.find_programs()
        assert programs is not None
        shown = subprocess.run(
            [programs / "psql", *psql, "-Atc", "SELECT version_num FROM alembic_version"],
            capture_output=True,
            text=True,
            check=False,
        )
        service.end()
    add_the_model(clone.folder)
    add_the_endpoint(clone.folder)
    written, why = clone.run("alembic", "revision", "--autogenerate", "-m", "documents")
    with clone.service() as service:
        service.wait_for(200)
        answer = service.get("/api/v1/documents/nearest?x=1&y=2&z=3")
        migrated, at = clone.run("pgvector_ready", "migrate")
        service.end()

    assert before == 2, "a command makes no database"
    assert made["migrations"]["current"] == made["migrations"]["head"] == shown.stdout.strip()
    assert (checked, written, migrated) == (0, 0, 0), said + why + at
    assert at.splitlines()[-1].endswith(" already"), "the service has brought its own database to head"
    assert answer is not None
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_migration_that_fails_is_in_the_log_and_the_service_says_where_the_schema_is(clone: Clone) -> None:
    versions = clone.folder / "app" / "migrations" / "versions"
    (first,) = versions.glob("*_enable_pgvector.py")
    first.write_text(first.read_text().replace("CREATE EXTENSION", "CREATE NONSENSE"))

    with clone.service() as service:
        document = service.wait_for(200, DATABASE).json()
        failed = [event for event in service.events() if event["event"] == "migration_failed"]
        service.end()

    assert len(failed) == 1
    assert document["migrations"]["current"] is None
