"""Clients that mean no good, on real sockets: each is let go, and none keeps the others waiting."""

import asyncio
import gc
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, Request

from pgvector_ready.server.limits import LIMITS, Limits
from pgvector_ready.server.protocol import _READ_BYTES, Protocol
from pgvector_ready.service import MOST_BODY_BYTES
from tests.conftest import Database
from tests.support.service import DATABASE, HEALTH, Running, ServiceProcess, running

MEGABYTE = 1 << 20
_LIMIT_SECONDS = 30.0
ASK = f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

router = APIRouter()
_may_end: asyncio.Event


@router.get("/slow")
async def slow() -> str:
    await _may_end.wait()
    return "slow"


@router.post("/length")
async def length(request: Request) -> int:
    return len(await request.body())


@router.get("/much")
async def much() -> list[str]:
    return ["x" * MEGABYTE] * 8


@pytest.fixture
async def may_end() -> asyncio.Event:
    global _may_end  # noqa: PLW0603 - the endpoint is made before any event loop
    _may_end = asyncio.Event()
    return _may_end


class Client:
    """A connection that sends what it likes, and keeps what comes back until the server ends it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sent = 0
        self.received = b""
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(OSError):
            while data := await self.reader.read(65536):
                self.received += data

    def go_on(self) -> None:
        """Read again."""
        self.writer.transport.resume_reading()  # type: ignore[attr-defined]  # it can

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.sent += len(data)

    async def send_until_refused(self, piece: bytes, most: int, pause_seconds: float = 0.0) -> None:
        """Piece after piece; the limit is far beyond what any client has to say."""
        with suppress(OSError):
            while self.sent < most and not self.reading.done():
                await self.send(piece)
                await asyncio.sleep(pause_seconds)

    async def rest(self) -> bytes:
        """All that still comes until the server ends it."""
        await self.reading
        return self.received

    async def answer(self) -> bytes:
        """One head with its body."""
        await until(lambda: b"\r\n\r\n" in self.received)
        head, _, body = self.received.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await until(lambda: len(self.received) >= len(head) + 4 + size)
        self.received = body[size:]
        return head


@asynccontextmanager
async def connected(service: Running, takes_bytes: int | None = None) -> AsyncIterator[Client]:
    """A client; with `takes_bytes` one that takes about so much and then nothing, until it is told to go on."""
    address = urlsplit(service.url)
    connection = socket.socket()
    if takes_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes_bytes)
    connection.connect((address.hostname, address.port))
    reader, writer = await asyncio.open_connection(sock=connection)
    if takes_bytes:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it can
    client = Client(reader, writer)
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            yield client
    finally:
        client.reading.cancel()
        client.writer.transport.abort()


def status_of(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


# Heads


TOO_LARGE = {
    "request line": b"GET /" + b"x" * MEGABYTE + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "one field": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * MEGABYTE + b"\r\n\r\n",
    "40 kB at once": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",
}


@pytest.mark.parametrize("head", TOO_LARGE.values(), ids=TOO_LARGE)
async def test_a_head_that_is_too_large_is_refused(database: Database, head: bytes) -> None:
    async with running(database.url) as service, connected(service) as client:
        await client.send_until_refused(head, len(head))

        received = await client.rest()

    assert status_of(received) == 431
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in received


ENDLESS = {
    "request line": (b"GET /", b"x" * 65536),
    "field": (b"GET / HTTP/1.1\r\nX: ", b"x" * 65536),
    "fields": (b"GET / HTTP/1.1\r\n", b"X-Field: value\r\n" * 4096),
    "blank lines": (b"", b"\r\n" * 32768),
}


@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
async def test_a_head_without_end_is_refused(database: Database, start: bytes, piece: bytes) -> None:
    async with running(database.url) as service, connected(service) as client:
        await client.send(start)
        await client.send_until_refused(piece, 64 * MEGABYTE)
        received = await client.rest()

    assert client.sent < 64 * MEGABYTE
    assert status_of(received) == 431


async def test_a_head_without_end_is_refused_only_when_what_came_before_is_answered(
    database: Database, may_end: asyncio.Event
) -> None:
    """Until then it is not even read, and nothing gets into the first one's answer."""
    async with running(database.url, routers=[router]) as service, connected(service) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: [one for one in protocols() if not one.is_idle])
        await client.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 65536)
        await until(lambda: [one for one in protocols() if one.flow.read_paused])
        may_end.set()
        received = await client.rest()

    first, _, second = received.partition(b'"slow"')
    assert (status_of(first), status_of(second)) == (200, 431)


