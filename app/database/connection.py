"""Connecting: host after host, within a bound, to a connection that says what was learnt in opening it."""

import asyncio
import contextlib
import errno
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakSet

import asyncpg

from app.database.diagnosis import diagnose, refuse_stranger
from app.database.passfile import password_for
from app.database.tls import Tls
from app.dsn import ConnectionString, Host, Target
from app.failures import NoMatchingHostError, StalledError, TlsRequiredError, TlsRootMissingError
from app.greeting import Resolver, is_socket

PostgresConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# What is kept of the time for connecting, to find out afterwards in which phase it stalled.
_DIAGNOSIS_SHARE = 0.2

# What a probe asks of its session, because the server may never learn that the prober has left: on a silently dead
# path, or while its query waits for a lock. Such sessions would fill its slots. Set after connecting, because PgBouncer
# refuses them as start-up parameters; a shorter statement_timeout of the role's stays.
ABANDONED_AFTER_SECONDS = 30.0
ORPHANED_AFTER_SECONDS = 5.0
_END_WHEN_ABANDONED = "pg_catalog.set_config('idle_session_timeout', '{milliseconds}ms', false)"
_IDLE_SESSION_TIMEOUT_SINCE = 14
_END_WHEN_ORPHANED = """\
pg_catalog.set_config('statement_timeout', CASE
    WHEN pg_catalog.current_setting('statement_timeout')::pg_catalog.interval BETWEEN '1ms' AND '{milliseconds}ms'
    THEN pg_catalog.current_setting('statement_timeout') ELSE '{milliseconds}ms' END, false)"""
# Whether the server itself speaks: a pooler hands out a made-up process id. Only then may the session be given
# settings, which a pooler would pass on to somebody else's.
_INTRODUCTION = "SELECT {settings} WHERE pg_catalog.pg_backend_pid() = {process_id}"

