"""Many pollers in a process of their own, so lean that what they measure is the service.

    python -m bench.crowd URL PATH POLLERS SECONDS

Each keeps its connection, and asks again a while after it was answered, as monitors do. No answer is given up: one that
is still to come at the end is waited for, and one that never comes counts as long as it was waited for. The same crowd
before a healthy service shows what is the crowd's own share of what it measures.
"""

import asyncio
import json
import random
import sys
import time
from asyncio import StreamReader, StreamWriter
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

_PAUSE_SECONDS = (0.2, 0.6)
# Far more than any deadline of the service.
_PATIENCE_SECONDS = 20.0


@dataclass(slots=True)
class Crowd:
    """What it has seen."""

    slowest_seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0


async def _poll(crowd: Crowd, request: bytes, reader: StreamReader, writer: StreamWriter, until: float) -> None:
    """One of them, until the moment."""
    while (started := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        crowd.slowest_seconds = max(crowd.slowest_seconds, time.perf_counter() - started)
        status = head[9:12].decode()
        crowd.answers[status] = crowd.answers.get(status, 0) + 1
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - not for secrets


async def gather(url: str, path: str, pollers: int, seconds: float) -> Crowd:
    """All of them ask at once, and then each in its own time."""
    address, crowd = urlsplit(url), Crowd()
    request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    connections = [await asyncio.open_connection(address.hostname, address.port) for _ in range(pollers)]
    until = time.perf_counter() + seconds
    tasks = {asyncio.create_task(_poll(crowd, request, *connection, until)) for connection in connections}
    done, pending = await asyncio.wait(tasks, timeout=seconds + _PATIENCE_SECONDS)
    crowd.unanswered = len(pending) + sum(task.exception() is not None for task in done)
    if crowd.unanswered:
        crowd.slowest_seconds = _PATIENCE_SECONDS  # at the least
    for _, writer in connections:
        writer.transport.abort()
    return crowd


def main(url: str, path: str, pollers: str, seconds: str) -> None:
    """One line of JSON."""
    print(json.dumps(asdict(asyncio.run(gather(url, path, int(pollers), float(seconds))))))  # noqa: T201 - its output


if __name__ == "__main__":
    main(*sys.argv[1:])
