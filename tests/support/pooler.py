"""A real PgBouncer for the tests, in front of a real server."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from pgvector_ready.embedded.cluster import Account
from tests.support.postgres import PASSWORD, PostgresServer, free_port, wait_until


class PgBouncer:
    """In transaction mode, with few connections to the server, which its clients must share; a context manager."""

    def __init__(self, server: PostgresServer, **settings: str) -> None:
        self.port = free_port()
        self._server = server
        self._folder = Path(server.folder) / f"pgbouncer-{self.port}"
        self._settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(self._folder / "users"),
            "pool_mode": "transaction",
            "default_pool_size": "2",
            "logfile": str(self._folder / "log"),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
        if program is None:
            message = "The tests need a program that is not here: apt-get install pgbouncer"
            raise RuntimeError(message)
        account = Account.for_server()
        self._folder.mkdir()
        users, configuration = self._folder / "users", self._folder / "pgbouncer.ini"
        roles = [role for (role,) in self._server.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")]
        users.write_text("".join(f'"{role}" "{PASSWORD}"\n' for role in roles))
        lines = "".join(f"{name} = {value}\n" for name, value in self._settings.items())
        databases = f"[databases]\n* = host=127.0.0.1 port={self._server.port}\n"
        configuration.write_text(f"{databases}[pgbouncer]\n{lines}")
        account.own(self._folder, users, configuration)
        self._process = subprocess.Popen([program, "-q", configuration], **account.child_options)
        wait_until(lambda: "process up" in self._log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder)

    @property
    def _log(self) -> str:
        path = self._folder / "log"
        return path.read_text() if path.exists() else ""

    def connection_string(self, database: str, role: str = "postgres", **parameters: str) -> str:
        return self._server.connection_string(role, database, port=self.port, **parameters)
