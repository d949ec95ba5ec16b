"""Many pollers at once, on sockets so plain that the service is what is measured."""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Poll:
    """One answer and how long it took."""

    status: int
    seconds: float
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """What it says."""
        return dict(json.loads(self.body))

    @property
    def code(self) -> str | None:
        """The failure code in it."""
        error: dict[str, str] | None = self.document["error"]
        return error["code"] if error else None


async def poll(url: str, path: str) -> Poll:
    """One GET on a connection of its own."""
    address = urlsplit(url)
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    return Poll(int(head.split(b" ", 2)[1]), time.perf_counter() - started, body)


async def poll_together(url: str, path: str, number: int) -> list[Poll]:
    """`number` of them at once."""
    return list(await asyncio.gather(*(poll(url, path) for _ in range(number))))


async def poll_steadily(url: str, path: str, until: asyncio.Event, *, pause_seconds: float = 0.02) -> list[Poll]:
    """One after another until the event."""
    polls = []
    while not until.is_set():
        polls.append(await poll(url, path))
        await asyncio.sleep(pause_seconds)
    return polls


def percentile(polls: list[Poll], share: float) -> float:
    """Seconds within which this share of them was answered."""
    ordered = sorted(one.seconds for one in polls)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
