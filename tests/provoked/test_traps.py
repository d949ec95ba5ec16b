"""Traps that no timeout fixes: sessions left behind, a spinning event loop, a silent name server, an address of several
that never answers, lingering sockets.

The last of them stands in test_provoked_tls.py.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx
import pytest

from pgvector_ready.database import Database as Connector
from pgvector_ready.dsn import parse
from pgvector_ready.observation.observer import Observer
from tests.conftest import Database
from tests.support import faults
from tests.support.faults import Door, NameServer, Namespace, door
from tests.support.service import DATABASE, HEALTH, ServiceProcess, running, service_process
from tests.support.told import error_in

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace can only be made by root")


# Sessions left behind


def patient_with(url: str, **seconds: float) -> Observer:
    return Observer(Connector(parse(url), 0.5, **seconds), query_timeout_seconds=0.3)


async def test_sessions_on_a_dead_path_are_ended_by_the_server(database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    async with door(server.port) as way:
        observer = patient_with(server.connection_string(database=name, port=way.port), abandoned_after_seconds=3)

        for _ in range(4):
            way.manner = faults.pass_through
            assert (await observer.observe()).failure is None
            way.freeze()
            assert (await observer.observe()).failure is not None
        left = len(server.backends(name))
        while server.backends(name):
            await asyncio.sleep(0.05)

    assert left >= 3


async def test_sessions_that_wait_for_a_lock_are_ended_by_the_server(database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    with server.connect(name) as session:
        session.execute("BEGIN")
        session.execute("LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE")
        observer = patient_with(database_with_vector.url, orphaned_after_seconds=1)

        for _ in range(3):
            assert (await observer.observe()).failure is not None
        left = len(server.backends(name))
        while len(server.backends(name)) > 1:
            await asyncio.sleep(0.05)

    assert left >= 3


async def test_a_probe_of_the_services_own_asks_for_both(database_with_vector: Database) -> None:
    connector = Connector(parse(database_with_vector.url), 3)

    link = await connector.connect(is_probe=True)
    settings = [
        await link.connection.fetchval(f"SHOW {name}") for name in ("idle_session_timeout", "statement_timeout")
    ]
    link.terminate()

    assert settings == ["30s", "5s"]


async def test_the_applications_sessions_are_left_alone(database_with_vector: Database) -> None:
    link = await Connector(parse(database_with_vector.url), 3).connect()
    settings = [
        await link.connection.fetchval(f"SHOW {name}") for name in ("idle_session_timeout", "statement_timeout")
    ]
    link.terminate()

    assert settings == ["0", "0"]


# A spinning event loop


MYSQL, ZEROS = b"J\0\0\0\n8.0.36\0\x08\0\0\0s]LkB\x1d\x01R\0", bytes(65_536)


@pytest.mark.parametrize(
    ("banner", "mode"),
    [(MYSQL, "disable"), (ZEROS, "disable"), (MYSQL, "prefer")],
    ids=["MySQL-disable", "zeros-disable", "MySQL-prefer"],
)
async def test_liveness_answers_throughout_whatever_talks_on_the_port(banner: bytes, mode: str, tmp_path: Path) -> None:
    """asyncpg's parser spins for ever on such bytes; the service is another process, lest it stop this one."""
    async with door(0, faults.say(banner)) as way:
        url = f"postgresql://postgres:secret@127.0.0.1:{way.port}/postgres?sslmode={mode}"
        log = tmp_path / "log"
        with service_process(log, DATABASE_URL=url, STARTUP_GATE="false") as service:
            await asyncio.to_thread(service.wait_for, httpx.codes.OK)

            answer = await asyncio.to_thread(service.get, DATABASE)
            slowest = await asyncio.to_thread(slowest_of, service, 8)

    assert answer is not None
    error_in(answer, "not_postgresql", "connected", "Check the port")
    assert slowest < 2


def slowest_of(service: ServiceProcess, count: int) -> float:
    """Seconds of the slowest of so many questions after life, while the database is asked for all the time."""
    seconds = []
    for _ in range(count):
        started = time.monotonic()
        alive = service.get(HEALTH)
        seconds.append(time.monotonic() - started)
        assert alive is not None
        assert alive.status_code == httpx.codes.OK
        service.get(DATABASE)
    return max(seconds)


# A network of its own: a silent name server, and no route


