"""A second look at a failed connection: finds the real reason where the error alone says too little."""

import errno
import socket
import ssl
from collections.abc import Sequence

import asyncpg

from pgvector_ready.database.exceptions import (
    NotPostgreSQLError,
    ProtocolViolationError,
    StalledError,
    TlsNotSupportedError,
    TlsRootMissingError,
    TlsUnansweredError,
)
from pgvector_ready.database.greeting import Greeting, greet, is_socket, knock, speaks_in_clear
from pgvector_ready.database.said import causes
from pgvector_ready.database.tls import Tls
from pgvector_ready.dsn import Host

# An errno that says all there is to say. asyncio's error for a name with several addresses has none.
_PLAIN = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
    }
)
_OWN = (NotPostgreSQLError, StalledError, TlsRootMissingError, socket.gaierror, ssl.SSLCertVerificationError)


async def diagnose(
    error: Exception, host: Host, addresses: Sequence[str], tls: Tls, timeout_seconds: float
) -> Exception:
    """Return the error, or a better one, after asking the server once more who it is."""
    if _is_plain(error):
        return error
    if is_socket(host) and isinstance(error, OSError) and not isinstance(error, (ConnectionError, TimeoutError)):
        return FileNotFoundError(errno.ENOENT, "no socket to be used")  # a path too long, through a file, forbidden
    look = _look_in_clear if tls.is_plain_first else _look
    try:
        return await look(error, host, addresses, tls, timeout_seconds)
    except StalledError as found:
        return found if isinstance(error, TimeoutError) else error
    except OSError as found:
        return found


async def _look_in_clear(
    error: Exception, host: Host, addresses: Sequence[str], _: Tls, timeout_seconds: float
) -> Exception:
    """Ask without a byte about TLS: it breaks some servers, and sslmode=disable may be there for one of them."""
    await knock(host, addresses, timeout_seconds)
    return StalledError("greeting") if isinstance(error, TimeoutError) else error


async def _look(error: Exception, host: Host, addresses: Sequence[str], tls: Tls, timeout_seconds: float) -> Exception:
    is_silent = isinstance(error, TimeoutError)
    greeting = await _greeting(host, addresses, timeout_seconds / 2, is_silent=is_silent)
    match greeting:
        case Greeting.PLAIN if tls.is_required:
            return TlsNotSupportedError()
        case Greeting.FOREIGN:
            return NotPostgreSQLError()
        case Greeting.PLAIN | Greeting.TLS:
            return StalledError("login") if is_silent else error
    # It does not take the question for TLS. Perhaps it takes a login without it.
    if await speaks_in_clear(host, addresses, timeout_seconds / 2):
        return TlsUnansweredError(greeting)
    if greeting is Greeting.ERROR:
        return NotPostgreSQLError()
    return StalledError("greeting_tls") if is_silent else closed()


async def _greeting(host: Host, addresses: Sequence[str], timeout_seconds: float, *, is_silent: bool) -> Greeting:
    """Return the answer of `greet`, or that there was silence."""
    try:
        return await greet(host, addresses, timeout_seconds, handshake=is_silent)
    except StalledError as found:
        if found.phase != "greeting":
            raise
        return Greeting.SILENT


def closed() -> ConnectionResetError:
    """Return the error of a proxy without a server behind it, which hangs up before it has said a word."""
    return ConnectionResetError(errno.ECONNRESET, "closed before a word was said")


def _is_plain(error: Exception) -> bool:
    if any(isinstance(cause, NotPostgreSQLError | ProtocolViolationError) for cause in causes(error)):
        return True  # found in what it sent
    if isinstance(error, asyncpg.PostgresError):
        return bool(getattr(error, "severity", None))  # the server's own words; asyncpg's have no severity
    return isinstance(error, _OWN) or (isinstance(error, OSError) and error.errno in _PLAIN)