async def test_a_large_head_within_the_limits_is_read(database: Database) -> None:
    head = f"GET {HEALTH}?{'x' * 15_000} HTTP/1.1\r\n" + "".join(f"X-{n}: {'y' * 100}\r\n" for n in range(99))

    async with running(database.url) as service, connected(service) as client:
        await client.send(head.encode() + b"Host: x\r\n\r\n")
        received = await client.answer()

    assert status_of(received) == 200


async def test_a_path_of_thousands_of_escapes_is_refused(database: Database) -> None:
    """Decoding it would take the event loop away from everybody else; a long Japanese path is no such thing."""
    async with running(database.url) as service, connected(service) as client:
        await client.send(f"GET /{'%E3%81%82' * 300} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        japanese = await client.answer()
        await client.send(f"GET /{'%41' * 1001} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        escapes = await client.rest()

    assert (status_of(japanese), status_of(escapes)) == (404, 414)


# Bodies


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [DATABASE, "/", "/nothing"])
@pytest.mark.parametrize("framing", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
async def test_a_body_without_end_is_let_go(database: Database, method: str, path: str, framing: str) -> None:
    """It gets its answer at once, and is then neither kept nor read to its end."""
    piece = b"x" * 65536 if "Length" in framing else b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with running(database.url) as service, connected(service) as client:
        await service.until_latched()
        await client.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        answer = await client.answer()
        await client.send_until_refused(piece, 64 * MEGABYTE)
        await client.rest()

    assert client.sent < 32 * MEGABYTE
    assert status_of(answer) in {200, 404, 405, 413}


@pytest.mark.parametrize("framing", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
async def test_a_teams_endpoint_gets_no_body_of_absurd_size(database: Database, framing: str) -> None:
    piece = b"x" * 65536 if "Length" in framing else b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with running(database.url, routers=[router]) as service, connected(service) as client:
        await client.send(f"POST /length HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        await client.send_until_refused(piece, 64 * MEGABYTE)
        received = await client.rest()

    assert client.sent < 32 * MEGABYTE
    assert status_of(received) == 413


async def test_a_body_that_comes_after_the_answer_leaves_the_connection_usable(database: Database) -> None:
    """A balancer keeps it, for as long as any other."""
    async with running(database.url) as service, connected(service) as client:
        await client.send(f"POST {HEALTH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode())
        refused = await client.answer()
        await client.send(b"0123456789")
        await until(lambda: idle_seconds(client) > 100)
        await client.send(ASK)
        answered = await client.answer()

    assert (status_of(refused), status_of(answered)) == (405, 200)


async def test_a_request_right_behind_such_a_body_is_not_cut_off(database: Database, may_end: asyncio.Event) -> None:
    """The time for being idle does not run while it is answered, however long that takes."""
    async with running(database.url, routers=[router]) as service, connected(service) as client:
        await client.send(f"POST {HEALTH} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n".encode())
        await client.answer()
        await client.send(b"0123456789GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: any(not one.is_idle for one in protocols()))
        left_seconds = idle_seconds(client)
        may_end.set()
        answered = await client.answer()

    assert (left_seconds, status_of(answered)) == (0.0, 200)


def idle_seconds(client: Client) -> float:
    """How long the service would still keep this connection."""
    own = client.writer.get_extra_info("sockname")
    found = [one for one in protocols() if one.client == own and one.timeout_keep_alive_task]
    return found[0].timeout_keep_alive_task.when() - asyncio.get_running_loop().time() if found else 0.0  # type: ignore[union-attr]


def protocols() -> list[Protocol]:
    return [one for one in gc.get_objects() if isinstance(one, Protocol)]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(_LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


# Time


HASTY = Limits(head_seconds=0.3, body_seconds=0.3, send_seconds=0.3, linger_seconds=0.3)

DRIBBLES = {
    "request line": (b"GET /", b"x", 408),
    "field": (b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"x", 408),
    "blank lines": (b"\r\n", b"\r\n", 408),
    "second request": (ASK + b"GET / HTTP/1.1\r\nX: ", b"x", 408),
    "blank lines after a request": (ASK, b"\r\n", 408),
    "left over body": (ASK[:-2] + b"Content-Length: 999999\r\n\r\n", b"x", None),
    "awaited body": (b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n", b"x", None),
}


@pytest.mark.parametrize(("start", "drop", "status"), DRIBBLES.values(), ids=DRIBBLES)
async def test_a_client_that_dribbles_is_let_go(
    database: Database, start: bytes, drop: bytes, status: int | None
) -> None:
    async with running(database.url, routers=[router], limits=HASTY) as service, connected(service) as client:
        await client.send(start)
        await client.send_until_refused(drop, 1000, pause_seconds=0.02)
        received = await client.rest()

    assert client.sent < 900
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == ([200] if start.startswith(ASK[:-2]) else []) + ([status] if status else [])


async def test_a_client_that_says_nothing_is_let_go(database: Database) -> None:
    async with running(database.url) as service, connected(service) as client:
        await until(lambda: idle_seconds(client) > 100)  # as after a request
        (own,) = [one for one in protocols() if one.client == client.writer.get_extra_info("sockname")]
        own.timeout_keep_alive_handler()
        received = await client.rest()

    assert received == b""


async def test_a_slow_answer_is_waited_for(database: Database, may_end: asyncio.Event) -> None:
    """What a client may take is bounded, and not what the application may; a stray blank line changes nothing."""
    async with running(database.url, routers=[router], limits=HASTY) as service, connected(service) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.send(b"\r\n")
        await asyncio.sleep(3 * HASTY.head_seconds)
        may_end.set()
        received = await client.answer()

    assert status_of(received) == 200


async def test_a_client_that_takes_nothing_is_let_go(database: Database) -> None:
    async with running(database.url, routers=[router], limits=HASTY) as service, connected(service) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it can
        await client.send(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: any(one.flow.write_paused for one in protocols()))
        await until(lambda: not [one for one in protocols() if not one.transport.is_closing()])


BEHIND_A_BODY = {
    "a body that makes no sense": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 1),
    "a request as it should be": (ASK, 2),
    "nothing that is a request": (b"nonsense\r\n\r\n", 1),
}


@pytest.mark.parametrize(("behind", "answers"), BEHIND_A_BODY.values(), ids=BEHIND_A_BODY)
async def test_what_comes_in_one_piece_with_the_end_of_a_body_takes_no_answer_back(
    database: Database, caplog: pytest.LogCaptureFixture, behind: bytes, answers: int
) -> None:
    """The request before it is still being answered when its head is parsed."""
    may, late = asyncio.Event(), APIRouter()

    @late.post("/late")
    async def answer_late() -> str:
        await may.wait()
        return "late"

    async with running(database.url, routers=[late]) as service, connected(service) as client:
        await client.send(b"POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        await until(lambda: any(one.cycle is not None for one in protocols()))
        await client.send(b"hello" + behind)
        await until(lambda: any(one._is_over or one.pipeline for one in protocols()))
        may.set()
        client.writer.write_eof()
        received = await client.rest()

    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200] * answers
    assert b'"late"' in received
    assert [record for record in caplog.records if record.exc_info] == []


async def test_a_refusal_of_a_connection_that_was_reset_leaves_no_traceback(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(database.url) as service:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.sendall(b"nonsense\r\n\r\n")
        await until(lambda: not protocols())
        answer = await service.health()

    assert answer.status_code == 200
    assert [record for record in caplog.records if record.exc_info] == []


async def test_nothing_is_left_of_connections_that_were_reset(database: Database) -> None:
    async with running(database.url) as service:
        address = urlsplit(service.url)
        for _ in range(200):
            with socket.create_connection((address.hostname, address.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.send(ASK)
                await asyncio.to_thread(client.recv, 1000)

        await until(lambda: gc.collect() + len(protocols()) < 5)


# What is no HTTP


HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200))
GARBAGE = {
    "TLS": HELLO,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "zeros": bytes(5000),
    "bytes": bytes(range(256)) * 20,
    "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "PostgreSQL": b"\0\0\0\x08\x04\xd2\x16\x2f",
    "no host and a space": b"GET /a b HTTP/1.1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "broken chunk": b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_what_is_no_http_is_refused(database: Database, garbage: bytes) -> None:
    async with running(database.url, routers=[router]) as service, connected(service) as client:
        await client.send(garbage)
        received = await client.rest()
        answer = await service.health()

    if received:
        head = received.partition(b"\r\n\r\n")[0].lower()
        assert status_of(received) == 400
        assert b"\r\nx-content-type-options: nosniff" in head
        assert b"\r\nserver:" not in head
        assert received.count(b"HTTP/1.1") == 1
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/length", HEALTH, "/nothing"])
async def test_a_malformed_chunk_in_the_packet_of_its_head_is_answered(database: Database, path: str) -> None:
    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()

    async with running(database.url, routers=[router]) as service, connected(service) as client:
        await client.send(request)
        received = await client.rest()
        answer = await service.health()

    assert status_of(received) == 400
    assert received.count(b"HTTP/1.1 ") == 1
    assert answer.status_code == 200


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "foo/2"])
async def test_an_upgrade_that_is_not_taken_up_is_a_request_like_any_other(
    database: Database, upgrade: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is answered, so is the next one on its connection, and no warning is due."""
    head = f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n".encode()

    async with running(database.url) as service, connected(service) as client:
        await service.until_latched()
        caplog.clear()
        await client.send(head + ASK)
        answers = [await client.answer(), await client.answer()]

    assert [status_of(answer) for answer in answers] == [200, 200]
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


async def test_garbage_after_a_request_does_not_get_into_its_answer(database: Database, may_end: asyncio.Event) -> None:
    async with running(database.url, routers=[router]) as service, connected(service) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n\0\0\0\0")
        may_end.set()
        received = await client.rest()

    first, _, second = received.partition(b'"slow"')
    assert (status_of(first), status_of(second)) == (200, 400)


# Many


async def test_a_flood_of_requests_at_once_is_cut_off(database: Database) -> None:
    """uvicorn would parse and queue them all: a megabyte of them takes a hundred of memory."""
    ahead = queued = 0
    async with running(database.url) as service, connected(service) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # it can
        for _ in range(16):
            client.writer.write(b"GET /metrics HTTP/1.1\r\n\r\n" * 10_000)
            await asyncio.sleep(0)
            found = protocols()
            ahead = max(ahead, *(len(one._ahead) for one in found), 0)
            queued = max(queued, *(len(one.pipeline) for one in found), 0)
        answer = await service.health()

    assert ahead <= LIMITS.head_bytes + _READ_BYTES
    assert queued <= 1
    assert answer.status_code == 200


async def test_requests_sent_ahead_are_answered_one_after_another(database: Database) -> None:
    async with running(database.url) as service, connected(service) as client:
        await service.until_latched()
        await client.send(ASK * 100 + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        answers = [await client.answer() for _ in range(101)]

    assert [status_of(answer) for answer in answers] == [200] * 100 + [404]


@pytest.mark.parametrize("path", ["/", "/metrics", "/openapi.json", "/much"])
async def test_a_crowd_that_takes_no_answer_is_made_no_second_one(database: Database, path: str) -> None:
    """Each of them holds one answer at the most, all together no more than the budget, and a poll passes them."""
    limits = Limits(kept_bytes=10 * MEGABYTE)
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    async with running(database.url, routers=[router], limits=limits) as service, AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(connected(service, takes_bytes=4096)) for _ in range(50)]
        for client in crowd:
            await client.send(request * 100)
        await until(lambda: [one for one in protocols() if one.flow.write_paused])
        answers = [await service.health() for _ in range(20)]
        kept_bytes = sum(one.transport.get_write_buffer_size() for one in protocols())
        queued = [len(one.pipeline) for one in protocols()]

    assert [answer.status_code for answer in answers] == [200] * 20
    assert kept_bytes <= limits.kept_bytes + 9 * MEGABYTE  # the newest may have its answer, however large
    assert set(queued) == {0}


async def test_of_those_who_take_nothing_the_ones_without_progress_give_way(database: Database) -> None:
    """Two answers of 8 MB are within the budget, and three are not."""
    limits, crowd = Limits(kept_bytes=20 * MEGABYTE), list[Client]()
    async with running(database.url, routers=[router], limits=limits) as service, AsyncExitStack() as stack:
        for expected in (1, 2, 2):
            crowd.append(await stack.enter_async_context(connected(service, takes_bytes=4096)))
            await crowd[-1].send(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda expected=expected: len(paused()) == expected)  # type: ignore[misc]
        for client in crowd:
            client.go_on()
        gone = await crowd[0].rest()
        answers = [await client.answer() for client in crowd[1:]]

    assert len(gone) < 8 * MEGABYTE
    assert [status_of(answer) for answer in answers] == [200, 200]


def paused() -> list[Protocol]:
    """The connections whose clients do not take their answers."""
    return [one for one in protocols() if one.flow.write_paused and not one.transport.is_closing()]


async def test_unfinished_requests_are_within_the_same_budget(database: Database) -> None:
    limits = Limits(kept_bytes=MEGABYTE)
    head = b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    async with running(database.url, routers=[router], limits=limits) as service, AsyncExitStack() as stack:
        first = await stack.enter_async_context(connected(service))
        await first.send(head + b"x" * 700_000)
        await until(lambda: [one for one in protocols() if one._received_bytes > 700_000])
        second = await stack.enter_async_context(connected(service))
        await second.send(head + b"x" * 900_000)
        gone, answered = await first.rest(), await second.answer()

    assert gone == b""
    assert status_of(answered) == 200


@contextmanager
def idle_connections(port: int, number: int, said: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_idle(port, said)) for _ in range(number)]


def _idle(port: int, said: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_SECONDS)
    connection.sendall(said)
    return connection


@pytest.mark.parametrize("descriptors", ["1024:4096", "600:600"], ids=["a low soft limit", "a low hard limit"])
@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: ", ASK], ids=["silent", "half a head", "kept alive"])
def test_two_thousand_idle_connections_do_not_stop_the_platforms_probe(
    database_with_vector: Database, tmp_path: Path, descriptors: str, said: bytes
) -> None:
    program = ["prlimit", f"--nofile={descriptors}", sys.executable, "-m", "pgvector_ready"]
    with ServiceProcess(log=tmp_path / "log", program=program, DATABASE_URL=database_with_vector.url) as service:
        service.wait_for(200)
        with idle_connections(service.port, 2000, said):
            answers = [service.get(path) for path in (HEALTH, DATABASE) * 5]
        service.end()

    assert [answer and answer.status_code for answer in answers] == [200] * 10
    assert "connections_not_accepted" not in service.log.read_text()


@pytest.mark.parametrize("descriptors", [16, 24])
def test_out_of_descriptors_the_log_stays_short_and_polls_are_answered_again(
    database_with_vector: Database, tmp_path: Path, descriptors: int
) -> None:
    """Idle clients give way one after another; asyncio alone would write thousands of tracebacks a second."""
    program = ["prlimit", f"--nofile={descriptors}:{descriptors}", sys.executable, "-m", "pgvector_ready"]
    with ServiceProcess(log=tmp_path / "log", program=program, DATABASE_URL=database_with_vector.url) as service:
        service.wait_for(200)
        before = len(service.log.read_text().splitlines())
        with idle_connections(service.port, 24, b""):
            crowded = service.wait_for(200)
        alone = [service.wait_for(200, path) for path in (HEALTH, DATABASE, "/")]
        code = service.end()
        lines = service.log.read_text().splitlines()[before:]

    assert (crowded.status_code, [answer.status_code for answer in alone], code) == (200, [200] * 3, 0)
    assert len(lines) < 44
    assert not [line for line in lines if "Traceback" in line]


# The document


def test_the_document_names_the_limits_in_force() -> None:
    text = (Path(__file__).parents[3] / "docs" / "exposure.md").read_text()
    told = [
        re.split(r"\s*\|\s*", line)[2] for line in text.partition("## Cost")[2].splitlines() if line.startswith("|")
    ]

    megabyte = f"{LIMITS.leftover_bytes // MEGABYTE} MB"
    assert told[2:] == [
        f"{LIMITS.head_bytes // 1024} kB, {LIMITS.head_fields} fields",
        f"{LIMITS.head_seconds:g} s",
        f"{MOST_BODY_BYTES // MEGABYTE} MB, or its router's `max_body_size`",
        f"{LIMITS.body_seconds:g} s",
        megabyte,
        f"{LIMITS.head_bytes // 1024} kB",
        f"{LIMITS.send_seconds:g} s",
        "120 s",
        f"{LIMITS.connections:,}, or as many as there are descriptors",
        f"{LIMITS.kept_bytes // MEGABYTE} MB",
    ]
