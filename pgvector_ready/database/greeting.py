"""Finds out who answers on a port, by an SSLRequest: a PostgreSQL server or pooler answers it with exactly one byte."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from ipaddress import ip_address

from pgvector_ready.database.exceptions import StalledError
from pgvector_ready.database.framing import Framing
from pgvector_ready.dsn import Host

# https://www.postgresql.org/docs/18/protocol-message-formats.html, SSLRequest: length 8, code 80877103.
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
# StartupMessage: its length, protocol 3.0, and a user's name.
_NAMELESS_LOGIN = struct.pack("!ihh", 21, 3, 0) + b"user\0nobody\0\0"
_ERROR_HEAD = b"E\x00\x00"


class Greeting(StrEnum):
    """The first byte that the server answered, or how it failed to."""

    TLS = "S"
    PLAIN = "N"
    CLOSED = "closed"
    SILENT = "silent"
    ERROR = "error"
    FOREIGN = "foreign"


def is_socket(host: Host) -> bool:
    """Return whether it is the folder of a Unix socket, which needs no name look-up and has no TLS."""
    return host.name.startswith("/")


class Resolver:
    """Looks names up, each on one thread at most, and that one nobody waits for when the process ends.

    A silent name server holds a thread for 10 s and more (resolv.conf(5): timeout x attempts x servers). The event
    loop's own threads would all be taken by it in the end, and would hold up the process's exit.
    """

    def __init__(self) -> None:
        self._lookups: dict[str, asyncio.Future[list[str]]] = {}

    async def addresses(self, name: str) -> list[str]:
        """The IP addresses of `name`, at least one. Raises socket.gaierror, and UnicodeError for what is no host name.

        Whoever gives up leaves the lookup running, and the next one who asks for the same name waits for the same.
        """
        if _is_address(name):
            return [name]
        lookup = self._lookups.get(name)
        if lookup is None or lookup.done():
            lookup = self._lookups[name] = self._start(name)
        return await asyncio.shield(lookup)

    def _start(self, name: str) -> asyncio.Future[list[str]]:
        loop = asyncio.get_running_loop()
        lookup: asyncio.Future[list[str]] = loop.create_future()
        lookup.add_done_callback(_seen)

        def tell(outcome: list[str] | Exception) -> None:
            if isinstance(outcome, Exception):
                lookup.set_exception(outcome)
            else:
                lookup.set_result(outcome)

        def look_up() -> None:
            outcome = _look_up(name)
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                loop.call_soon_threadsafe(tell, outcome)

        threading.Thread(target=look_up, name="lookup", daemon=True).start()
        return lookup


def _look_up(name: str) -> list[str] | Exception:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return error
    return [str(address[0]) for *_, address in found]


def _seen(lookup: asyncio.Future[list[str]]) -> None:
    """Take the outcome: asyncio complains of an exception that nobody takes."""
    if not lookup.cancelled():
        lookup.exception()


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def greet(host: Host, addresses: Sequence[str], timeout_seconds: float, *, handshake: bool = False) -> Greeting:
    """Ask `host` who it is, and with `handshake` also go through TLS (unverified) when it is offered.

    Raises StalledError with the phase that went silent, or the OSError of the address that answered last: asyncio's own
    error for several addresses carries no errno.
    """
    phase = "tcp"
    try:
        async with asyncio.timeout(timeout_seconds), _stream(host, addresses, timeout_seconds) as (reader, writer):
            phase = "greeting"
            writer.write(_SSL_REQUEST)
            answer = await reader.read(16)  # more than the one byte, so that a banner such as "SSH-2.0" is told apart
            if answer == Greeting.TLS.encode() and handshake:
                phase = "tls"
                await writer.start_tls(_unverified(), server_hostname=host.name)
    except TimeoutError as error:
        raise StalledError(phase) from error
    except (ConnectionResetError, BrokenPipeError):
        return Greeting.CLOSED
    if answer in {b"S", b"N"}:
        return Greeting(answer.decode())
    if _is_error(answer):
        return Greeting.ERROR
    return Greeting.FOREIGN if answer else Greeting.CLOSED


async def knock(host: Host, addresses: Sequence[str], timeout_seconds: float) -> None:
    """Open a connection, say nothing and leave. Raises StalledError, or the OSError of the last address."""
    try:
        async with asyncio.timeout(timeout_seconds), _stream(host, addresses, timeout_seconds):
            pass
    except TimeoutError as error:
        raise StalledError(phase="tcp") from error


async def speaks_in_clear(host: Host, addresses: Sequence[str], timeout_seconds: float) -> bool:
    """Return True if a PostgreSQL server answers a login without a question for TLS before it.

    The login names nobody: where TLS is demanded, the user's name would cross the network in the clear.
    """
    framing = Framing()
    try:
        async with asyncio.timeout(timeout_seconds), _stream(host, addresses, timeout_seconds) as (reader, writer):
            writer.write(_NAMELESS_LOGIN)
            while not framing.has_spoken and not framing.violation and (data := await reader.read(4096)):
                framing.feed(data)
    except OSError:  # TimeoutError among them
        return False
    return framing.has_spoken


def _is_error(answer: bytes) -> bool:
    """The beginning of an ErrorResponse: its length is far below 65,536."""
    return len(answer) > len(_ERROR_HEAD) and answer.startswith(_ERROR_HEAD)


@contextlib.asynccontextmanager
async def _stream(
    host: Host, addresses: Sequence[str], timeout_seconds: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if is_socket(host):
        reader, writer = await asyncio.open_unix_connection(f"{host.name}/.s.PGSQL.{host.port}")
    else:
        reader, writer = await _open(host, addresses, timeout_seconds)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # never closed gracefully: a silent peer would keep the socket for 30 s


async def _open(
    host: Host, addresses: Sequence[str], timeout_seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to one address after the other, each with its share of the time, so that the error has a real errno."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    failed: OSError | None = None
    for number, address in enumerate(addresses):
        share = (deadline - loop.time()) / (len(addresses) - number)
        try:
            async with asyncio.timeout(share):
                return await _open_address(address, host.port)
        except OSError as error:  # TimeoutError among them
            failed = error
    raise failed or OSError("no address")


async def _open_address(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, and close the socket when cancelled; asyncio itself leaks it when cancelled at the wrong moment."""
    family, kind, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[
        0
    ]
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)  # noqa: FBT003 - it takes it in no other way
        await asyncio.get_running_loop().sock_connect(sock, where)
        return await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
