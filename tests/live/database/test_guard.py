"""A server that breaks its protocol, before the real service, command and driver: named, in time, and nobody dies."""

import asyncio
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pgvector_ready.embedded.cluster import Account
from tests.conftest import Database
from tests.support import faults
from tests.support.faults import Door, Manner, answer_at, damage, door, flood_at, message, under_tls
from tests.support.postgres import PostgresServer, make_certificate
from tests.support.service import running
from tests.support.told import MARGIN_SECONDS, error_in

COPY = message(b"H", b"\0\0\1\0\0")
QUERY, PROOF, LOGIN = b"pg_available_extensions", b"[3,2,1]", b"SCRAM-SHA-256"

BROKEN: dict[str, tuple[Manner, str, str]] = {
    "data of length 0": (answer_at(QUERY, COPY + b"d\0\0\0\0" + bytes(16)), "connected", "impossible length"),
    "the same in the proof": (answer_at(PROOF, COPY + b"d\0\0\0\0" + bytes(16)), "usable", "impossible length"),
    "data of 1.9 GB": (
        flood_at(QUERY, COPY + b"d" + struct.pack("!i", 1_900_000_000), lambda _: bytes(65_536)),
        "connected",
        "far more",
    ),
    "data without end": (flood_at(QUERY, COPY, lambda _: message(b"d", bytes(60_000))), "connected", "far more"),
    "notices without end": (
        flood_at(QUERY, b"", lambda _: message(b"N", b"SNOTICE\0Mx\0\0") * 1000),
        "connected",
        "far more",
    ),
    "settings without end": (
        flood_at(
            LOGIN, b"", lambda number: message(b"S", b"name%d\0%s\0" % (number, bytes(1000).replace(b"\0", b"v")))
        ),
        "connected",
        "far more",
    ),
    "a login from its middle": (
        answer_at(b"postgres", message(b"R", struct.pack("!i", 11) + b"r=x,s=eA==,i=4096")),
        "connected",
        "malformed",
    ),
    "a password hash of an hour": (
        faults.change(
            lambda data: message(b"R", data[5:].replace(b",i=4096", b",i=2147483647")) if b",i=4096" in data else data
        ),
        "connected",
        "more iterations than anybody waits for",
    ),
}


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> Iterator[Database]:
    server.create_database("behind_the_guard")
    server.execute("CREATE EXTENSION vector", database="behind_the_guard")
    url = server.connection_string(database="behind_the_guard")
    yield Database(server, "behind_the_guard", url, "postgres", url)
    server.drop_database("behind_the_guard")


@pytest.fixture(scope="module")
def under_a_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    files = make_certificate(tmp_path_factory.mktemp("certificate"), Account.for_server(), "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["ssl_cert_file"], files["ssl_key_file"])
    return context


@pytest.mark.parametrize("sslmode", ["disable", "require"])
@pytest.mark.parametrize("case", BROKEN)
async def test_a_violation_is_named_and_found_mended(
    case: str, sslmode: str, database: Database, under_a_certificate: ssl.SSLContext
) -> None:
    manner, step, words = BROKEN[case]

    def meet(manner: Manner) -> Manner:
        return manner if sslmode == "disable" else under_tls(under_a_certificate, manner)

    async with door(database.server.port, meet(manner)) as way:
        url = database.server.connection_string(database=database.name, port=way.port, sslmode=sslmode)
        async with running(url) as service:
            answer = await service.database()
            way.manner = meet(faults.pass_through)
            mended = await service.until(None)

    error_in(answer, "protocol_violation", step, words, "past every proxy")
    assert mended.json()["healthy"] is True


async def test_a_command_is_not_ended_by_it_either(database: Database) -> None:
    manner, _, words = BROKEN["data of length 0"]
    async with door(database.server.port, manner) as way:
        url = database.server.connection_string(database=database.name, port=way.port)
        command = [sys.executable, "-m", "pgvector_ready", "check", "--format", "json"]
        environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url}
        check = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE)
        printed, _ = await check.communicate()

    assert check.returncode == 1
    error = json.loads(printed)["error"]
    assert error["code"] == "protocol_violation"
    assert words in error["message"]


async def test_a_socket_has_a_guard_too(database: Database) -> None:
    manner, _, words = BROKEN["data of length 0"]
    folder = Path(tempfile.mkdtemp(prefix="pgvr-", dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.5432"))
        way = Door(database.server.port)
        way.manner = manner
        await way.open(listener)
        try:
            url = database.server.connection_string(database=database.name, host=folder, port=5432)
            async with running(url) as service:
                answer = await service.database()
        finally:
            await way.shut()
            shutil.rmtree(folder)

    error_in(answer, "protocol_violation", "connected", words)


async def test_a_server_that_talks_much_is_no_stranger(database: Database) -> None:
    """Debug levels that somebody left on a role: hundreds of notices for every statement."""
    database.server.execute("ALTER ROLE postgres SET client_min_messages = 'debug5'")
    database.server.execute("ALTER ROLE postgres SET debug_print_plan = on")
    try:
        async with running(database.url) as service:
            answer = await service.until(None)
    finally:
        database.server.execute("ALTER ROLE postgres RESET ALL")

    assert answer.json()["healthy"] is True


# What a child process does: probe after probe along a way that damages what the server says, each with a line.
_PROBER = """
import asyncio, resource, sys, time
from pgvector_ready.database import Database
from pgvector_ready.dsn import parse
from pgvector_ready.observation.observer import Observer

async def main(url, probes):
    observer = Observer(Database(parse(url), 0.4), 0.2)
    for number in range(probes):
        began = time.monotonic()
        facts = await observer.observe()
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(facts.failure.code if facts.failure else "fine", round(time.monotonic() - began, 3), used, flush=True)
        if number % 3 == 0:
            observer.release()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
PROBES = int(os.environ.get("FUZZED_PROBES", "150"))


@pytest.mark.timeout(120 + PROBES)
async def test_whatever_a_server_says_a_probe_ends_in_time_with_a_code(database: Database) -> None:
    """Damaged bytes of a real server, in a process of its own: it lives, holds its memory, and names every case."""
    async with door(database.server.port, damage(Random(20261126))) as way:  # noqa: S311 - repeatable
        url = database.server.connection_string(database=database.name, port=way.port, sslmode="disable")
        prober = await asyncio.create_subprocess_exec(
            sys.executable, "-X", "faulthandler", "-c", _PROBER, url, str(PROBES), stdout=subprocess.PIPE
        )
        printed, _ = await prober.communicate()

    lines = [line.split() for line in printed.decode().splitlines()]
    assert prober.returncode == 0
    assert len(lines) == PROBES
    codes = Counter(code for code, _, _ in lines)
    assert codes["fine"] > PROBES / 20, codes
    assert codes["protocol_violation"] > PROBES / 20, codes
    assert max(float(seconds) for _, seconds, _ in lines) < 0.6 + MARGIN_SECONDS
    memory = [int(used) for *_, used in lines]
    assert memory[-1] - memory[PROBES // 3] < 10, memory
