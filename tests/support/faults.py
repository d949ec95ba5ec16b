"""What goes wrong on the way to a server, on demand: real sockets, on 127.0.0.1 and in networks of their own."""

import asyncio
import ctypes
import os
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Self, TypeVar

from tests.support.postgres import free_port

_T = TypeVar("_T")
_CLONE_NEWNET = 0x40000000  # sched.h


@dataclass(eq=False, slots=True)
class Visit:
    """One connection through a door."""

    door: "Door"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    # What is read meanwhile is kept back, the end of either side included.
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    async def forward(
        self,
        *,
        answers: int | None = None,
        until: bytes | None = None,
        change: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """Let everything through, or so many of the server's answers, or until the client says these bytes.

        What the server says is passed on as `change` makes it.
        """
        reader, self.server = await self.door.reach_server()
        tasks = {
            asyncio.create_task(self._pump(self.reader, self.server, until=until)),
            asyncio.create_task(self._pump(reader, self.writer, pieces=answers, change=change)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        until: bytes | None = None,
        pieces: int | None = None,
        change: Callable[[bytes], bytes] = bytes,
    ) -> None:
        count = 0
        with suppress(OSError):
            while count != pieces:
                data = await source.read(65_536)
                if not self.flows.is_set():
                    self.door.held += 1
                await self.flows.wait()
                if not data or (until is not None and until in data):
                    return
                if self.door.delay_seconds:
                    await asyncio.sleep(self.door.delay_seconds)
                sink.write(change(data))
                await sink.drain()
                count += 1

    def leave(self, *, reset: bool = False) -> None:
        """End both connections, with FIN or with RST."""
        for writer in (self.writer, self.server):
            if writer is None or writer.transport.is_closing():
                continue
            if reset:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort() if reset else writer.close()


Manner = Callable[[Visit], Awaitable[None]]


async def pass_through(visit: Visit) -> None:
    await visit.forward()


async def say_nothing(_: Visit) -> None:
    """Accept, and then silence."""
    await asyncio.Event().wait()


async def close_at_once(_: Visit) -> None:
    """With FIN, as a proxy does whose database sleeps."""


async def reset_at_once(visit: Visit) -> None:
    visit.leave(reset=True)


def say(banner: bytes, *, first: bool = True) -> Manner:
    """Another protocol: what it says of itself, or only once it was spoken to; then it waits."""

    async def manner(visit: Visit) -> None:
        if not first:
            await visit.reader.read(1)
        visit.writer.write(banner)
        await visit.writer.drain()
        while await visit.reader.read(65_536):
            pass

    return manner


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One of PostgreSQL's messages."""
    return kind + struct.pack("!i", 4 + len(body)) + body


def refuse(sqlstate: str, words: str = "who are you, secret?") -> Manner:
    """What a provider's shared proxy does: it has no TLS here, and an error of its own for whoever logs in."""

    async def manner(visit: Visit) -> None:
        await visit.reader.readexactly(8)  # the SSLRequest
        visit.writer.write(b"N")
        await visit.reader.read(65_536)
        visit.writer.write(message(b"E", f"SFATAL\0VFATAL\0C{sqlstate}\0M{words}\0\0".encode()))
        await visit.writer.drain()

    return manner


def stall_after(answers: int) -> Manner:
    """Fall silent, in both directions, after so many of the server's answers: 1 is the answer to the SSLRequest."""

    async def manner(visit: Visit) -> None:
        await visit.forward(answers=answers)
        await asyncio.Event().wait()

    return manner


def stall_at(words: bytes) -> Manner:
    """Fall silent when the client says these words."""

    async def manner(visit: Visit) -> None:
        await visit.forward(until=words)
        await asyncio.Event().wait()

    return manner


def answer_at(words: bytes, *pieces: bytes) -> Manner:
    """Answer with these bytes, in the server's place, when the client says these words; then wait."""

    async def manner(visit: Visit) -> None:
        await visit.forward(until=words)
        for piece in pieces:
            visit.writer.write(piece)
        await visit.writer.drain()
        while await visit.reader.read(65_536):
            pass

    return manner


def flood_at(words: bytes, first: bytes, rest: Callable[[int], bytes]) -> Manner:
    """The same, and then piece after piece for as long as anybody reads."""

    async def manner(visit: Visit) -> None:
        await visit.forward(until=words)
        visit.writer.write(first)
        for number in count():
            visit.writer.write(rest(number))
            await visit.writer.drain()

    return manner


def change(function: Callable[[bytes], bytes]) -> Manner:
    """Pass on what the server says as this function makes it."""

    async def manner(visit: Visit) -> None:
        await visit.forward(change=function)

    return manner


def damage(chance: Random) -> Manner:
    """Damage what the server says: now and then, differently on every connection, the same for the same seed."""

    async def manner(visit: Visit) -> None:
        rate = chance.choice((0.05, 0.3, 0.8))
        kind = chance.choice(_DAMAGES)
        await visit.forward(change=lambda data: kind(chance, data) if chance.random() < rate else data)

    return manner


def _overwrite(chance: Random, data: bytes) -> bytes:
    at, few = chance.randrange(len(data)), chance.randbytes(chance.choice((1, 1, 2, 4, 30)))
    return data[:at] + few + data[at + len(few) :]


def _cut_out(chance: Random, data: bytes) -> bytes:
    start, end = sorted(chance.choices(range(len(data) + 1), k=2))
    return data[:start] + data[end:]


def _repeat(chance: Random, data: bytes) -> bytes:
    start, end = sorted(chance.choices(range(len(data) + 1), k=2))
    return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]


def _put_in(chance: Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_STRAY) + data[at:]


def _lie_about_length(chance: Random, data: bytes) -> bytes:
    """The length of one of the messages, where it is one that begins here."""
    at = 0
    for _ in range(chance.randrange(6)):
        after = at + 1 + int.from_bytes(data[at + 1 : at + 5], "big")
        at = after if after + 5 <= len(data) else at
    length = chance.choice((0, 3, 4, 5, 255, 65_536, 1_900_000_000, 2**32 - 1))
    return data[: at + 1] + length.to_bytes(4, "big") + data[at + 5 :]


def _replace(chance: Random, data: bytes) -> bytes:
    return chance.choice(_STRAY) * chance.choice((1, 3)) if chance.random() < 0.5 else chance.randbytes(len(data))


_DAMAGES = (_overwrite, _cut_out, _repeat, _put_in, _lie_about_length, _replace)
# Sound by themselves, each in the wrong place.
_STRAY = (
    *(message(kind) for kind in (b"1", b"2", b"3", b"n", b"s", b"I", b"c", b"d")),
    *(message(b"Z", state) for state in (b"I", b"T", b"E")),
    *(message(b"R", struct.pack("!i", code) + rest) for code, rest in ((0, b""), (3, b""), (5, b"salt"), (10, b"\0"))),
    message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"),
    message(b"R", struct.pack("!i", 11) + b"r=x,s=c2FsdA==,i=1"),
    message(b"R", struct.pack("!i", 12) + b"v=x"),
    message(b"K", bytes(8)),
    message(b"C", b"SELECT 1\0"),
    message(b"D", struct.pack("!hi", 1, 1) + b"t"),
    message(b"T", struct.pack("!h", 0)),
    message(b"H", b"\0\0\0"),
    message(b"d", b"{}\n"),
    message(b"E", b"SERROR\0VERROR\0C42P01\0Mno\0\0"),
    message(b"E", b"\0"),
    message(b"E", b"SFATAL\0VFATAL\0C57P01\0Mno\0\0"),
    message(b"N", b"SWARNING\0VWARNING\0C57P02\0Mno\0\0"),
    message(b"S", b"client_encoding\0SQL_ASCII\0"),
    message(b"S", b"client_encoding\0NONSENSE\0"),
    message(b"S", b"server_version\0nonsense\0"),
    message(b"S", b"in_hot_standby\0on\0"),
    message(b"A", bytes(4) + b"a\0b\0"),
    message(b"t", struct.pack("!hi", 1, 16)),
    message(b"v", struct.pack("!ii", 196608, 0)),
)


def under_tls(context: ssl.SSLContext, manner: Manner) -> Manner:
    """The same behind TLS, of which the server knows nothing."""

    async def under(visit: Visit) -> None:
        await visit.reader.readexactly(8)  # the SSLRequest
        visit.writer.write(b"S")
        await visit.writer.start_tls(context)
        try:
            await manner(visit)
        finally:
            visit.writer.transport.abort()  # TLS's farewell would wait for whoever has left

    return under


def cut_at(words: bytes, *, reset: bool = False) -> Manner:
    """Cut it, with FIN or with RST, when the client says these words."""

    async def manner(visit: Visit) -> None:
        await visit.forward(until=words)
        visit.leave(reset=reset)

    return manner


class Door:
    """A listener before a real server, whose manners towards new connections change at run time."""

    def __init__(self, server: int | Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.manner: Manner = pass_through
        self.delay_seconds = 0.0
        # How often something was held back while the way was frozen.
        self.held = 0
        self._behind = server
        self._visits: dict[Visit, asyncio.Task[None]] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._listener: asyncio.Server | None = None

    async def reach_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._behind, Path):
            reader, writer = await asyncio.open_unix_connection(self._behind)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._behind)
        self._writers.append(writer)
        return reader, writer

    async def open(self, listener: socket.socket | None = None) -> None:
        """Listen, on this socket or on the same port as ever."""
        if listener:
            self._listener = await asyncio.start_server(self._receive, sock=listener)
        else:
            self._listener = await asyncio.start_server(self._receive, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Nobody listens any more, and whoever was inside is cut."""
        if self._listener:
            self._listener.close()
            self._listener = None
            for _ in range(5):  # whoever was just let in becomes a visit, and is cut with the others
                await asyncio.sleep(0)
        await self.cut()

    async def cut(self, *, reset: bool = False) -> None:
        """End what is open now; new connections are met as `manner` says."""
        for visit, task in tuple(self._visits.items()):
            visit.leave(reset=reset)
            task.cancel()
        while self._visits:
            await asyncio.wait(set(self._visits.values()))

    def freeze(self) -> None:
        """Hold every byte of what is open now, and the news that one side has left."""
        for visit in self._visits:
            visit.flows.clear()

    def thaw(self) -> None:
        for visit in self._visits:
            visit.flows.set()

    @property
    def visits(self) -> int:
        """How many connections are open now."""
        return len(self._visits)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.thaw()
        await self.shut()
        for writer in self._writers:  # a closed one may wait for ever to write what nobody reads any more
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        visit = Visit(self, reader, writer)
        visit.flows.set()
        self._visits[visit] = task = asyncio.create_task(self._attend(visit))
        task.add_done_callback(lambda _: self._visits.pop(visit))

    async def _attend(self, visit: Visit) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await self.manner(visit)
        visit.leave()


@asynccontextmanager
async def door(server: int | Path, manner: Manner = pass_through) -> AsyncIterator[Door]:
    """A door that begins with this manner."""
    it = Door(server)
    it.manner = manner
    async with it:
        yield it


@contextmanager
def black_hole(port: int, address: str = "127.0.0.1") -> Iterator[None]:
    """A port whose packets are dropped: a listener that never accepts, with its queue filled. Linux."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        waiting = [_knock(port, address) for _ in range(3)]
        try:
            yield
        finally:
            for connection in waiting:
                connection.close()


def _knock(port: int, address: str) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(0)
    with suppress(BlockingIOError):
        connection.connect((address, port))
    return connection


class Namespace:
    """A network and a `/etc/resolv.conf` of one test's own, and this process's threads as its visitors. Needs root."""

    def __init__(self, folder: Path) -> None:
        self._resolv_conf = folder / "resolv.conf"
        self._resolv_conf.write_text("nameserver 127.0.0.1\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        script = (
            f"ip link set lo up && mount --bind {self._resolv_conf} /etc/resolv.conf && echo && exec sleep infinity"
        )
        command = ["unshare", "--net", "--mount", "sh", "-ec", script]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.read(1), "the namespace could not be made: root, unshare and ip are needed"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()

    @property
    def prefix(self) -> list[str]:
        """What to put before a command that is to run in it."""
        assert self._process is not None
        return ["nsenter", f"--target={self._process.pid}", "--net", "--mount"]

    def run(self, *command: str) -> None:
        subprocess.run([*self.prefix, *command], check=True)

    def do(self, work: Callable[[], _T]) -> _T:
        """Do it on a thread within the network: a socket made there stays there, whoever uses it afterwards."""
        outcome: list[_T] = []

        def enter_and_work() -> None:
            assert self._process is not None
            network = os.open(f"/proc/{self._process.pid}/ns/net", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(network, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(network)
            outcome.append(work())

        thread = threading.Thread(target=enter_and_work)
        thread.start()
        thread.join()
        return outcome[0]


class NameServer:
    """Takes every question, and answers 127.0.0.1 from the moment it is told to."""

    def __init__(self, listener: socket.socket) -> None:
        self.answers = threading.Event()
        self.asked = 0
        self._listener = listener
        self._listener.settimeout(0.05)
        self._stops = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stops.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stops.is_set():
            with suppress(TimeoutError):
                question, client = self._listener.recvfrom(512)
                self.asked += 1
                if self.answers.is_set():
                    self._listener.sendto(_answered(question), client)


def _answered(message: bytes) -> bytes:
    """RFC 1035: the question repeated, and for an A record one answer that points back to the name in it."""
    end = message.index(b"\0", 12) + 5
    is_address = message[end - 4 : end - 2] == b"\0\1"
    header = message[:2] + struct.pack("!5H", 0x8180, 1, int(is_address), 0, 0)
    answer = struct.pack("!3HIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton("127.0.0.1")
    return header + message[12:end] + (answer if is_address else b"")
