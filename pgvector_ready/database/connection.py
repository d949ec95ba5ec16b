"""Connecting: host after host, within a bound, to a connection that says what was learnt in opening it."""

import asyncio
import errno
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakSet

import asyncpg

from pgvector_ready.database.attempts import at, first_answer
from pgvector_ready.database.crashes import Crashes
from pgvector_ready.database.diagnosis import diagnose
from pgvector_ready.database.exceptions import (
    BracketedPasswordError,
    NoMatchingHostError,
    StalledError,
    TlsRequiredError,
    TlsUnansweredError,
)
from pgvector_ready.database.greeting import Resolver, is_socket
from pgvector_ready.database.guard import GuardedLoop
from pgvector_ready.database.link import (
    ABANDONED_AFTER_SECONDS,
    ORPHANED_AFTER_SECONDS,
    Limits,
    Link,
    PostgresConnection,
    introduce,
)
from pgvector_ready.database.passfile import password_for
from pgvector_ready.database.tls import Tls
from pgvector_ready.dsn import ConnectionString, Host
from pgvector_ready.judgement.target import Target

# What is kept of the time for connecting, to find out in which phase it stalls.
_DIAGNOSIS_SHARE = 0.2

# A silent path that comes back answers what is asked from then on, and not what was asked before. So a probe that has
# waited for so long asks again beside: whoever polls knows of the recovery at most so much later.
ASKED_AGAIN_AFTER_SECONDS = 1.5

# A template's: [YOUR-PASSWORD].
_BRACKETED = re.compile(r"\[.+\]|\{.+\}|\(.+\)|<.+>|\"[^\"]+\"|'[^']+'|`[^`]+`", re.DOTALL)

# As libpq does: a host that cannot be had gives way to the next one, a refused password does not.
_NEXT_HOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TargetServerAttributeNotMatched,
)


class Database:
    """Opens connections. The probe, the application's engine and the migrations all connect through this."""

    def __init__(
        self,
        connection_string: ConnectionString,
        connect_timeout_seconds: float,
        *,
        asked_again_after_seconds: float = ASKED_AGAIN_AFTER_SECONDS,
        abandoned_after_seconds: float = ABANDONED_AFTER_SECONDS,
        orphaned_after_seconds: float = ORPHANED_AFTER_SECONDS,
    ) -> None:
        self.connection_string = connection_string
        self.connect_timeout_seconds = connect_timeout_seconds
        # What the newest connection saw; until there was one, no more than what the connection string suggests.
        self.is_pooled: bool | None = connection_string.is_pooled or None
        # Of the server, by what this process asked of it there.
        self.crashes = Crashes()
        self._asked_again_after_seconds = asked_again_after_seconds
        self._limits = Limits(abandoned_after_seconds, orphaned_after_seconds)
        self._resolver = Resolver()
        self._connections: WeakSet[PostgresConnection] = WeakSet()

    @property
    def target(self) -> Target:
        """The part of the connection string that may be shown."""
        return self.connection_string.target

    async def connect(
        self, *, is_probe: bool = False, is_guarded: bool = True, timeout_seconds: float = math.inf
    ) -> Link:
        """A connection that belongs to the caller, to the first host that answers as asked.

        A guarded one takes no more from the server than a probe needs, and nothing that the driver would die of.
        Raises what `errors.classify` has names for: OSError, ssl.SSLError, asyncpg's errors, and this project's own.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max(0.0, min(self.connect_timeout_seconds, timeout_seconds))
        attempts = [(attributes, host) for attributes in self._session_attributes() for host in self._hosts()]
        mismatch: asyncpg.TargetServerAttributeNotMatched | None = None
        last: Exception | None = None
        for number, (attributes, host) in enumerate(attempts):
            share = (deadline - loop.time()) / (len(attempts) - number)
            try:
                link = await self._attempt(host, attributes, share, is_probe=is_probe, is_guarded=is_guarded)
            except asyncpg.TargetServerAttributeNotMatched as error:
                mismatch = mismatch or error
            except _NEXT_HOST as error:
                last = error
            else:
                self.is_pooled = link.is_pooled
                self._connections.add(link.connection)
                return link
        if mismatch:
            raise NoMatchingHostError from mismatch
        raise last or OSError(errno.EADDRNOTAVAIL, "no host to connect to")

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

    async def _attempt(
        self, host: Host, session_attributes: str, timeout_seconds: float, *, is_probe: bool, is_guarded: bool
    ) -> Link:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        reserve = timeout_seconds * _DIAGNOSIS_SHARE
        tls = Tls.of(self.connection_string.tls, host)
        addresses = await self._addresses(host, deadline - reserve)
        guarded = GuardedLoop(loop, is_for_login_only=not is_guarded)
        attributes = {"target_session_attrs": session_attributes, "loop": guarded}
        begin = partial(self._log_in, host, tls, attributes, is_probe=is_probe)
        look = partial(self._phase, guarded, host, addresses, tls, reserve)
        silence = loop.create_task(at(deadline - reserve, look))
        try:
            async with asyncio.timeout_at(deadline):
                return await first_answer(begin, self._asked_again_after_seconds if is_probe else None)
        except TimeoutError as error:
            raise await silence from error
        except (OSError, asyncpg.PostgresError) as error:
            found = await self._reason(error, host, addresses, tls, min(reserve, deadline - loop.time()))
            if found is error or (isinstance(found, TlsUnansweredError) and guarded.has_answered_for_tls):
                raise
            raise found from error
        finally:
            silence.cancel()

    async def _phase(
        self, guarded: GuardedLoop, host: Host, addresses: Sequence[str], tls: Tls, timeout_seconds: float
    ) -> Exception:
        """Return the error that names the silent phase: the login, if the server has spoken; else it is asked."""
        if guarded.has_heard:
            return StalledError("login")
        found = await diagnose(TimeoutError(), host, addresses, tls, timeout_seconds)
        # A slow server may miss the question that is put to it now: that it takes it has been seen.
        is_taken = isinstance(found, TlsUnansweredError) and guarded.has_answered_for_tls
        return StalledError("tls") if is_taken else found

    async def _log_in(self, host: Host, tls: Tls, attributes: Mapping[str, Any], *, is_probe: bool) -> Link:
        connection = await self._open(host, tls, **attributes)
        link = await introduce(connection, host, self._limits if is_probe else None)
        return replace(link, chosen_as=attributes["target_session_attrs"])

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

    async def _reason(
        self, error: Exception, host: Host, addresses: Sequence[str], tls: Tls, timeout_seconds: float
    ) -> Exception:
        if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError):
            is_about_the_password = isinstance(error, asyncpg.InvalidPasswordError)
            if is_about_the_password and _BRACKETED.fullmatch(self.connection_string.password or ""):
                return BracketedPasswordError()
            if not is_about_the_password and tls.flaw:
                return tls.flaw
            if _is_refused_by_its_address(error) and tls.mode == "disable" and not is_socket(host):
                return TlsRequiredError()
        return await diagnose(error, host, addresses, tls, timeout_seconds)


def _is_refused_by_its_address(error: asyncpg.PostgresError) -> bool:
    """True if a rule of pg_hba.conf refused the login. With TLS switched off, a rule for TLS alone may be the reason.

    The routine in the server's source is the one field that is not translated and tells this from a missing role.
    """
    return getattr(error, "server_source_function", None) == "ClientAuthentication"
