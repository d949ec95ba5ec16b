"""Failures of whole servers, each provoked on one of its own: frozen, restarted, copied, promoted, filled up."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.postgres import PostgresServer, free_port
from tests.support.service import running
from tests.support.told import error_in

TIMEOUTS: dict[str, Any] = {"connect_timeout_seconds": 0.6, "query_timeout_seconds": 0.4}


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server of these tests' own, with the extension enabled in `postgres`."""
    with PostgresServer({"max_connections": "20", "max_locks_per_transaction": "10"}) as server:
        server.execute("CREATE EXTENSION vector")
        yield server


# Frozen


async def test_a_frozen_backend_is_a_query_timeout_and_the_next_probe_has_another(own_server: PostgresServer) -> None:
    async with running(own_server.connection_string(), **TIMEOUTS) as service:
        await service.until(None)

        with own_server.frozen(*own_server.backends("postgres")):
            answer = await service.until("query_timeout")
            error_in(answer, "query_timeout", "connected", "did not answer a tiny query", within_seconds=1.0)
            await service.until(None)


async def test_a_frozen_postmaster_is_a_timeout_for_whoever_comes_new(own_server: PostgresServer) -> None:
    with own_server.frozen(own_server.pid):
        async with running(own_server.connection_string(), **TIMEOUTS) as service:
            answer = await service.database()
            error_in(answer, "connect_timeout", "connected", "stayed silent", "restart it", within_seconds=1.0)

            own_server.thaw()
            await service.until(None)


async def test_a_frozen_server_is_told_and_found_again(own_server: PostgresServer) -> None:
    async with running(own_server.connection_string(), **TIMEOUTS) as service:
        await service.until(None)

        with own_server.frozen():
            answer = await service.until("query_timeout")
            error_in(answer, "query_timeout", "connected", "did not answer a tiny query", within_seconds=1.0)
            answer = await service.until("connect_timeout")
            error_in(answer, "connect_timeout", "connected", "stayed silent", within_seconds=1.0)

        await service.until(None, seconds=2 + 1 + 2)


# Gone, and not there yet


async def test_a_server_that_is_stopped_is_refused_and_found_again(own_server: PostgresServer) -> None:
    async with running(own_server.connection_string(), **TIMEOUTS) as service:
        await service.until(None)

        own_server.stop()
        answer = await service.until("connection_refused")
        own_server.start()
        await service.until(None)

        error_in(answer, "connection_refused", "connected", "Check that the database is running")


async def test_a_socket_that_is_missing_is_told_and_found_when_it_is_there(own_server: PostgresServer) -> None:
    folder = own_server.folder
    own_server.stop()
    try:
        async with running(own_server.connection_string(host=folder, password=None)) as service:
            answer = await service.database()
            words = ("no PostgreSQL socket in", f"psql -h {folder} -p {own_server.port}")
            error_in(answer, "socket_not_found", "connected", *words)

            own_server.start()
            await service.until(None)
    finally:
        if not own_server.is_running:
            own_server.start()


async def test_a_standby_that_accepts_nobody_then_reads_only_then_is_promoted(own_server: PostgresServer) -> None:
    with own_server.standby({"hot_standby": "off", "max_connections": "20"}) as standby:
        async with running(standby.connection_string()) as service:
            answer = await service.database()
            words = ("starting up, shutting down or recovering", "asks again by itself")
            error_in(answer, "cannot_connect_now", "connected", *words, sqlstate="57P03")

            standby.restart(hot_standby="on")
            answer = await service.until("standby")
            error_in(answer, "standby", "writable", "Point DATABASE_URL at the primary", "REQUIRE_WRITABLE=false")

            standby.promote()
            async with asyncio.timeout(2):
                await service.until(None)


# Two hosts


async def test_two_hosts_follow_a_failover() -> None:
    with PostgresServer() as primary:
        primary.execute("CREATE EXTENSION vector")
        with primary.standby() as standby:
            hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
            url = f"postgresql://postgres:secret@{hosts}/postgres?target_session_attrs=read-write"
            async with running(url, **TIMEOUTS) as service:
                answer = await service.until(None)
                target = answer.json()["target"]
                assert target["port"] == primary.port

                primary.stop("immediate")
                answer = await service.until("no_matching_host")
                words = ("None of the hosts", "SELECT pg_is_in_recovery();")
                error_in(answer, "no_matching_host", "connected", *words)

                standby.promote()
                answer = await service.until(None)
                promoted = answer.json()["target"]
                assert promoted["port"] == standby.port
                assert promoted["fingerprint"] == target["fingerprint"], "after a failover it is the same database"