# As libpq does: a host that cannot be had gives way to the next one, a refused password does not.
_NEXT_HOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TargetServerAttributeNotMatched,
)


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, and what was learnt in opening it. Its owner ends it by `terminate()`, never by closing."""

    connection: PostgresConnection
    host: Host
    tls: str | None
    is_pooled: bool

    def terminate(self) -> None:
        """Let go of the socket at once: closing would wait for a server that may never answer."""
        self.connection.terminate()


class Database:
    """Where to connect and how. The probe, the application's engine and the migrations all connect through this."""

    def __init__(
        self,
        connection_string: ConnectionString,
        connect_timeout_seconds: float,
        *,
        abandoned_after_seconds: float = ABANDONED_AFTER_SECONDS,
        orphaned_after_seconds: float = ORPHANED_AFTER_SECONDS,
    ) -> None:
        self.connection_string = connection_string
        self.connect_timeout_seconds = connect_timeout_seconds
        # What the newest connection saw; until there was one, no more than what the connection string suggests.
        self.is_pooled: bool | None = connection_string.is_pooled or None
        self._abandoned_after_seconds = abandoned_after_seconds
        self._orphaned_after_seconds = orphaned_after_seconds
        self._resolver = Resolver()
        self._connections: WeakSet[PostgresConnection] = WeakSet()

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
        attempts = [(attributes, host) for attributes in self._session_attributes() for host in self._hosts()]
        failed: Exception | None = None
        for number, (attributes, host) in enumerate(attempts):
            share = (deadline - loop.time()) / (len(attempts) - number)
            try:
                link = await self._attempt(host, attributes, share, is_probe=is_probe)
            except _NEXT_HOST as error:
                is_told = isinstance(failed, asyncpg.TargetServerAttributeNotMatched)
                failed = failed if is_told else error
            else:
                self.is_pooled = link.is_pooled
                self._connections.add(link.connection)
                return link
        if isinstance(failed, asyncpg.TargetServerAttributeNotMatched):
            raise NoMatchingHostError from failed
        raise failed or OSError(errno.EADDRNOTAVAIL, "no host to connect to")

    def terminate(self) -> None:
        """Let go of every connection made here that is still open, whoever has it: the process is about to end."""
        for connection in tuple(self._connections):
            connection.terminate()

    def _session_attributes(self) -> tuple[str, ...]:
        wanted = self.connection_string.target_session_attrs
        return ("standby", "any") if wanted == "prefer-standby" else (wanted,)

    def _hosts(self) -> Sequence[Host]:
        hosts = self.connection_string.hosts
        return random.sample(hosts, len(hosts)) if self.connection_string.load_balance_hosts else hosts

    async def _attempt(self, host: Host, session_attributes: str, timeout_seconds: float, *, is_probe: bool) -> Link:
        reserve = timeout_seconds * _DIAGNOSIS_SHARE
        deadline = asyncio.get_running_loop().time() + timeout_seconds - reserve
        tls = Tls.of(self.connection_string.tls, host)
        addresses = await self._addresses(host, deadline)
        try:
            async with asyncio.timeout_at(deadline):
                if tls.is_plain_first:
                    await refuse_stranger(host, addresses, timeout_seconds)
                connection = await self._open(host, tls, target_session_attrs=session_attributes)
                return await self._introduce(connection, host, is_probe=is_probe)
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            if tls.lacks_certificate and not isinstance(error, asyncpg.InvalidPasswordError):
                raise TlsRootMissingError(parameter="sslcert") from error
            if tls.mode == "disable" and not is_socket(host) and await self._is_welcome_under_tls(host, reserve):
                raise TlsRequiredError from error
            raise
        except (OSError, asyncpg.PostgresError) as error:
            found = await diagnose(error, host, addresses, tls, reserve)
            if found is error:
                raise
            raise found from error

    async def _addresses(self, host: Host, deadline: float) -> Sequence[str]:
        """Looked up before asyncpg does so, whose thread would be the event loop's: see Resolver."""
        if is_socket(host):
            return ()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._resolver.addresses(host.address or host.name)
        except TimeoutError as error:
            raise StalledError(phase="name") from error

    async def _open(self, host: Host, tls: Tls, **more: Any) -> PostgresConnection:
        wanted = self.connection_string
        return await asyncpg.connect(
            host=host.address or host.name,
            port=host.port,
            user=wanted.user,
            database=wanted.database,
            # Empty rather than None, for which asyncpg would look into the password file itself.
            password=wanted.password or password_for(wanted.passfile, host, wanted.database, wanted.user) or "",
            server_settings=dict(wanted.server_settings) or None,
            timeout=self.connect_timeout_seconds + 1,  # a net below ours, which comes first
            statement_cache_size=0,  # a transaction pooler may stand between; SQLAlchemy keeps a cache of its own
            **tls.arguments,
            **more,
        )

    async def _is_welcome_under_tls(self, host: Host, timeout_seconds: float) -> bool:
        """28000 in the clear is a role that may not log in, or a server that insists on TLS: only trying tells."""
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._open(host, Tls.of({"sslmode": "require"}, host))
        except asyncpg.InvalidPasswordError:
            return True
        except (OSError, asyncpg.PostgresError):
            return False
        connection.terminate()
        return True

    async def _introduce(self, connection: PostgresConnection, host: Host, *, is_probe: bool) -> Link:
        settings = self._settings(connection.get_server_version().major) if is_probe else "1"
        with _terminated_on_error(connection):
            process_id = connection.get_server_pid()
            answer = await connection.execute(_INTRODUCTION.format(settings=settings, process_id=process_id))
        # asyncpg has no public word for it, and the server's own pg_stat_ssl is blind behind a pooler.
        tls = connection._transport.get_extra_info("ssl_object")  # noqa: SLF001
        return Link(connection, host, tls.version() if tls else None, is_pooled=answer == "SELECT 0")

    def _settings(self, major_version: int) -> str:
        wanted = [_END_WHEN_ORPHANED.format(milliseconds=int(self._orphaned_after_seconds * 1000))]
        if major_version >= _IDLE_SESSION_TIMEOUT_SINCE:
            wanted.append(_END_WHEN_ABANDONED.format(milliseconds=int(self._abandoned_after_seconds * 1000)))
        return ", ".join(wanted)


@contextlib.contextmanager
def _terminated_on_error(connection: PostgresConnection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.terminate()
        raise
