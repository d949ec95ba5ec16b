"""Real PostgreSQL servers for the tests: started, frozen, crashed, copied and broken on demand."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count, cycle
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import psycopg

from pgvector_ready.embedded import wheel
from pgvector_ready.embedded.cluster import Account, Installation, Postmaster, server_processes

PASSWORD = "secret"  # noqa: S105 - of every role, unless a test says otherwise
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

# Settings for special servers; both may also be set for one database: ALTER DATABASE … SET … (by the superuser).
WITHOUT_PGVECTOR = {"extension_control_path": "/nonexistent"}
WITHOUT_LIBRARY = {"dynamic_library_path": "/nonexistent"}

# Nothing here outlives the machine, so nothing needs to reach the disk; but synchronous_commit stays on, because what
# is committed has to outlive kill -9.
_FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
_SCRAM_RULES = (
    "local all all scram-sha-256",
    "host all all 127.0.0.1/32 scram-sha-256",
    "host replication all 127.0.0.1/32 scram-sha-256",
)
# The server's own folder is closed to others, so its superuser needs no password there: our way in, whatever the rules.
_OWN_RULES = ("local all postgres trust", "local replication postgres trust")
# Where short-lived clusters lie, 60 MB each: in memory where there is room for them (a container has 64 MB).
ROOM = "/dev/shm" if Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2**31 else "/tmp"  # noqa: S108
_LIMIT_SECONDS = 30.0
_slots = count(1)


class PostgresServer:
    """A server in a short temporary folder; a context manager that makes, starts, stops and removes it.

    It listens on 127.0.0.1 with SCRAM and on a Unix socket, and dies with the test process. Its superuser is
    `postgres`, password `secret`. `settings` are `-c` settings; `binaries` another PostgreSQL than the wheel's.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        binaries: Path | None = None,
        tls: bool = False,
        host_name: str = "localhost",
        trusted_pgvector: bool = False,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pgvr-", dir=ROOM))  # short, for the socket
        account = Account.for_server()
        account.own(self.folder)
        self.installation = Installation(find_binaries(binaries), account)
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = free_port()
        self.settings = {
            **_FAST,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "dynamic_shared_memory_type": "mmap",
            **(wheel.trust_pgvector(self.installation.programs, self.folder) if trusted_pgvector else {}),
            **(make_certificate(self.folder, account, host_name) if tls else {}),
            **(settings or {}),
        }
        self._postmaster: Postmaster | None = None
        self._frozen: set[int] = set()

    def __enter__(self) -> Self:
        try:
            if not self.data.exists():
                self._initialise()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def _initialise(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        self.installation.account.own(password_file)
        options = ("--no-sync", "--auth=scram-sha-256", f"--pwfile={password_file}")
        self.installation.initialise(self.data, *options)
        self.set_rules(*_SCRAM_RULES)

    # Life and death

    @property
    def postmaster(self) -> Postmaster:
        """The running server."""
        assert self._postmaster is not None, "the server is not running"
        return self._postmaster

    @property
    def pid(self) -> int:
        """The postmaster's."""
        return self.postmaster.process.pid

    @property
    def major(self) -> int:
        """The version that counts."""
        [(number,)] = self.execute("SHOW server_version_num")
        return int(number) // 10_000

    @property
    def is_running(self) -> bool:
        return self._postmaster is not None and self._postmaster.process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it accepts connections unless told not to."""
        self._postmaster = self.installation.start(self.data, self.log, self.settings)
        if wait:
            self._postmaster.wait_until_ready()

    def stop(self, mode: str = "fast") -> None:
        """`smart` waits for clients, `fast` disconnects them, `immediate` does not even write a checkpoint."""
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        self.thaw()
        if self._postmaster is not None:
            self._postmaster.stop(signals[mode], seconds=_LIMIT_SECONDS)
            self._postmaster = None

    def restart(self, mode: str = "fast", **settings: str | None) -> None:
        """Stop and start on the same port; `settings` are added from now on, None removes one."""
        self.stop(mode)
        changed = {**self.settings, **settings}
        self.settings = {name: value for name, value in changed.items() if value is not None}
        self.start()

    def kill(self) -> None:
        """Kill -9 of the postmaster; returns when all its processes are gone. `start` recovers."""
        self.thaw()
        self.postmaster.process.kill()
        self.postmaster.process.wait()
        self._postmaster = None
        wait_until(lambda: not list(server_processes(self.data)))

    # Freezing

    def freeze(self, *pids: int) -> None:
        """Stop these processes in their tracks; without any, the whole server. Their sockets stay open, and silent."""
        for pid in pids or sorted(server_processes(self.data), key=lambda pid: pid != self.pid):
            with suppress(ProcessLookupError):  # one that has just ended is silent enough
                os.kill(pid, signal.SIGSTOP)
                self._frozen.add(pid)

    def thaw(self, *pids: int) -> None:
        """Let these processes go on; without any, all that were frozen."""
        for pid in pids or tuple(self._frozen):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self._frozen.discard(pid)

    @contextmanager
    def frozen(self, *pids: int) -> Iterator[None]:
        """Frozen for the length of a block."""
        self.freeze(*pids)
        try:
            yield
        finally:
            self.thaw(*pids)

    def backends(self, database: str) -> list[int]:
        """The process ids that serve the clients of a database."""
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend' ORDER BY 1"
        return [int(pid) for (pid,) in self.execute(query, database)]

    # Asking

    def connection_string(
        self,
        role: str = "postgres",
        database: str = "postgres",
        *,
        password: str | None = PASSWORD,
        host: str | Path = "127.0.0.1",
        port: int | None = None,
        **parameters: str,
    ) -> str:
        """A `postgresql://` URL; a `host` that is a path, such as `server.folder`, means the Unix socket."""
        login = quote(role, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        authority = f"{host}:{port or self.port}"
        if str(host).startswith("/"):
            authority, parameters = "", {"host": str(host), "port": str(port or self.port), **parameters}
        query = f"?{urlencode(parameters, quote_via=quote, safe='/')}" if parameters else ""
        return f"postgresql://{login}@{authority}/{quote(database, safe='')}{query}"

    def connect(self, database: str = "postgres", role: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """An autocommitting connection through the socket; the caller closes it."""
        url = self.connection_string(role, database, host=self.folder)
        return psycopg.connect(url, autocommit=True)

    def execute(self, statement: str, *parameters: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement as superuser on a connection of its own; placeholders are `%s`. The rows, if it has any."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def create_role(self, name: str, options: str = "LOGIN", *, password: str = PASSWORD) -> None:
        """`options` as in CREATE ROLE: `LOGIN CONNECTION LIMIT 0`, `NOLOGIN`, `LOGIN SUPERUSER`."""
        self.execute(f"CREATE ROLE \"{name}\" {options} PASSWORD '{password}'")

    def create_database(self, name: str, *, owner: str = "postgres", template: str = "template0") -> None:
        """About 30 ms; nobody may be connected to the template."""
        self.execute(f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        """Disconnects whoever is still there."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    # Configuration

    def set_rules(self, *lines: str) -> None:
        """Replace the rules of pg_hba.conf and let a running server read them; without any: the usual ones.

        The superuser's own way in through the socket always stays.
        """
        rules = "\n".join((*_OWN_RULES, *(lines or _SCRAM_RULES), ""))
        (self.data / "pg_hba.conf").write_text(rules)
        if self.is_running:
            loaded = self.execute("SELECT pg_conf_load_time()")
            self.execute("SELECT pg_reload_conf()")
            wait_until(lambda: self.execute("SELECT pg_conf_load_time()") != loaded)

    # Copies

    @contextmanager
    def standby(self, settings: Mapping[str, str] | None = None) -> Iterator["PostgresServer"]:
        """A hot standby that streams from this server, for the length of a block; `promote()` makes it a primary."""
        copy = PostgresServer(settings, binaries=self.installation.programs)
        try:
            self.copy_to(copy)
        except BaseException:
            copy.__exit__()
            raise
        with copy:
            yield copy

    def copy_to(self, copy: "PostgresServer") -> None:
        """Give `copy`, which has no data, this server's; once started it streams from here."""
        source = self.connection_string(host=self.folder, password=None)
        slot = ("--create-slot", f"--slot=standby_{next(_slots)}")
        options = ("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", *slot)
        self.installation.run("pg_basebackup", "--pgdata", copy.data, "--dbname", source, *options)

    def promote(self) -> None:
        """Returns when the standby accepts writes."""
        assert self.execute("SELECT pg_promote()") == [(True,)]


def find_binaries(wanted: Path | None) -> Path:
    """The wheel's, or those of a system's package; a clear error instead of a silent skip when they are missing."""
    wanted = wanted or wheel.find_programs()
    if wanted is None or not (wanted / "postgres").exists():
        package = f"apt-get install postgresql-{wanted.parent.name}" if wanted else "make install"
        message = f"The tests need a PostgreSQL that is not here: {package}"
        raise RuntimeError(message)
    return wanted


def make_certificate(folder: Path, account: Account, host_name: str) -> dict[str, str]:
    """Settings for TLS with a certificate that signed itself; `folder/server.crt` is also its root."""
    certificate, key = folder / "server.crt", folder / "server.key"
    if shutil.which("openssl") is None:
        message = "The tests need a program that is not here: apt-get install openssl"
        raise RuntimeError(message)
    subject = ("-subj", f"/CN={host_name}", "-addext", f"subjectAltName=DNS:{host_name}")
    algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    command = ["openssl", "req", "-x509", *algorithm, *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)
    account.own(key)
    return {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}


def _claimed_ports() -> Iterator[int]:
    """A hundred ports, round and round, that are this process's until it ends.

    The kernel gives out those from 32,768 by itself, to whoever connects or does not care; so they lie below.
    """
    for first in range(20_000, 32_700, 100):
        with socket.socket(socket.AF_UNIX) as claim, suppress(OSError):
            claim.bind(f"\0pgvector-ready-tests-{first}")  # which only one process at a time may have
            yield from cycle(range(first, first + 100))
    message = "The tests need ports that are not here: too many processes test at once"
    raise RuntimeError(message)


_ports = _claimed_ports()


def free_port() -> int:
    """A port on which nothing listens, and which nobody else is given before it is bound."""
    while True:
        port = next(_ports)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], object], seconds: float = _LIMIT_SECONDS) -> None:
    """Return as soon as the condition holds; the limit only catches a hang."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)
