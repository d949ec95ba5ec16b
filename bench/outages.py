"""Hundreds of pollers while the database is out of reach in every way there is: how long the slowest waits."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench import machine
from bench.figures import Figure, at_most
from bench.processes import crowd
from pgvector_ready.readiness.readiness import FAILING_FOR_SECONDS
from pgvector_ready.settings import Settings
from tests.support.bad_ways import BAD_WAYS, Scene, set_scene
from tests.support.faults import Manner, black_hole, pass_through
from tests.support.pollers import Poll, percentile, poll_steadily
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH

PART = "outages"
_POLLERS = 500
_TIMEOUTS = ("connect_timeout_seconds", "query_timeout_seconds")
_DEADLINE_SECONDS = sum(float(Settings.model_fields[name].default) for name in _TIMEOUTS)
_PATIENCE_SECONDS = 30.0

Outage = Callable[[Scene], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _none(_: Scene) -> AsyncIterator[None]:
    """All is well: what the crowd and the service take for themselves."""
    yield


@asynccontextmanager
async def _bad_way(scene: Scene, manner: Manner) -> AsyncIterator[None]:
    scene.way.manner = manner
    await scene.way.cut()
    yield
    scene.way.manner = pass_through


@asynccontextmanager
async def _black_hole(scene: Scene) -> AsyncIterator[None]:
    await scene.way.shut()
    with black_hole(scene.way.port):
        yield
    await scene.way.open()


@asynccontextmanager
async def _frozen_path(scene: Scene) -> AsyncIterator[None]:
    """What is open stalls, and so does whatever comes after it."""
    scene.way.freeze()
    scene.way.manner = BAD_WAYS["accepted and then silent"][0]
    yield
    scene.way.manner = pass_through
    scene.way.thaw()


@asynccontextmanager
async def _frozen_server(scene: Scene) -> AsyncIterator[None]:
    with scene.server.frozen():
        yield


@asynccontextmanager
async def _frozen_sessions(scene: Scene) -> AsyncIterator[None]:
    """Each session that the service opens, as soon as it is there; the postmaster goes on."""
    is_over = asyncio.Event()
    freezing = asyncio.create_task(_freeze_sessions(scene.server, is_over))
    yield
    is_over.set()
    await freezing
    scene.server.thaw()


async def _freeze_sessions(server: PostgresServer, is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        server.freeze(*(await asyncio.to_thread(server.backends, "app") or [_NOBODY]))
        await asyncio.sleep(0.01)


_NOBODY = 2**22 + 1  # above the highest process id of Linux: `freeze` without any would freeze them all

OUTAGES: dict[str, Outage] = {
    "sessions frozen": _frozen_sessions,
    "server frozen": _frozen_server,
    "black hole": _black_hole,
    "path frozen": _frozen_path,
    **{name: partial(_bad_way, manner=manner) for name, (manner, _) in BAD_WAYS.items()},
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One outage, as it was for those who polled."""

    excess_seconds: float
    liveness: list[Poll]
    share: float
    recovered_seconds: float


def measure(folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """Each outage once in each round."""
    with PostgresServer() as server:
        server.create_database("app")
        return asyncio.run(_measure(server, folder, rounds, seconds))


async def _measure(server: PostgresServer, folder: Path, rounds: int, seconds: float) -> list[Figure]:
    seen: dict[str, list[Seen]] = {name: [] for name in OUTAGES}
    async with set_scene(server, folder / "service.log", timeouts={}) as scene:
        machine.pin(scene.service.process)
        healthy = [await _poll(scene, seconds) for _ in range(rounds)]
        for _ in range(rounds):
            for name, outage in OUTAGES.items():
                seen[name].append(await _observe(scene, outage, seconds))
    calm = [
        Figure(PART, "no outage: slowest answer", "s", tuple(float(polls["slowest_seconds"]) for polls, _ in healthy)),
        Figure(PART, f"no outage: {HEALTH}, 99th percentile", "ms", tuple(_p99_ms(polls) for _, polls in healthy)),
    ]
    return [*calm, *_figures(seen)]


async def _observe(scene: Scene, outage: Outage, seconds: float) -> Seen:
    await scene.until(200, _PATIENCE_SECONDS)
    async with outage(scene):
        last = (await scene.until(503, _PATIENCE_SECONDS)).document
        before = await _probing(scene)
        polls, liveness = await _poll(scene, seconds)
        share = _share_of_one_at_a_time(last, before, await _probing(scene))
        is_restored = asyncio.Event()
        waiting = asyncio.create_task(poll_steadily(scene.service.url, DATABASE, is_restored))
        await asyncio.sleep(random.uniform(0, _DEADLINE_SECONDS))  # noqa: S311 - at any moment of a probe
    restored_at = time.monotonic()
    await scene.until(200, _PATIENCE_SECONDS)
    recovered_seconds = time.monotonic() - restored_at
    is_restored.set()
    await waiting
    return Seen(float(polls["slowest_seconds"]) - _DEADLINE_SECONDS, liveness, share, recovered_seconds)


async def _poll(scene: Scene, seconds: float) -> tuple[dict[str, Any], list[Poll]]:
    is_over = asyncio.Event()
    # Often enough that a hundredth of the polls is more than the slowest one.
    liveness = asyncio.create_task(poll_steadily(scene.service.url, HEALTH, is_over, pause_seconds=0.005))
    polls = await crowd(scene.service.url, DATABASE, _POLLERS, seconds)
    is_over.set()
    return polls, await liveness


async def _probing(scene: Scene) -> tuple[float, float]:
    """How many probes there have been, and how long they took together: the service's own metrics."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{scene.service.url}/metrics")).text
    samples = {
        sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples
    }
    name = "pgvector_ready_probe_duration_seconds"
    return samples[f"{name}_count"], samples[f"{name}_sum"]


def _share_of_one_at_a_time(last: dict[str, Any], before: tuple[float, float], after: tuple[float, float]) -> float:
    """What part of the time since the `last` probe those after it account for: one at a time, one per time to live.

    More than the whole means that some were under way together, or too soon.
    """
    count, spent = after[0] - before[0], after[1] - before[1]
    since_it_began = time.time() - datetime.fromisoformat(last["observed_at"]).timestamp()
    since_it_ended = since_it_began - float(last["latency_ms"]) / 1000
    return max(count * FAILING_FOR_SECONDS / since_it_began, spent / since_it_ended)


def _figures(seen: dict[str, list[Seen]]) -> list[Figure]:
    over, live, once, back = at_most(0.2), at_most(50), at_most(1), at_most(2)
    figures = []
    for name, them in seen.items():
        p99_ms = tuple(_p99_ms(one.liveness) for one in them)
        figures += [
            Figure(
                PART, f"{name}: slowest answer − deadline", "s", tuple(one.excess_seconds for one in them), bound=over
            ),
            Figure(PART, f"{name}: {HEALTH}, 99th percentile", "ms", p99_ms, bound=live),
            Figure(PART, f"{name}: probes one at a time", "", tuple(one.share for one in them), bound=once),
            Figure(PART, f"{name}: ready again after", "s", tuple(one.recovered_seconds for one in them), bound=back),
        ]
    return figures


def _p99_ms(polls: list[Poll]) -> float:
    return percentile(polls, 0.99) * 1000
