"""The one way to the database: bounded in time, TLS as the connection string asks, every stall and stranger named."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.dsn import ConnectionString, Host, Target
from app.failures import (
    NoMatchingHostError,
    NotPostgreSQLError,
    StalledError,
    TlsNotSupportedError,
    TlsRequiredError,
    TlsRootMissingError,
)
from app.greeting import Greeting, greet

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# What is kept of the time for connecting, to find out afterwards in which phase it stalled.
_DIAGNOSIS_SHARE = 0.2

# Whether the server itself speaks: a pooler hands out a made-up process id. Only then may the session be given a setting,
# which a pooler would pass on to somebody else's.
_INTRODUCTION = "SELECT {setting} WHERE pg_catalog.pg_backend_pid() = {process_id}"
# The server ends a session of a probe that it hears nothing from: on a silently dead path it never learns that we left,
# and such sessions would fill its slots. Set after connecting, because PgBouncer refuses it as a start-up parameter.
_END_WHEN_ABANDONED = "pg_catalog.set_config('idle_session_timeout', '30s', false)"
_IDLE_SESSION_TIMEOUT_SINCE = 14

# An errno that says all there is to say. asyncio's error for a name with several addresses has none.
_PLAIN = frozenset({
    errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE, errno.ENOENT, errno.EACCES, errno.EPERM,
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN,
})


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, and what was learnt in opening it. Its owner ends it by `terminate()`, never by closing."""

    connection: _Connection
    host: Host
    tls: str | None
    is_pooled: bool

    def terminate(self) -> None:
        """Let go of the socket at once: closing would wait for a server that may never answer."""
        self.connection.terminate()


class Database:
    """Where to connect and how. The probe, the application's engine and the migrations all connect through this."""

    def __init__(self, connection_string: ConnectionString, connect_timeout_seconds: float) -> None:
        self.connection_string = connection_string
        self.connect_timeout_seconds = connect_timeout_seconds
        # What the newest connection saw; until there was one, no more than what the connection string suggests.
        self.is_pooled: bool | None = connection_string.is_pooled or None

    @property
    def target(self) -> Target:
        """What may be shown of where it leads."""
        return self.connection_string.target

    async def connect(self, *, is_probe: bool = False) -> Link:
        """A connection that belongs to the caller, to the first host that answers as asked.

        Raises what `failures.classify` has names for: OSError, ssl.SSLError, asyncpg's errors, and this project's own.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.connect_timeout_seconds
        attempts = [(words, host) for words in self._session_attributes() for host in self.connection_string.hosts]
        failed: Exception | None = None
        for number, (words, host) in enumerate(attempts):
            share = (deadline - loop.time()) / (len(attempts) - number)
            try:
                link = await self._attempt(host, words, share, is_probe=is_probe)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.TargetServerAttributeNotMatched) as error:
                # As libpq does: a host that cannot be had gives way to the next one, a refused password does not.
                is_told = isinstance(failed, asyncpg.TargetServerAttributeNotMatched)
                failed = failed if is_told else error
            else:
                self.is_pooled = link.is_pooled
                return link
        if isinstance(failed, asyncpg.TargetServerAttributeNotMatched):
            raise NoMatchingHostError from failed
        raise failed or OSError(errno.EADDRNOTAVAIL, "no host to connect to")

    def _session_attributes(self) -> tuple[str, ...]:
        wanted = self.connection_string.target_session_attrs
        return ("standby", "any") if wanted == "prefer-standby" else (wanted,)

    async def _attempt(self, host: Host, session_attributes: str, timeout_seconds: float, *, is_probe: bool) -> Link:
        tls = _Tls.of(self.connection_string, host)
        reserve = timeout_seconds * _DIAGNOSIS_SHARE
        try:
            async with asyncio.timeout(timeout_seconds - reserve):
                if tls.is_plain_first:
                    await _refuse_stranger(host, timeout_seconds)
                connection = await self._open(host, tls, target_session_attrs=session_attributes)
                return await _introduce(connection, host, is_probe=is_probe)
        except (OSError, asyncpg.PostgresError) as error:
            raise await self._diagnose(error, host, tls, reserve) from error

    async def _open(self, host: Host, tls: "_Tls", **more: Any) -> _Connection:  # noqa: ANN401 - asyncpg's own words
        wanted = self.connection_string
        return await asyncpg.connect(
            host=host.address or host.name,
            port=host.port,
            user=wanted.user,
            database=wanted.database,
            password=wanted.password,
            passfile=wanted.passfile,
            server_settings=dict(wanted.server_settings) or None,
            timeout=self.connect_timeout_seconds + 1,  # a net below ours, which comes first
            statement_cache_size=0,  # a transaction pooler may stand between; SQLAlchemy keeps a cache of its own
            **tls.arguments,
            **more,
        )

    async def _diagnose(self, error: Exception, host: Host, tls: "_Tls", timeout_seconds: float) -> Exception:
        """What is really behind an error that says too little."""
        if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and tls.mode == "disable":
            return await self._diagnose_refusal(error, host, timeout_seconds)
        if _is_plain(error):
            return error
        try:
            greeting = await greet(host, timeout_seconds, handshake=isinstance(error, TimeoutError))
        except OSError as found:
            return found
        return _told_by(greeting, error, tls)

    async def _diagnose_refusal(self, error: Exception, host: Host, timeout_seconds: float) -> Exception:
        """28000 in the clear is a role that may not log in, or a server that insists on TLS: only trying tells."""
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._open(host, _Tls("require", {"ssl": "require"}))
        except asyncpg.InvalidPasswordError:
            return TlsRequiredError()
        except (OSError, asyncpg.PostgresError):
            return error
        connection.terminate()
        return TlsRequiredError()


@dataclass(frozen=True, slots=True)
class _Tls:
    """libpq's TLS words for one host, and what asyncpg is given for them."""

    mode: str
    arguments: dict[str, Any]

    @classmethod
    def of(cls, wanted: ConnectionString, host: Host) -> "_Tls":
        words = dict(wanted.tls)
        mode = words.setdefault("sslmode", "prefer")
        if host.name.startswith("/") or mode == "disable":
            return cls("disable", {"ssl": False})
        if words.get("sslrootcert") == "system":
            return cls(mode, {"ssl": ssl.create_default_context()})
        root = Path(words.get("sslrootcert") or Path.home() / ".postgresql/root.crt")
        if not root.is_file():
            if mode.startswith("verify"):
                raise TlsRootMissingError
            words.pop("sslrootcert", None)  # libpq verifies nothing then, asyncpg would fail
        # asyncpg reads these words from a connection string only; this one holds nothing else.
        return cls(mode, {"dsn": f"postgresql://?{urlencode(words)}"})

    @property
    def is_plain_first(self) -> bool:
        return self.mode in {"disable", "allow"}

    @property
    def is_required(self) -> bool:
        return self.mode in {"require", "verify-ca", "verify-full"}


