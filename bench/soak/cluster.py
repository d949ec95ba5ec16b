"""A primary and the standby that streams from it, broken and mended; the service is given both hosts."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from pgvector_ready.embedded.cluster import server_processes
from pgvector_ready.observation.pgvector import fingerprint
from tests.support.postgres import PASSWORD, PostgresServer, wait_until

NAME = "app"  # of the role and of its database
# What an application asks of it: a primary, this password, and pgvector.
_USABLE = "SELECT NOT pg_is_in_recovery() AND ('[1,2,3]'::vector <-> '[3,2,1]'::vector) > 2"
_FINGERPRINT = (
    "SELECT system_identifier::text, (SELECT oid FROM pg_database WHERE datname = %s) FROM pg_control_system()"
)


class Cluster:
    """Which of the two is the primary changes with every failover."""

    def __init__(self, primary: PostgresServer, standby: PostgresServer) -> None:
        self.primary = primary
        self.standby = standby
        ports = (primary.port, standby.port)
        self.url = (
            f"postgresql://{NAME}:{PASSWORD}@{','.join(f'127.0.0.1:{port}' for port in ports)}/{NAME}"
            "?target_session_attrs=read-write"
        )
        self.ports = frozenset(ports)
        self.fingerprint = fingerprint(*primary.execute(_FINGERPRINT, NAME)[0])

    @property
    def servers(self) -> tuple[PostgresServer, ...]:
        return self.primary, self.standby

    @property
    def is_usable(self) -> bool:
        """Whether an application could use the primary right now."""
        socket = self.primary.connection_string(NAME, NAME, host=self.primary.folder)
        try:
            with psycopg.connect(socket, connect_timeout=2) as connection:
                return connection.execute(_USABLE).fetchone() == (True,)
        except psycopg.Error:
            return False

    def wait_until_usable(self) -> None:
        wait_until(lambda: self.is_usable)

    def wait_until_copied(self) -> None:
        """Until the standby has replayed all there is."""
        query = "SELECT pg_current_wal_lsn() = replay_lsn FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: self.primary.execute(query) == [(True,)], 60)

    # Breaking and mending

    def kill(self, *servers: PostgresServer) -> None:
        for server in servers or (self.primary,):
            server.kill()

    def start(self, *servers: PostgresServer) -> None:
        for server in servers or (self.primary,):
            server.start()

    def freeze(self, *servers: PostgresServer) -> None:
        """All their processes, those included that were born meanwhile: the postmaster is the first to stop."""
        for server in servers or (self.primary,):
            while not all(map(_is_stopped, server_processes(server.data))):
                server.freeze()
                time.sleep(0.005)  # the kernel delivers the signal

    def thaw(self, *servers: PostgresServer) -> None:
        for server in servers or (self.primary,):
            server.thaw()

    def fail_over(self) -> None:
        """The standby takes over from a primary that is dead."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def rebuild_standby(self) -> None:
        """From a fresh copy: what the dead primary had, is not asked for."""
        shutil.rmtree(self.standby.data)
        self.primary.copy_to(self.standby)
        self.standby.start()
        self.wait_until_copied()

    def terminate_sessions(self) -> None:
        """The service's."""
        self.primary.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s", NAME)

    def drop_vector(self) -> None:
        self.primary.execute("DROP EXTENSION vector", database=NAME)

    def create_vector(self) -> None:
        self.primary.execute("CREATE EXTENSION vector", database=NAME)

    def set_password(self, password: str = PASSWORD) -> None:
        self.primary.execute(f"ALTER ROLE {NAME} PASSWORD '{password}'")


def _is_stopped(pid: int) -> bool:
    state = "T"  # one that has ended is silent, too
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state in {"T", "Z"}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Both servers with a database `app` that has pgvector, for the length of a block."""
    settings: dict[str, Any] = {"wal_keep_size": "64MB"}
    with PostgresServer(settings) as primary:
        primary.create_role(NAME)
        primary.create_database(NAME, owner=NAME)
        primary.execute("CREATE EXTENSION vector", database=NAME)
        with primary.standby(settings) as standby:
            pair = Cluster(primary, standby)
            pair.wait_until_copied()
            yield pair
