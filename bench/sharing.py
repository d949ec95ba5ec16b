"""A thousand pollers, and what the database notices of them: counted by the server itself."""

import math
import time
from pathlib import Path

from bench.figures import Figure, at_most
from bench.load import wrk
from bench.processes import PinnedService
from pgvector_ready.readiness.readiness import HEALTHY_FOR_SECONDS
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE

PART = "sharing"
_POLLERS = 1_000
# One of the two queries of a probe, as the server's log has it.
_PROBE = "statement: COPY (SELECT pg_catalog.json_build_object("


def measure(folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """Each round of its own length of time."""
    with PostgresServer({"log_statement": "all"}) as server:
        server.create_database("app")
        url = server.connection_string(database="app")
        with PinnedService(log=folder / "service.log", DATABASE_URL=url) as service:
            service.wait_for(200)
            seen = [_round(service, server, seconds) for _ in range(rounds)]
    pollers = f"{_POLLERS:,} pollers for {seconds:g} s"
    probes, shares, speeds = zip(*seen, strict=True)
    return [
        Figure(PART, f"{pollers}: probes ÷ times to live of {HEALTHY_FOR_SECONDS:g} s", "", shares, bound=at_most(1)),
        Figure(PART, f"{pollers}: probes that the server saw", "", probes),
        Figure(PART, f"{pollers}: answers", "/s", speeds),
    ]


def _round(service: PinnedService, server: PostgresServer, seconds: float) -> tuple[float, float, float]:
    before, started = _probes(server), time.monotonic()
    load = wrk(service.url + DATABASE, seconds, _POLLERS)
    spent = time.monotonic() - started
    probes = _probes(server) - before
    # One may begin at the very start, and then one for each time to live that has passed.
    return float(probes), probes / (1 + math.floor(spent / HEALTHY_FOR_SECONDS)), load.per_second


def _probes(server: PostgresServer) -> int:
    return server.log.read_text().count(_PROBE)
