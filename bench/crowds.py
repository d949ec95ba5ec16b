"""Crowds that mean no good: how long the slowest poll waits meanwhile, and how much memory they take."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, at_most
from bench.processes import PinnedService
from tests.support.pollers import poll
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH, ServiceProcess, UnreadProcess

PART = "crowds"
_CONNECTIONS, _REQUESTS, _CLIENTS = 2_000, 5, 40
_UNREAD = ("/", "/metrics", "/nothing-there")
_PAUSE_SECONDS = 0.02
# One that never comes counts as long.
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The slowest of the polls, and the most memory, while a crowd was there."""

    slowest_seconds: float
    megabytes: float


def measure(folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """Each crowd meets a service of its own: what one leaves behind is not the next one's."""
    crowds: dict[str, tuple[str, ...]] = {"no crowd": ()}
    for path in _UNREAD:
        crowds[f"{_CONNECTIONS:,} × {_REQUESTS} unread {path}"] = (str(_CONNECTIONS), str(_REQUESTS), path)
    crowds[f"{_CLIENTS} clients, dear requests"] = (str(_CLIENTS), "dear")
    with PostgresServer() as server:
        server.create_database("app")
        url = server.connection_string(database="app")
        figures = []
        for name, crowd in crowds.items():
            seen = [_meet(PinnedService(log=folder / "log", DATABASE_URL=url), crowd, seconds) for _ in range(rounds)]
            figures += _figures(name, seen)
        name = f"{_CLIENTS} clients, a log that nobody reads"
        seen = [
            _meet(_Unread(log=folder / "log", DATABASE_URL=url), (str(_CLIENTS), "dear"), seconds)
            for _ in range(rounds)
        ]
        return [*figures, *_figures(name, seen)]


def _figures(name: str, seen: Sequence[Seen]) -> list[Figure]:
    return [
        Figure(PART, f"{name}: slowest poll", "s", tuple(one.slowest_seconds for one in seen), bound=at_most(0.5)),
        Figure(PART, f"{name}: most memory", "MB", tuple(one.megabytes for one in seen), bound=at_most(150)),
    ]


class _Unread(UnreadProcess, PinnedService):
    """Its log is a pipe that nobody reads."""


def _meet(service: ServiceProcess, crowd: Sequence[str], seconds: float) -> Seen:
    with service:
        service.wait_for(200)
        slowest = asyncio.run(slowest_poll(service.url, crowd, seconds))
        return Seen(slowest, _most_megabytes(service))


async def slowest_poll(url: str, crowd: Sequence[str], seconds: float) -> float:
    """Poll on new connections, one every few milliseconds, whether the former ones were answered or not."""
    polls: list[asyncio.Task[float]] = []
    with _gathered(url, crowd) as begin:
        await asyncio.sleep(1)  # for the imports of the crowd
        begin()
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            polls.append(asyncio.create_task(_seconds_of(url, HEALTH if len(polls) % 2 else DATABASE)))
            await asyncio.sleep(_PAUSE_SECONDS)
        return max(await asyncio.gather(*polls))


async def _seconds_of(url: str, path: str) -> float:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return (await poll(url, path)).seconds
    except (OSError, TimeoutError, IndexError):
        return _PATIENCE_SECONDS


@contextmanager
def _gathered(url: str, crowd: Sequence[str]) -> Iterator[Callable[[], None]]:
    if not crowd:
        yield lambda: None
        return
    command = [sys.executable, "-m", "bench.unread", url, *crowd]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:

        def begin() -> None:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()

        try:
            yield begin
        finally:
            process.kill()


def _most_megabytes(service: ServiceProcess) -> float:
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
