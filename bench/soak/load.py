"""A steady rate of requests over keep-alive connections, and each answer written down with its moments."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle
from types import TracebackType
from typing import Self

from bench.soak.answers import LIVENESS_ONLY, PLAIN, ROUND, Answer, Request, Trouble

_TICK_SECONDS = 0.005
# What a stalled client may ask for at once afterwards; the rest of what it missed is left out, and shows in the rate.
_BURST_SECONDS = 0.1
_LIMIT_SECONDS = 30.0  # only catches a hang
_TROUBLES = 10_000

Waits = dict[bool, list[float]]
"""Seconds that each answer of the last second took, by whether it was about the database."""


class Load(threading.Thread):
    """Asks from a thread of its own for the length of a block; `each_second` is called there with the waits.

    A database that is being waited for occupies its own connections only: the others ask for liveness instead, so that
    the service is asked as often as ever.
    """

    def __init__(
        self, port: int, rate: int, each_second: Callable[[Waits], None], *, readiness: int = 24, liveness: int = 24
    ) -> None:
        super().__init__(name="load", daemon=True)
        self._port = port
        self._rate = rate
        self._each_second = each_second
        self._free: dict[bool, deque[_Connection]] = {True: deque(), False: deque()}
        self._connections = [
            _Connection(self, is_about_database=index < readiness) for index in range(readiness + liveness)
        ]
        self._answers: dict[tuple[object, ...], Answer] = {}
        self._recognised: dict[tuple[Request, bytes], Answer] = {}
        self._waits: Waits = {True: [], False: []}
        self._is_over = threading.Event()
        self._error: BaseException | None = None
        self.troubles: list[Trouble] = []
        self.latest: Answer | None = None
        """What was last said of the database."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._is_over.set()
        self.join()
        if self._error and error is None:
            raise self._error

    @property
    def answers(self) -> list[Answer]:
        """Each distinct one."""
        return list(self._answers.values())

    def run(self) -> None:
        try:
            asyncio.run(self._ask_steadily())
        except BaseException as error:  # noqa: BLE001 - raised where the block ends
            self._error = error

    async def _ask_steadily(self) -> None:
        await asyncio.gather(*(connection.open(self._port) for connection in self._connections))
        ticking = asyncio.create_task(self._tick_each_second())
        requests, spare = cycle(ROUND), cycle(LIVENESS_ONLY)
        due, last = 0.0, time.monotonic()
        while not self._is_over.is_set():
            if ticking.done():
                await ticking  # raises what ended it: there is no process to look at any more
            now = time.monotonic()
            due = min(due + (now - last) * self._rate, max(1.0, self._rate * _BURST_SECONDS))
            last = now
            while due >= 1 and self._ask(requests, spare):
                due -= 1
            await asyncio.sleep(_TICK_SECONDS)
        await self._finish()
        ticking.cancel()

    def _ask(self, requests: Iterator[Request], spare: Iterator[Request]) -> bool:
        request = next(requests)
        free = self._free[request.is_about_database]
        if not free:
            request, free = next(spare), self._free[False]
        if not free:
            return False
        free.popleft().ask(request)
        return True

    async def _finish(self) -> None:
        deadline = time.monotonic() + _LIMIT_SECONDS
        while any(connection.request for connection in self._connections) and time.monotonic() < deadline:
            await asyncio.sleep(_TICK_SECONDS)
        for connection in self._connections:
            connection.leave("no answer before the end")

    async def _tick_each_second(self) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            at += 1
            await asyncio.sleep(at - loop.time())
            waits, self._waits = self._waits, {True: [], False: []}
            self._recognised.clear()  # the date has changed
            for connection in self._connections:
                if connection.request and time.time() - connection.sent_at > _LIMIT_SECONDS:
                    connection.leave(f"no answer within {_LIMIT_SECONDS:g} s")
            self._each_second(waits)

    def take(self, request: Request, raw: bytes, sent_at: float) -> bool:
        """Write it down, if it is complete."""
        received_at = time.time()
        answer = self._recognised.get((request, raw))
        if answer is None:
            answer = Answer.parse(request, raw)
            if answer is None:
                return False
            answer = self._recognised[request, raw] = self._answers.setdefault(answer.key, answer)
        answer.sent.append(sent_at)
        answer.received.append(received_at)
        self._waits[request.is_about_database].append(received_at - sent_at)
        if request is PLAIN:
            self.latest = answer
        return True

    def is_free(self, connection: "_Connection") -> None:
        self._free[connection.is_about_database].append(connection)

    def lost(self, connection: "_Connection", what: str) -> None:
        """A trouble, and a new connection in its place."""
        if len(self.troubles) < _TROUBLES:
            self.troubles.append(
                Trouble(connection.sent_at if connection.request else time.time(), connection.request, what)
            )
        if connection in self._free[connection.is_about_database]:
            self._free[connection.is_about_database].remove(connection)
        successor = _Connection(self, is_about_database=connection.is_about_database)
        self._connections[self._connections.index(connection)] = successor
        if not self._is_over.is_set():
            successor.opening = asyncio.get_running_loop().create_task(successor.open(self._port))


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, load: Load, *, is_about_database: bool) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._has_left = False
        self.is_about_database = is_about_database
        self.request: Request | None = None
        self.sent_at = 0.0
        self.opening: asyncio.Task[None] | None = None

    async def open(self, port: int) -> None:
        deadline = time.monotonic() + _LIMIT_SECONDS
        while True:
            try:
                await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.is_free(self)

    def ask(self, request: Request) -> None:
        assert self._transport is not None
        self.request, self._received, self.sent_at = request, b"", time.time()
        self._transport.write(request.raw)

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            if self.request is None:
                self.leave("data that nobody asked for")
            elif self._load.take(self.request, self._received, self.sent_at):
                self.request = None
                self._load.is_free(self)
        except (ValueError, KeyError, IndexError):
            self.leave("no HTTP")

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._has_left:
            self._has_left = True
            self._load.lost(self, f"the connection was closed: {exc!r}" if exc else "the connection was closed")

    def leave(self, why: str) -> None:
        """Close it; an answer that is still owed is a trouble."""
        if self.request or not self._load._is_over.is_set():
            self.connection_lost(OSError(why))
        self._has_left = True
        if self._transport:
            self._transport.abort()
