"""An open connection, what was learnt in opening it, and what is asked of its session."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from pgvector_ready.dsn import Host

PostgresConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# What a probe asks of its session, because the server may never learn that the prober has left: on a silently dead
# path, or while its query waits for a lock. Such sessions would fill its slots. Set after connecting, because PgBouncer
# refuses them as start-up parameters; a shorter statement_timeout of the role's stays.
ABANDONED_AFTER_SECONDS = 30.0
ORPHANED_AFTER_SECONDS = 5.0
_END_WHEN_ABANDONED = "pg_catalog.set_config('idle_session_timeout', '{milliseconds}ms', false)"
_IDLE_SESSION_TIMEOUT_SINCE = 14
# A database in SQL_ASCII holds any bytes, and refuses to send those that are no UTF-8 to whoever asked for that.
_AS_IT_IS = "pg_catalog.set_config('client_encoding', 'SQL_ASCII', false)"
_END_WHEN_ORPHANED = """\
pg_catalog.set_config('statement_timeout', CASE
    WHEN pg_catalog.current_setting('statement_timeout')::pg_catalog.interval OPERATOR(pg_catalog.>=) '1ms'
     AND pg_catalog.current_setting('statement_timeout')::pg_catalog.interval OPERATOR(pg_catalog.<=) '{milliseconds}ms'
    THEN pg_catalog.current_setting('statement_timeout') ELSE '{milliseconds}ms' END, false)"""
# Whether the server itself speaks: a pooler hands out a made-up process id. Only then may the session be given
# settings, which a pooler would pass on to somebody else's.
_INTRODUCTION = "SELECT {settings} WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {process_id}"


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, and what was learnt in opening it. Its owner ends it by `terminate()`, never by closing."""

    connection: PostgresConnection
    host: Host
    tls: str | None
    is_pooled: bool
    # Of libpq's target_session_attrs: what the server had to be to be taken.
    chosen_as: str = "any"

    def terminate(self) -> None:
        """Let go of the socket at once: closing would wait for a server that may never answer."""
        self.connection.terminate()


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts that the server itself enforces, because it may never learn that the prober has left."""

    abandoned_after_seconds: float
    orphaned_after_seconds: float

    def settings(self, major_version: int, encoding: str) -> str:
        """As expressions of a SELECT."""
        wanted = [_END_WHEN_ORPHANED.format(milliseconds=int(self.orphaned_after_seconds * 1000))]
        if major_version >= _IDLE_SESSION_TIMEOUT_SINCE:
            wanted.append(_END_WHEN_ABANDONED.format(milliseconds=int(self.abandoned_after_seconds * 1000)))
        if encoding == "SQL_ASCII":
            wanted.append(_AS_IT_IS)
        return ", ".join(wanted)


async def introduce(connection: PostgresConnection, host: Host, limits: Limits | None) -> Link:
    """Find out who speaks, and set the limits where it is the server itself. What fails is terminated."""
    major_version = connection.get_server_version().major
    encoding = getattr(connection.get_settings(), "server_encoding", "")
    settings = limits.settings(major_version, encoding) if limits else "1"
    with _terminated_on_error(connection):
        process_id = connection.get_server_pid()
        answer = await connection.execute(_INTRODUCTION.format(settings=settings, process_id=process_id))
    # asyncpg has no public word for it, and the server's own pg_stat_ssl is blind behind a pooler.
    tls = connection._transport.get_extra_info("ssl_object")  # noqa: SLF001
    return Link(connection, host, tls.version() if tls else None, is_pooled=answer == "SELECT 0")


@contextlib.contextmanager
def _terminated_on_error(connection: PostgresConnection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.terminate()
        raise
