"""Who answers on a port: one SSLRequest, which a PostgreSQL server or pooler answers with exactly one byte."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from enum import StrEnum

from app.dsn import Host
from app.failures import StalledError

# https://www.postgresql.org/docs/18/protocol-message-formats.html, SSLRequest: length 8, code 80877103.
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class Greeting(StrEnum):
    """What came back."""

    TLS = "S"
    PLAIN = "N"
    CLOSED = "closed"
    FOREIGN = "foreign"


async def greet(host: Host, timeout_seconds: float, *, handshake: bool = False) -> Greeting:
    """Ask `host` who it is, and with `handshake` also go through TLS (unverified) when it is offered.

    Raises StalledError with the phase that went silent, or the OSError of the address that answered last: asyncio's own
    error for several addresses carries no errno.
    """
    phase = ["name"]
    try:
        async with asyncio.timeout(timeout_seconds), _stream(host, phase) as (reader, writer):
            phase[0] = "greeting"
            writer.write(_SSL_REQUEST)
            answer = await reader.read(16)  # more than the one byte, so that a banner such as "SSH-2.0" is told apart
            if answer == Greeting.TLS.encode() and handshake:
                phase[0] = "tls"
                await writer.start_tls(_unverified())
    except TimeoutError as error:
        raise StalledError(phase[0]) from error
    except ConnectionResetError:
        return Greeting.CLOSED
    if answer in {b"S", b"N"}:
        return Greeting(answer.decode())
    return Greeting.FOREIGN if answer else Greeting.CLOSED


@contextlib.asynccontextmanager
async def _stream(host: Host, phase: list[str]) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if host.name.startswith("/"):
        reader, writer = await asyncio.open_unix_connection(f"{host.name}/.s.PGSQL.{host.port}")
    else:
        reader, writer = await _open(host, phase)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # never closed gracefully: a silent peer would keep the socket for 30 s


async def _open(host: Host, phase: list[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Each address by itself, so that what is raised is a real errno."""
    loop = asyncio.get_running_loop()
    addresses = await loop.getaddrinfo(host.address or host.name, host.port, type=1)
    phase[0] = "tcp"
    failed: OSError | None = None
    for _, _, _, _, address in addresses:
        try:
            return await asyncio.open_connection(str(address[0]), host.port)
        except OSError as error:
            failed = error
    raise failed or OSError("no address")


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