async def test_a_host_that_is_dead_or_silent_gives_way_to_the_next(own_server: PostgresServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = (free_port(), silent.getsockname()[1], own_server.port)
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        async with running(f"postgresql://postgres:secret@{hosts}/postgres", **TIMEOUTS) as service:
            answer = await service.until(None)

    assert answer.json()["target"]["port"] == own_server.port


# Full


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk can only be mounted by root")
async def test_a_full_disk_is_told_and_found_mended(own_server: PostgresServer) -> None:
    with small_disk(own_server) as disk:
        own_server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        own_server.execute("CREATE DATABASE full_up TEMPLATE template0 TABLESPACE small")
        own_server.execute("SELECT 1", database="full_up")  # the first login of all writes a file
        fill(disk / "filler")
        async with running(own_server.connection_string(database="full_up")) as service:
            answer = await service.database()
            error_in(answer, "disk_full", "enabled", "Free or add disk space", "pg_database_size", sqlstate="53100")

            (disk / "filler").unlink()
            await service.until(None)
        own_server.drop_database("full_up")
        own_server.execute("DROP TABLESPACE small")


@contextmanager
def small_disk(server: PostgresServer) -> Iterator[Path]:
    """A folder of the server's own on a disk of 16 MB."""
    folder = server.folder / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "small", folder], check=True)
    try:
        server.installation.account.own(folder)
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


async def test_a_server_without_memory_is_told_and_found_mended(own_server: PostgresServer) -> None:
    with short_of_memory(own_server):
        async with running(own_server.connection_string()) as service:
            answer = await service.database()
            error_in(answer, "out_of_memory", "connected", "more memory or fewer connections", sqlstate="53200")

            set_address_space(own_server, "unlimited")
            await service.until(None)


@contextmanager
def short_of_memory(server: PostgresServer) -> Iterator[None]:
    """Every new session inherits the limit: a megabyte more than the server's shared part; a probe's takes about 3."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize:"))
    set_address_space(server, str((kilobytes + 1024) * 1024))
    try:
        yield
    finally:
        set_address_space(server, "unlimited")


def set_address_space(server: PostgresServer, size: str) -> None:
    """As the server's own account: root in a container may not do it for others."""
    command = ["prlimit", f"--pid={server.pid}", f"--as={size}:unlimited"]
    subprocess.run(command, check=True, **server.installation.account.child_options)


async def test_a_full_lock_table_is_out_of_memory_and_found_mended(own_server: PostgresServer) -> None:
    """Of shared memory, which is a fixed amount."""
    with own_server.connect() as hog:
        with pytest.raises(psycopg.errors.OutOfMemory):
            hog.execute("SELECT pg_advisory_lock(number) FROM generate_series(1, 1000000) AS number")

        async with running(own_server.connection_string()) as service:
            answer = await service.database()
            error_in(answer, "out_of_memory", "connected", "more memory or fewer connections", sqlstate="53200")

            hog.execute("SELECT pg_advisory_unlock_all()")
            await service.until(None)


# Chosen by what it is


@pytest.mark.parametrize("wanted", ["standby", "read-only"])
async def test_a_standby_that_was_promoted_is_no_longer_the_one_asked_for(
    wanted: str, own_server: PostgresServer
) -> None:
    """The session is held and answers as ever; whoever connects anew would be refused."""
    with own_server.standby() as standby:
        url = two_hosts(standby, own_server, wanted)
        async with running(url, require_writable=False) as service:
            before = await service.until(None)
            standby.promote()
            answer = await service.until("no_matching_host")

    assert before.json()["server"]["role"] == "standby"
    error_in(answer, "no_matching_host", "connected", "target_session_attrs")


async def test_another_standby_is_taken_where_one_was_promoted(own_server: PostgresServer) -> None:
    with own_server.standby() as first, own_server.standby() as second:
        url = two_hosts(first, second, "prefer-standby")
        async with running(url, require_writable=False) as service:
            before = await service.until(None)
            first.promote()
            async with asyncio.timeout(30):
                while (await service.database()).json()["target"]["port"] != second.port:
                    await asyncio.sleep(0.05)
            after = await service.until(None)

    assert before.json()["target"]["port"] == first.port
    assert after.json()["server"]["role"] == "standby"


async def test_whoever_prefers_a_standby_keeps_the_primary_where_there_is_none(own_server: PostgresServer) -> None:
    with own_server.standby() as standby:
        url = two_hosts(standby, own_server, "prefer-standby")
        async with running(url) as service:
            await service.until("standby")
            standby.promote()
            after = await service.until(None)

    assert after.json()["server"]["role"] == "primary"


def two_hosts(first: PostgresServer, second: PostgresServer, wanted: str) -> str:
    login = first.connection_string().split("@")[0]
    return f"{login}@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres?target_session_attrs={wanted}"