async def _refuse_stranger(host: Host, timeout_seconds: float) -> None:
    """asyncpg's parser can spin for ever on another protocol's bytes; where TLS comes first it asks for itself."""
    match await greet(host, timeout_seconds):
        case Greeting.FOREIGN:
            raise NotPostgreSQLError
        case Greeting.CLOSED:
            raise ConnectionResetError(errno.ECONNRESET, "closed before a word was said")


async def _introduce(connection: _Connection, host: Host, *, is_probe: bool) -> Link:
    has_timeout = connection.get_server_version().major >= _IDLE_SESSION_TIMEOUT_SINCE
    setting = _END_WHEN_ABANDONED if is_probe and has_timeout else "1"
    with _terminated_on_error(connection):
        answer = await connection.execute(
            _INTRODUCTION.format(setting=setting, process_id=connection.get_server_pid()),
        )
    # asyncpg has no public word for it, and the server's own pg_stat_ssl is blind behind a pooler.
    tls = connection._transport.get_extra_info("ssl_object")  # noqa: SLF001
    return Link(connection, host, tls.version() if tls else None, is_pooled=answer == "SELECT 0")


@contextlib.contextmanager
def _terminated_on_error(connection: _Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.terminate()
        raise


def _is_plain(error: Exception) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return bool(getattr(error, "severity", None))  # the server's own words; asyncpg's have no severity
    own = (NotPostgreSQLError, StalledError, socket.gaierror, ssl.SSLError)
    return isinstance(error, own) or (isinstance(error, OSError) and error.errno in _PLAIN)


def _told_by(greeting: Greeting, error: Exception, tls: _Tls) -> Exception:
    match greeting:
        case Greeting.FOREIGN:
            return NotPostgreSQLError()
        case Greeting.CLOSED:
            return ConnectionResetError(errno.ECONNRESET, "closed before a word was said")
        case Greeting.PLAIN if tls.is_required:
            return TlsNotSupportedError()
    return StalledError("login") if isinstance(error, TimeoutError) else error


def create_engine(database: Database) -> AsyncEngine:
    """The application's engine, with a pool of its own that no probe ever takes a connection from."""
    engine = create_async_engine(
        "postgresql+asyncpg://",  # nothing of the connection string: `engine.url` is shown in many places
        pool_size=5,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=300,
        pool_timeout=5,
    )

    async def open_connection() -> _Connection:
        return (await database.connect()).connection

    @event.listens_for(engine.sync_engine, "do_connect")
    def provide(_dialect: Dialect, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        parameters["async_creator_fn"] = open_connection
        if database.is_pooled is not False:
            # A prepared statement made through a transaction pooler may lie on somebody else's session afterwards.
            parameters["prepared_statement_cache_size"] = 0

    return engine
