"""From the start of the process to its first 200, and its memory then, in turns with the barest of applications."""

import http.client
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import machine
from bench.figures import Bound, Figure, Judged, at_most, ratios
from bench.processes import PinnedService
from tests.support.postgres import PostgresServer, wait_until
from tests.support.service import HEALTH

PART = "start"
BARE = "bare FastAPI + SQLAlchemy + asyncpg"


bare_application = partial(PinnedService, program=(sys.executable, "-m", "bench.bare"))


@dataclass(frozen=True, slots=True)
class Start:
    """Until the first 200, and the memory then."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def measure(folder: Path, rounds: int) -> list[Figure]:
    """The first round fills the caches of the disk and the interpreter, and does not count."""
    with PostgresServer() as server:
        server.create_database("app")
        url = server.connection_string(database="app")
        theirs: list[Start] = []
        ours: list[Start] = []
        for number in range(rounds + 1):
            pair = [start(kind, folder, url) for kind in (bare_application, PinnedService)]
            if number:
                theirs.append(pair[0])
                ours.append(pair[1])
    return [
        _ratio("process start to first 200", ours, theirs, lambda one: one.seconds, at_most(1.3, Judged.MEDIAN)),
        _ratio("process start to first 200, by processor time", ours, theirs, lambda one: one.cpu_seconds),
        _ratio("resident memory", ours, theirs, lambda one: one.megabytes, at_most(1.2, Judged.MEDIAN)),
        Figure(PART, "process start to first 200", "s", tuple(one.seconds for one in ours)),
        Figure(PART, f"{BARE}: process start to first 200", "s", tuple(one.seconds for one in theirs)),
        Figure(PART, "resident memory", "MB", tuple(one.megabytes for one in ours)),
        Figure(PART, f"{BARE}: resident memory", "MB", tuple(one.megabytes for one in theirs)),
    ]


def _ratio(
    name: str, ours: list[Start], theirs: list[Start], of: Callable[[Start], float], bound: Bound | None = None
) -> Figure:
    return Figure(PART, name, "", ratios(map(of, ours), map(of, theirs)), BARE, bound)


def start(kind: Callable[..., PinnedService], folder: Path, url: str) -> Start:
    """Start it, wait for its first 200, and end it."""
    application = kind(log=folder / "log", DATABASE_URL=url)
    started = time.perf_counter()
    with application:
        wait_until(lambda: _is_up(application.port))
        seconds, cpu_seconds = time.perf_counter() - started, machine.cpu_seconds(application.process)
        assert application.process is not None
        status = Path(f"/proc/{application.process.pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return Start(seconds, cpu_seconds, int(found[1]) / 1024)


def _is_up(port: int) -> bool:
    """By the leanest client there is: whoever waits must not slow down what is waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", HEALTH)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
