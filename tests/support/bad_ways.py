"""The ways to a database that go bad: what hundreds of pollers, and thousands of probes, are sent along."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pgvector_ready.database import Database
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.failures import Code
from pgvector_ready.observation.observer import Observer
from tests.support.faults import (
    Door,
    Manner,
    close_at_once,
    cut_at,
    door,
    reset_at_once,
    say,
    say_nothing,
    stall_after,
    stall_at,
)
from tests.support.pollers import Poll, poll
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, ServiceProcess, service_process

_QUERY = b"COPY"

# How each begins to behave, and what the service is to call it.
BAD_WAYS: dict[str, tuple[Manner, Code]] = {
    "accepted and then silent": (say_nothing, Code.CONNECT_TIMEOUT),
    "stalled TLS": (say(b"S", first=False), Code.CONNECT_TIMEOUT),
    "stalled login": (stall_after(1), Code.CONNECT_TIMEOUT),
    "frozen in the middle of a query": (stall_at(_QUERY), Code.QUERY_TIMEOUT),
    "accepted and closed": (close_at_once, Code.CONNECTION_CLOSED),
    "accepted and reset": (reset_at_once, Code.CONNECTION_CLOSED),
    "cut by FIN in the middle of a query": (cut_at(_QUERY), Code.CONNECTION_LOST),
    "cut by RST in the middle of a query": (cut_at(_QUERY, reset=True), Code.CONNECTION_LOST),
}

# Short, so that a run is.
CONNECT_SECONDS, QUERY_SECONDS = 1.0, 0.5
SHORT = {"CONNECT_TIMEOUT_SECONDS": str(CONNECT_SECONDS), "QUERY_TIMEOUT_SECONDS": str(QUERY_SECONDS)}


@dataclass(frozen=True, slots=True)
class Scene:
    """A service that has been ready once, and the way to its database."""

    service: ServiceProcess
    server: PostgresServer
    way: Door

    async def until(self, status: int, seconds: float) -> Poll:
        """Poll until the database's endpoint answers so."""
        async with asyncio.timeout(seconds):
            while (answer := await poll(self.service.url, DATABASE)).status != status:
                await asyncio.sleep(0.02)
        return answer


@asynccontextmanager
async def set_scene(server: PostgresServer, log: Path, timeouts: Mapping[str, str] = SHORT) -> AsyncIterator[Scene]:
    """The service in a process of its own, before the server's database `app`, with a door between them."""
    async with door(server.port) as way:
        url = server.connection_string(database="app", port=way.port)
        with service_process(log, DATABASE_URL=url, **timeouts) as service:
            await asyncio.to_thread(service.wait_for, 200)
            yield Scene(service, server, way)
            assert await asyncio.to_thread(service.end) == 0


_EVERY = 500


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds, and the server on its behalf."""

    files: int
    tasks: int
    threads: int
    sessions: int

    @property
    def here(self) -> tuple[int, int, int]:
        """What this process holds."""
        return self.files, self.tasks, self.threads


async def probe_frozen_path(server: PostgresServer, probes: int) -> AsyncIterator[Held]:
    """Probe the database `app` along a way that freezes in every query; what is held, after every 500 probes."""
    async with door(server.port, stall_at(_QUERY)) as way:
        url = server.connection_string(database="app", port=way.port)
        observer = Observer(Database(parse(url), 0.1, abandoned_after_seconds=0.1), 0.001)
        for number in range(1, probes + 1):
            facts = await observer.observe()
            assert facts.failure is not None
            # Were the abandoned sessions not ended by the server, it would be too_many_connections before long.
            # The path may thaw between the question for TLS and the look at who is silent there.
            assert facts.failure.code in {Code.QUERY_TIMEOUT, Code.CONNECT_TIMEOUT, Code.TLS_REQUEST_REFUSED}
            if number % _EVERY == 0:
                sessions = len(await asyncio.to_thread(server.backends, "app"))
                await way.cut()  # what the way itself holds is the test's
                yield held_by(sessions)
        observer.release()


def held_by(sessions: int) -> Held:
    """What is held now, with this many sessions on the server."""
    files = len(tuple(Path("/proc/self/fd").iterdir()))
    return Held(files, len(asyncio.all_tasks()), threading.active_count(), sessions)
