"""`python -m bench.fuzz`: malformed requests on raw sockets for so many minutes; what was answered, and what it cost.

It ends with 1 where a poll meanwhile was not answered 200, an answer was not HTTP, the process has ended or its log
holds an exception. The seed is printed, and makes the same requests again.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from tests.support.pollers import poll
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH, ServiceProcess

_CLIENTS = 16
_PATIENCE_SECONDS = 1.0
_PATHS = (HEALTH, DATABASE, f"{DATABASE}?strict=true&format=text", "/", "/metrics", "/docs", "/openapi.json", "/x")
_HEADERS = (
    "Host: a", "Connection: keep-alive", "Connection: close", "Connection: Upgrade", "Upgrade: websocket",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Transfer-Encoding: chunked",
    "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Expect: 100-continue",
    "Accept: application/health+json", "Accept-Language: ja;q=0.9, *;q=0", "Authorization: Bearer x", "Range: bytes=0-",
    "X: " + "y" * 9_000, "Cookie: a=b; c", "If-None-Match: *", "TE: trailers", "Host:", ": nothing", "X Y: z",
)  # fmt: skip
_BODIES = (b"", b"5\r\nhello\r\n0\r\n\r\n", b"hello", b"ffffffffffffffff\r\n", b"0\r\nX: y\r\n\r\n", b"-1\r\n\r\n")
_STRAY = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\xff\xfe", b"%00", b"HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")  # noqa: E501  # fmt: skip


def request(chance: Random) -> bytes:
    """One request, or several behind each other, of which most are damaged somewhere."""
    made = b""
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        method = chance.choice(("GET", "GET", "HEAD", "POST", "OPTIONS", "PUT", "TRACE", "CONNECT", "get", "G" * 300))
        version = chance.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", ""))
        headers = chance.choices(_HEADERS, k=chance.randrange(6))
        head = "\r\n".join((f"{method} {chance.choice(_PATHS)} {version}", *headers))
        made += head.encode() + b"\r\n\r\n" + chance.choice(_BODIES)
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(made) + 1)
        match chance.randrange(4):
            case 0:
                made = made[:at] + chance.randbytes(chance.choice((1, 2, 9))) + made[at + 1 :]
            case 1:
                made = made[:at] + made[at + chance.randrange(20) :]
            case 2:
                made = made[:at] + chance.choice(_STRAY) * chance.choice((1, 3, 400)) + made[at:]
            case _:
                made = made[:at] + made[max(0, at - 40) :]
    return made


async def attack(port: int, chance: Random, until: float, seen: Counter[str]) -> None:
    """Send one after another, each on a connection of its own and in a few pieces."""
    while time.monotonic() < until:
        data = request(chance)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            seen["refused"] += 1
            continue
        answer = b""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                cut = chance.randrange(len(data) + 1)
                for piece in (data[:cut], data[cut:]):
                    writer.write(piece)
                    await writer.drain()
                if chance.random() < 0.5:
                    writer.write_eof()
                answer = await reader.read(65_536)
        seen["requests"] += 1
        seen[_kind(answer)] += 1
        writer.transport.abort()


def _kind(answer: bytes) -> str:
    if not answer:
        return "no answer"
    return answer[9:12].decode("ascii", "replace") if answer.startswith(b"HTTP/1.1 ") else "not HTTP"


async def watch(url: str, until: float, seen: Counter[str]) -> float:
    """Poll meanwhile; the slowest."""
    slowest = 0.0
    while time.monotonic() < until:
        for path in (HEALTH, DATABASE):
            try:
                async with asyncio.timeout(30):
                    answer = await poll(url, path)
                seen["polls"] += 1
                seen["wrong polls"] += answer.status != 200
                slowest = max(slowest, answer.seconds)
            except (OSError, TimeoutError, IndexError):
                seen["wrong polls"] += 1
        await asyncio.sleep(0.1)
    return slowest


async def _run(service: ServiceProcess, seconds: float, seed: int) -> tuple[Counter[str], float]:
    seen: Counter[str] = Counter()
    until = time.monotonic() + seconds
    watching = asyncio.create_task(watch(service.url, until, seen))
    clients = (attack(service.port, Random(f"{seed} {number}"), until, seen) for number in range(_CLIENTS))  # noqa: S311 - to be repeated
    await asyncio.gather(*clients)
    return seen, await watching


def main(
    minutes: Annotated[float, typer.Option(min=0.05, max=60, help="How long.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of the requests.")] = 1,
) -> None:
    """Send malformed requests to a service on this machine."""
    with PostgresServer() as server, tempfile.TemporaryDirectory() as folder:
        server.create_database("app")
        log = Path(folder) / "log"
        url = server.connection_string(database="app")
        with ServiceProcess(log=log, DATABASE_URL=url, LOG_FORMAT="json") as service:
            service.wait_for(200)
            seen, slowest = asyncio.run(_run(service, minutes * 60, seed))
            assert service.process is not None
            is_alive = service.process.poll() is None
            descriptors = len(list(Path(f"/proc/{service.process.pid}/fd").iterdir())) if is_alive else 0
        events = [json.loads(line) for line in log.read_text(errors="replace").splitlines() if line.startswith("{")]
        exceptions = [event for event in events if "exception" in event]
    print(  # noqa: T201 - the command line's way of speaking
        f"seed {seed}: {dict(seen.most_common())}; slowest poll {slowest:.3f} s; {descriptors} descriptors at the end"
    )
    for event in exceptions[:3]:
        print(event["exception"])  # noqa: T201 - as above
    if not is_alive or exceptions or seen["wrong polls"] or seen["not HTTP"] or seen["refused"]:
        print(f"NOT GOOD: alive {is_alive}, {len(exceptions)} exceptions")  # noqa: T201 - as above
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
