"""The look at the vectors of a large database: what it takes, and what a poll meanwhile pays for it."""

import asyncio
import time
from pathlib import Path

from bench.crowds import slowest_poll
from bench.figures import Figure, at_most
from bench.processes import PinnedService
from pgvector_ready.observation.inventory import take
from tests.support.postgres import PostgresServer
from tests.support.vectors import asked

PART = "inventory"
_TABLES, _INDEXES = 2_000, 200
_MAKE = f"""
DO $do$ BEGIN
    FOR number IN 1..{_TABLES} LOOP
        EXECUTE format('CREATE TABLE items_%s (id int, embedding vector(3))', number);
        IF number <= {_INDEXES} THEN
            EXECUTE format('CREATE INDEX ON items_%s USING hnsw (embedding vector_l2_ops)', number);
        END IF;
        IF number % 100 = 0 THEN COMMIT; END IF;
    END LOOP;
END $do$"""


def measure(folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """Two services on one database of many tables: one looks at its vectors every second, one never."""
    with PostgresServer() as server:
        server.create_database("app")
        server.execute("CREATE EXTENSION vector", database="app")
        server.execute(_MAKE, database="app")
        server.execute("ANALYZE", database="app")
        url = server.connection_string(database="app")
        took = tuple(asyncio.run(_seconds_to_take(url)) for _ in range(3 * rounds))
        slowest = {every: tuple(_slowest(folder, url, every, seconds) for _ in range(rounds)) for every in ("0", "1")}
    name = f"{_TABLES:,} tables, {_INDEXES} indexes"
    return [
        Figure(PART, f"{name}: one look", "s", took, bound=at_most(1.0)),
        Figure(PART, f"{name}: slowest poll, no look", "s", slowest["0"], bound=at_most(0.5)),
        Figure(PART, f"{name}: slowest poll, a look every second", "s", slowest["1"], bound=at_most(0.5)),
    ]


async def _seconds_to_take(url: str) -> float:
    async def timed(link: object) -> float:
        started = time.perf_counter()
        await take(link)  # type: ignore[arg-type]
        return time.perf_counter() - started

    return await asked(url, timed)


def _slowest(folder: Path, url: str, every: str, seconds: float) -> float:
    with PinnedService(log=folder / "log", DATABASE_URL=url, VECTOR_INVENTORY_SECONDS=every) as service:
        service.wait_for(200)
        return asyncio.run(slowest_poll(service.url, (), seconds))
