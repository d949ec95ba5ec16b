"""From the start of the process to its first 200, and its memory then, in turns with the barest of applications."""

import http.client
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.figures import Figure, Judged, at_most, ratios
from tests.benchmarks.processes import PinnedService
from tests.postgres import PostgresServer, wait_until
from tests.service import HEALTH

PART = "start"
BARE = "bare FastAPI + SQLAlchemy + asyncpg"


bare_application = partial(PinnedService, program=(sys.executable, "-m", "tests.benchmarks.bare"))


def measure(folder: Path, rounds: int) -> list[Figure]:
    """The first round fills the caches of the disk and the interpreter, and does not count."""
    with PostgresServer() as server:
        server.create_database("app")
        url = server.connection_string(database="app")
        theirs, ours = [], []
        for number in range(rounds + 1):
            pair = [start(kind, folder, url) for kind in (bare_application, PinnedService)]
            if number:
                theirs.append(pair[0])
                ours.append(pair[1])
    their_seconds, their_megabytes = zip(*theirs, strict=True)
    our_seconds, our_megabytes = zip(*ours, strict=True)
    return [
        Figure(
            PART,
            "process start to first 200",
            "",
            ratios(our_seconds, their_seconds),
            BARE,
            at_most(1.3, Judged.MEDIAN),
        ),
        Figure(PART, "resident memory", "", ratios(our_megabytes, their_megabytes), BARE, at_most(1.2, Judged.MEDIAN)),
        Figure(PART, "process start to first 200", "s", our_seconds),
        Figure(PART, f"{BARE}: process start to first 200", "s", their_seconds),
        Figure(PART, "resident memory", "MB", our_megabytes),
        Figure(PART, f"{BARE}: resident memory", "MB", their_megabytes),
    ]


def start(kind: Callable[..., PinnedService], folder: Path, url: str) -> tuple[float, float]:
    """Seconds to the first 200, and megabytes then."""
    application = kind(log=folder / "log", DATABASE_URL=url)
    started = time.perf_counter()
    with application:
        wait_until(lambda: _is_up(application.port))
        seconds = time.perf_counter() - started
        assert application.process is not None
        status = Path(f"/proc/{application.process.pid}/status").read_text()
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return seconds, int(found[1]) / 1024


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
