"""Clients that mean no good, in a process of their own: they ask much, and some of them never read an answer.

    python -m bench.unread URL CONNECTIONS REQUESTS PATH   ask at once, and read nothing
    python -m bench.unread URL CONNECTIONS dear            each asks again as soon as it was answered

It begins with the first line of its standard input, and goes on until it is killed.
"""

import asyncio
import itertools
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

# Not imported from the service's own code: this process must be there at once.
HEALTH, DATABASE = "/api/v1/health", "/api/v1/health/db"
_PATIENCE_SECONDS = 20.0
# As much as a head may hold.
_MUCH = 30_000


def dear_requests(host: str) -> Iterator[bytes]:
    """Requests, for ever, that cost a server more than they cost whoever sends them; each within its limits."""

    def get(path: str, *fields: str, method: str = "GET") -> bytes:
        return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "", "")).encode()

    chunked = "Transfer-Encoding: chunked"
    yield from itertools.cycle(
        [
            get("/"),
            get("/metrics"),
            get("/openapi.json"),
            get("/" + "%41" * (_MUCH // 3)),
            get(f"{HEALTH}?" + "&".join(f"{number}=%41" for number in range(_MUCH // 10))),
            get(f"{DATABASE}?" + "a&" * (_MUCH // 2)),
            get(f"{DATABASE}?format=" + "%74" * (_MUCH // 3)),
            get("/", "Accept-Language: " + "ja-x;q=0.123," * (_MUCH // 13)),
            get(DATABASE, "Accept: " + "application/health+jsom," * (_MUCH // 24)),
            get(DATABASE, *(f"Authorization: Bearer {'x' * 280}" for _ in range(98))),
            get("/", *(f"Upgrade-{number}: websocket" for number in range(95)), "Upgrade: websocket"),
            get("/docs", method="OPTIONS"),
            get("/", method="HEAD"),
            get("/nothing", chunked, method="POST") + b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n",
            get(HEALTH, chunked, method="POST") + b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n",
        ]
    )


async def ask_dearly(url: str, connections: int) -> None:
    """Ask on so many connections; whoever is cut off comes again."""
    address = urlsplit(url)
    requests = list(itertools.islice(dear_requests(address.netloc), 15))
    await asyncio.gather(*(_ask(address.hostname, address.port, requests, number) for number in range(connections)))


async def _ask(host: str | None, port: int | None, requests: list[bytes], first: int) -> None:
    for request in itertools.cycle(requests[first % len(requests) :] + requests[: first % len(requests)]):
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                await reader.read()
                writer.close()


def ask_and_read_nothing(url: str, connections: int, requests: int, path: str) -> None:
    """Connect and send all at once."""
    address = urlsplit(url)
    said = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode() * requests
    kept = []
    for _ in range(connections):
        with suppress(OSError):
            connection = socket.create_connection((address.hostname, address.port), timeout=_PATIENCE_SECONDS)
            kept.append(connection)
            connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
            connection.send(said)
    signal.pause()


def main(url: str, connections: str, requests: str, path: str = "") -> None:
    """As the first lines say."""
    sys.stdin.readline()
    if requests == "dear":
        asyncio.run(ask_dearly(url, int(connections)))
    else:
        ask_and_read_nothing(url, int(connections), int(requests), path)


if __name__ == "__main__":
    main(*sys.argv[1:])
