"""docs/add-an-endpoint.md typed as it stands, in a fresh clone whose database is the one of `make run`."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from pgvector_ready.embedded import wheel
from tests.support import walkthrough
from tests.support.postgres import ROOM, free_port, wait_until
from tests.support.service import HEALTH, NO_TLS

_NOT_CLONED = (".git", ".venv", "__pycache__", "node_modules", "build", "dist", "*_cache", ".hypothesis", ".coverage*")


@dataclass(frozen=True, slots=True)
class Clone:
    """The project with an environment of its own, and a user's empty data folder."""

    folder: Path
    data: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "EMBEDDED_DATA_FOLDER": str(self.data),
            "PORT": str(self.port),
        }

    def type(self, block: str) -> str:
        """Type the block's lines into a shell; what it shows under them must be what comes out."""
        typed = "\n".join(line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))
        shown = [line for line in block.splitlines() if not line.startswith("$ ")]
        ran = subprocess.run(
            ["bash", "-euc", typed],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert [line for line in shown if line not in ran.stdout.splitlines()] == []
        return ran.stdout

    @contextmanager
    def running(self) -> Iterator[None]:
        """The first terminal, until Ctrl-C."""
        (line,) = walkthrough.RUN.splitlines()
        with (self.data.parent / "log").open("ab") as log:
            terminal = subprocess.Popen(
                shlex.split(line.removeprefix("$ ")),
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(lambda: terminal.poll() is not None or self._is_up())
            yield
        finally:
            os.killpg(terminal.pid, signal.SIGINT)
            terminal.wait()

    def _is_up(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{HEALTH}", verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    def ask(self) -> object:
        """The documented request, of this service's port."""
        found = re.search(r"'http://127\.0\.0\.1:8000(/.*)'", walkthrough.ASK)
        assert found
        return httpx.get(f"http://127.0.0.1:{self.port}{found[1]}", verify=NO_TLS).json()

    def say_to_psql(self, statement: str) -> None:
        """Come in by the line that `check` prints first."""
        line = self.type("$ .venv/bin/pgvector-ready check").splitlines()[0]
        programs = wheel.find_programs()
        assert programs
        psql = [str(programs / "psql"), *shlex.split(line.partition(": psql ")[2])]
        subprocess.run([*psql, "-c", statement], check=True, capture_output=True)


@pytest.fixture
def clone() -> Iterator[Clone]:
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir=ROOM) as made:
        folder = Path(made, "pgvector-ready")
        Path(made).chmod(0o755)  # the account that the server runs as comes in
        shutil.copytree(walkthrough.PROJECT, folder, ignore=shutil.ignore_patterns(*_NOT_CLONED))
        _install(folder / ".venv")
        yield Clone(folder, Path(made, "data"), free_port())


def _install(environment: Path) -> None:
    """Leave what `make install` and the first `make check` leave, with this environment's packages and programs."""
    venv.create(environment)
    packages = environment / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    here = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (packages / "clone.pth").write_text(f"{environment.parent}\n{here}\n")
    for program in Path(sys.executable).parent.iterdir():
        copy = environment / "bin" / program.name
        if copy.exists() or program.name.startswith("python"):
            continue
        if (text := program.read_bytes()).startswith(interpreter := f"#!{sys.executable}\n".encode()):
            copy.write_bytes(text.replace(interpreter, f"#!{environment}/bin/python\n".encode(), 1))
            copy.chmod(0o755)
        else:
            copy.symlink_to(program)
    for name in ("installed", "tools"):  # in this order: make goes by their time
        (environment / name).touch()


@pytest.mark.timeout(300)
def test_followed_to_the_letter_it_ends_with_a_green_check(clone: Clone) -> None:
    with clone.running():
        walkthrough.add_the_model(clone.folder)
        clone.type(walkthrough.WRITE)
        (written,) = (clone.folder / "app" / "migrations" / "versions").glob("*_documents.py")
        clone.type(walkthrough.APPLY)
        walkthrough.add_the_index(clone.folder)
        clone.type(walkthrough.INDEX)
        walkthrough.add_the_endpoint(clone.folder)
    with clone.running():
        empty = clone.ask()
        clone.say_to_psql(walkthrough.ROWS)
        found = clone.ask()
        checked = clone.type(walkthrough.CHECK)

    assert walkthrough.SHOWN in written.read_text()
    assert (empty, found) == ([], [2, 3, 1])
    assert "0 broken" in checked
