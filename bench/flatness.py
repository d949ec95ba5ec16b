"""Thousands of probes along a path that freezes in every one of them: what is left behind."""

import asyncio
import logging
from pathlib import Path

from bench.figures import Figure, at_most
from tests.support.bad_ways import Held, probe_frozen_path
from tests.support.postgres import PostgresServer

PART = "flatness"


def measure(_: Path, probes: int) -> list[Figure]:
    """What is held in the end, less what was held after the first 500 probes; of each kind the most of any moment."""
    logging.disable()  # that a probe failed is what is wanted here
    with PostgresServer() as server:
        server.create_database("app")
        held = asyncio.run(_probe(server, probes))
    logging.disable(logging.NOTSET)
    first, last = held[0], held[-1]
    kinds = ("files", "tasks", "threads")
    grown = [
        Figure(PART, f"{probes:,} probes: more {kind} than after 500", "", (float(after - before),), bound=at_most(8))
        for kind, before, after in zip(kinds, first.here, last.here, strict=True)
    ]
    # Each is abandoned for a tenth of a second, at some hundred probes a second; the server has a hundred.
    sessions = tuple(float(one.sessions) for one in held)
    return [*grown, Figure(PART, f"{probes:,} probes: sessions on the server", "", sessions, bound=at_most(80))]


async def _probe(server: PostgresServer, probes: int) -> list[Held]:
    return [one async for one in probe_frozen_path(server, probes)]