class ConfinedService(ServiceProcess):
    """The service within a namespace."""

    def __init__(self, namespace: Namespace, log: Path, **environment: str) -> None:
        super().__init__(log=log, **environment)
        self.namespace = namespace

    def __enter__(self) -> Self:
        command = [*self.namespace.prefix, sys.executable, "-m", "pgvector_ready", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        return self

    def get(self, path: str = HEALTH) -> httpx.Response | None:
        return self.namespace.do(lambda: super(ConfinedService, self).get(path))

    @property
    def threads(self) -> list[str]:
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [(task / "comm").read_text() for task in tasks]

    def until(self, code: str | None) -> httpx.Response:
        """Poll until this is the failure's code."""
        deadline = time.monotonic() + 30
        while True:
            answer = self.get(DATABASE)
            error = answer.json()["error"] if answer else {"code": "nobody listens"}
            if answer and (error and error["code"]) == code:
                return answer
            assert time.monotonic() < deadline, error
            time.sleep(0.05)


@contextmanager
def confined(tmp_path: Path, host: str, port: int, database: str) -> Iterator[ConfinedService]:
    url = f"postgresql://postgres:secret@{host}:{port}/{database}?sslmode=disable"
    with Namespace(tmp_path) as namespace:
        environment = {"DATABASE_URL": url, "CONNECT_TIMEOUT_SECONDS": "0.5", "QUERY_TIMEOUT_SECONDS": "1"}
        with ConfinedService(namespace, tmp_path / "log", **environment) as service:
            yield service


def listening(port: int) -> socket.socket:
    return socket.create_server(("", port))


@NEEDS_ROOT
async def test_a_silent_name_server_holds_one_thread(database_with_vector: Database, tmp_path: Path) -> None:
    server = database_with_vector.server
    way = faults.Door(server.folder / f".s.PGSQL.{server.port}")
    with confined(tmp_path, "db.example.net", way.port, database_with_vector.name) as service:
        questions = service.namespace.do(lambda: bound(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        with NameServer(questions) as names:
            answer = await asyncio.to_thread(service.until, "connect_timeout")
            error_in(answer, "connect_timeout", "connected", "the name server gave no answer", within_seconds=1.5)
            before = len(service.threads)
            for _ in range(2):
                await asyncio.to_thread(service.until, "connect_timeout")
                await asyncio.sleep(1)
            assert len(service.threads) <= before

            names.answers.set()
            await way.open(service.namespace.do(lambda: listening(way.port)))
            await asyncio.to_thread(service.until, None)
            await asyncio.to_thread(service.end)  # or it would knock while the door is being shut
            await way.shut()


@NEEDS_ROOT
def test_a_lookup_that_hangs_does_not_hold_up_the_exit(tmp_path: Path) -> None:
    with confined(tmp_path, "db.example.net", 5432, "postgres") as service:
        questions = service.namespace.do(lambda: bound(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
        with NameServer(questions) as names:
            service.until("connect_timeout")
            started = time.monotonic()

            service.end(signal.SIGTERM)

            assert names.asked
            assert time.monotonic() - started < 4  # the resolver gives up after 10


def bound(listener: socket.socket) -> socket.socket:
    listener.bind(("127.0.0.1", 53))
    return listener


@NEEDS_ROOT
async def test_an_address_without_a_route_is_told_and_found_when_there_is_one(
    database_with_vector: Database, tmp_path: Path
) -> None:
    server = database_with_vector.server
    way = faults.Door(server.folder / f".s.PGSQL.{server.port}")
    with confined(tmp_path, "192.0.2.1", way.port, database_with_vector.name) as service:
        await way.open(service.namespace.do(lambda: listening(way.port)))
        answer = await asyncio.to_thread(service.until, "host_unreachable")
        error_in(answer, "host_unreachable", "connected", "no route from here", "public access", "IPv6")

        service.namespace.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
        await asyncio.to_thread(service.until, None)
        await asyncio.to_thread(service.end)
        await way.shut()


# Names that do not resolve


@pytest.mark.parametrize(
    ("host", "code", "words"),
    [
        ("nonexistent.invalid", "dns_not_found", ("does not resolve", "typing error")),
        ("x" * 64 + ".example.net", "dns_not_found", ("does not resolve",)),
        ("postgres.railway.internal", "private_host", ("DATABASE_PUBLIC_URL", ".proxy.rlwy.net")),
        ("dpg-c0ffee0123456789abcd-a", "private_host", ("External Database URL", ".render.com")),
    ],
    ids=["nowhere", "no-name", "railway", "render"],
)
async def test_a_name_that_does_not_resolve_is_told(host: str, code: str, words: tuple[str, ...]) -> None:
    async with running(f"postgresql://postgres:secret@{host}/postgres") as service:
        error_in(await service.database(), code, "connected", *words)


# A name with several addresses


@NEEDS_ROOT
@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
async def test_an_address_that_never_answers_gives_way_to_the_next(
    database_with_vector: Database, tmp_path: Path, sslmode: str
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.0.3 db.example.test\n127.0.0.2 db.example.test\n")
    server, name = database_with_vector.server, database_with_vector.name
    way = Door(server.port)
    url = server.connection_string(database=name, host="db.example.test", port=way.port, sslmode=sslmode)
    with socket.create_server(("127.0.0.2", way.port)) as listener, faults.black_hole(way.port, "127.0.0.3"):
        await way.open(listener)
        with_hosts = ("unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /etc/hosts; exec "$@"', str(hosts))

        process = await asyncio.create_subprocess_exec(
            *with_hosts,
            sys.executable,
            "-m",
            "pgvector_ready",
            "check",
            "--format",
            "json",
            env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
            stdout=subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        await way.shut()

    document = json.loads(printed)
    assert (process.returncode, document["error"], document["target"]["host"]) == (0, None, "db.example.test"), printed
