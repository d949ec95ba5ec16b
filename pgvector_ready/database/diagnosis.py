"""What is really behind an error in connecting that says too little."""

import errno
import socket
import ssl
from collections.abc import Sequence

import asyncpg

from pgvector_ready.database.errors import (
    NotPostgreSQLError,
    ProtocolViolationError,
    StalledError,
    TlsNotSupportedError,
    TlsRootMissingError,
    causes,
)
from pgvector_ready.database.greeting import Greeting, greet, is_socket
from pgvector_ready.database.tls import Tls
from pgvector_ready.dsn import Host

# An errno that says all there is to say. asyncio's error for a name with several addresses has none.
_PLAIN = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EPIPE,
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


async def refuse_stranger(host: Host, timeout_seconds: float) -> None:
    """asyncpg's parser can spin for ever on another protocol's bytes; where TLS comes first it asks for itself."""
    match await greet(host, [host.address or host.name], timeout_seconds):  # by name, as asyncpg itself will connect
        case Greeting.FOREIGN:
            raise NotPostgreSQLError
        case Greeting.CLOSED:
            raise closed()


async def diagnose(
    error: Exception, host: Host, addresses: Sequence[str], tls: Tls, timeout_seconds: float
) -> Exception:
    """The same error, or a better one, after asking the server once more who it is."""
    if _is_plain(error):
        return error
    if is_socket(host) and isinstance(error, OSError) and not isinstance(error, (ConnectionError, TimeoutError)):
        return FileNotFoundError(errno.ENOENT, "no socket to be used")  # a path too long, through a file, forbidden
    try:
        # In the clear nobody can have stalled in the handshake.
        has_handshake = isinstance(error, TimeoutError) and tls.mode != "disable"
        greeting = await greet(host, addresses, timeout_seconds, handshake=has_handshake)
    except StalledError as found:
        return found if isinstance(error, TimeoutError) else error
    except OSError as found:
        return found
    return _told_by(greeting, error, tls)


def closed() -> ConnectionResetError:
    """What a proxy does that has nothing behind it."""
    return ConnectionResetError(errno.ECONNRESET, "closed before a word was said")


def _is_plain(error: Exception) -> bool:
    if any(isinstance(cause, NotPostgreSQLError | ProtocolViolationError) for cause in causes(error)):
        return True  # found in what it sent
    if isinstance(error, asyncpg.PostgresError):
        return bool(getattr(error, "severity", None))  # the server's own words; asyncpg's have no severity
    return isinstance(error, _OWN) or (isinstance(error, OSError) and error.errno in _PLAIN)


def _told_by(greeting: Greeting, error: Exception, tls: Tls) -> Exception:
    match greeting:
        case Greeting.FOREIGN:
            return NotPostgreSQLError()
        case Greeting.CLOSED:
            return closed()
        case Greeting.PLAIN if tls.is_required:
            return TlsNotSupportedError()
    return StalledError("login") if isinstance(error, TimeoutError) else error
