"""A database 200 ms away: in how many round trips the service is ready, and what a probe costs.

    unshare --net python -m bench.distance FOLDER ROUNDS

A figure is a measured time, divided by the time of a round trip measured in the same way.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console

from bench.contenders import PATH, RECIPE
from bench.figures import Figure
from bench.processes import Contender, PinnedService
from bench.start import BARE, bare_application, start
from bench.tunnel import HERE, NETWORK, THERE, Tunnel
from pgvector_ready.database import Database
from pgvector_ready.dsn import parse
from pgvector_ready.observation.observer import Observer
from tests.support.postgres import DEBIAN_15, PostgresServer

PART = "distance"
_ROUND_TRIP_SECONDS = 0.2
_RULES = ("host all all 127.0.0.1/32 scram-sha-256", f"host all all {NETWORK} scram-sha-256")
_LISTEN = {"listen_addresses": f"127.0.0.1,{HERE}"}


def measure(folder: Path, rounds: int, console: Console) -> list[Figure]:
    """In a network of its own, which only root may make."""
    if os.geteuid() != 0 or not os.access("/dev/net/tun", os.W_OK):
        console.print("distance: left out, since a network of its own needs root and /dev/net/tun.")
        return []
    command = ["unshare", "--net", sys.executable, "-m", "bench.distance", str(folder), str(rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return [Figure(**{**row, "values": tuple(row["values"])}) for row in json.loads(done.stdout)]


def _inside(folder: Path, rounds: int) -> list[Figure]:
    with Tunnel(_ROUND_TRIP_SECONDS):
        with PostgresServer(_LISTEN) as server:
            server.set_rules(*_RULES)
            trip = _round_trip(server)
            figures = [*_starts(server, folder, rounds, trip), *_probes(server, folder, rounds, trip)]
        with PostgresServer(_LISTEN, binaries=DEBIAN_15, tls=True) as server:
            server.set_rules(*_RULES)
            return [*figures, *_connections(server, rounds, trip)]


def _round_trip(server: PostgresServer) -> float:
    """A handshake of TCP is one."""
    started = time.perf_counter()
    socket.create_connection((THERE, server.port)).close()
    return time.perf_counter() - started


def _starts(server: PostgresServer, folder: Path, rounds: int, trip: float) -> list[Figure]:
    """By how much longer a start takes from afar than next door; next door there is no distance in it."""
    numbers = iter(range(10 * rounds))

    def taken(kind: Callable[..., PinnedService], host: str, *, is_enabled: bool) -> float:
        name = f"start_{next(numbers)}"
        server.create_database(name)
        if is_enabled:
            server.execute("CREATE EXTENSION vector", database=name)
        return start(kind, folder, server.connection_string(database=name, host=host)).seconds

    return [
        _figure(
            name,
            (
                (taken(kind, THERE, is_enabled=is_enabled) - taken(kind, "127.0.0.1", is_enabled=is_enabled)) / trip
                for _ in range(rounds)
            ),
        )
        for name, kind, is_enabled in (
            ("start to first 200, extension there", PinnedService, True),
            ("start to first 200, extension created", PinnedService, False),
            (f"{BARE}: start to first 200", bare_application, True),
        )
    ]


def _probes(server: PostgresServer, folder: Path, rounds: int, trip: float) -> list[Figure]:
    """Of the very probe that the service makes, and of the recipe's request."""
    server.create_database("app")
    server.execute("CREATE EXTENSION vector", database="app")
    url = server.connection_string(database="app", host=THERE)
    fresh, held = asyncio.run(_observe(url, rounds))
    with Contender(RECIPE, folder / "log", DATABASE_URL=url) as recipe:
        first = [_seconds(recipe)]
        again = [_seconds(recipe) for _ in range(rounds)]
    return [
        _figure("probe on the held connection", (one / trip for one in held)),
        _figure("probe on a fresh connection", (one / trip for one in fresh)),
        _figure(f"{RECIPE}: request on a connection of the pool", (one / trip for one in again)),
        _figure(f"{RECIPE}: the first request", (one / trip for one in first)),
    ]


async def _observe(url: str, rounds: int) -> tuple[list[float], list[float]]:
    observer = Observer(Database(parse(url), 10), 10)
    fresh: list[float] = []
    held: list[float] = []
    for _ in range(rounds):
        for kind in (fresh, held):
            facts = await observer.observe()
            assert facts.failure is None, facts.failure
            kind.append(facts.latency_ms / 1000)
        observer.release()
    return fresh, held


def _connections(server: PostgresServer, rounds: int, trip: float) -> list[Figure]:
    """What TLS costs: Debian's server has it, and no pgvector."""
    figures = []
    for mode in ("disable", "prefer", "require"):
        url = server.connection_string(host=THERE, sslmode=mode)
        for name, act in (("connected as the service does", _connect), ("connected as asyncpg does", _connect_plainly)):
            times = [asyncio.run(_timed(act, url)) for _ in range(rounds)]
            figures.append(_figure(f"sslmode={mode}: {name}", (one / trip for one in times)))
    return figures


async def _connect(url: str) -> None:
    (await Database(parse(url), 10).connect(is_probe=True)).terminate()


async def _connect_plainly(url: str) -> None:
    (await asyncpg.connect(url)).terminate()


async def _timed(act: Callable[[str], Awaitable[None]], url: str) -> float:
    started = time.perf_counter()
    await act(url)
    return time.perf_counter() - started


def _seconds(application: PinnedService) -> float:
    application.wait_for(200, "/openapi.json")
    started = time.perf_counter()
    httpx.get(application.url + PATH, timeout=30).raise_for_status()
    return time.perf_counter() - started


def _figure(name: str, values: Iterable[float]) -> Figure:
    return Figure(PART, name, "round trips", tuple(values))


if __name__ == "__main__":
    print(json.dumps([asdict(figure) for figure in _inside(Path(sys.argv[1]), int(sys.argv[2]))]))  # noqa: T201
