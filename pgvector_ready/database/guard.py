"""The driver's connection with every incoming byte checked first, above TLS and below the driver."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from asyncpg.protocol import Protocol as Driver

from pgvector_ready.database.exceptions import ProtocolViolationError, Violation
from pgvector_ready.database.framing import Framing


class GuardedLoop:
    """The running event loop as the driver is given it: each of its connections is made with a guard before it.

    With `is_for_login_only` what comes after the login is the driver's alone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, is_for_login_only: bool = False) -> None:
        self._loop = loop
        self._is_for_login_only = is_for_login_only
        self._framings: list[Framing] = []
        # The driver's own, which asks for TLS before its connection is made.
        self._questions: list[Any] = []

    @property
    def has_heard(self) -> bool:
        """True once a PostgreSQL server has said anything on any of its connections."""
        return any(framing.has_spoken for framing in self._framings)

    @property
    def has_answered_for_tls(self) -> bool:
        """True once a server has said yes or no to the driver's question for TLS."""
        answers = (getattr(question, "on_data", None) for question in self._questions)
        return any(one is not None and one.done() and not one.cancelled() and not one.exception() for one in answers)

    def framing(self) -> Framing:
        """Return what checks the bytes of one more connection."""
        self._framings.append(Framing(is_for_login_only=self._is_for_login_only))
        return self._framings[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(self, factory: Callable[[], Any], *where: Any, **options: Any) -> tuple[Any, Any]:
        """Do as the event loop does."""
        return self._with_guard(
            *await self._loop.create_connection(lambda: self._guarded(factory()), *where, **options)
        )

    async def create_unix_connection(self, factory: Callable[[], Any], *where: Any, **options: Any) -> tuple[Any, Any]:
        """Do as the event loop does."""
        return self._with_guard(
            *await self._loop.create_unix_connection(lambda: self._guarded(factory()), *where, **options)
        )

    async def start_tls(self, transport: "_Transport", *how: Any, **options: Any) -> "_Transport | None":
        """Do as the event loop does."""
        under_tls = await self._loop.start_tls(transport.inner, *how, **options)
        return _Transport(under_tls, self) if under_tls else None

    def _guarded(self, protocol: Any) -> Any:
        if isinstance(protocol, Driver):
            return Guard(protocol, self)
        self._questions.append(protocol)
        return protocol

    def _with_guard(self, transport: Any, protocol: Any) -> tuple[Any, Any]:
        if isinstance(protocol, Guard):
            return protocol.transport, protocol.driver
        return _Transport(transport, self), protocol


class Guard(asyncio.Protocol):
    """Stands where the driver would, and hands on what it can read. A violation ends the connection."""

    def __init__(self, driver: Driver, loop: GuardedLoop) -> None:
        self._loop = loop
        self.driver = driver
        self.transport: _Transport | None = None
        self.framing = loop.framing()
        self._has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part in the protocol of asyncio."""
        self.transport = _Transport(transport, self._loop, self)
        self.driver.connection_made(self.transport)

    def data_received(self, data: bytes) -> None:
        """Take part in the protocol of asyncio."""
        if self._has_ended:
            return
        try:
            if ready := self.framing.feed(data):
                self.driver.data_received(ready)
        except Exception as error:  # noqa: BLE001 - whatever the driver makes of a strange server
            self._end(ProtocolViolationError(Violation.DRIVER), error)
        if self.framing.violation:
            self._end(self.framing.violation)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take part in the protocol of asyncio."""
        if not self._has_ended:
            self._has_ended = True
            notice = self.framing.last_words
            self.driver.connection_lost(asyncpg.PostgresError.new(notice) if notice else exc)

    def pause_writing(self) -> None:
        """Take part in the protocol of asyncio."""
        self.driver.pause_writing()

    def resume_writing(self) -> None:
        """Take part in the protocol of asyncio."""
        self.driver.resume_writing()

    def _end(self, violation: Exception, cause: Exception | None = None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        violation.__cause__ = cause
        if self.transport:
            self.transport.abort()
        # Only once whoever waits for the driver has taken what it handed out before: the driver forgets to end a COPY
        # whose next part is asked for after the connection was lost.
        asyncio.get_running_loop().call_soon(self.driver.connection_lost, violation)


class _Transport:
    """asyncio's, as the driver has it: what it writes begins an answer, and what it reads from is guarded."""

    def __init__(self, inner: Any, loop: GuardedLoop, guard: Guard | None = None) -> None:
        self.inner = inner
        self._loop = loop
        self._guard = guard

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, data: Any) -> None:
        """Take part in the protocol of asyncio."""
        if self._guard:
            self._guard.framing.begin_answer()
        self.inner.write(data)

    def set_protocol(self, protocol: Any) -> None:
        """Of asyncio; the driver takes over this way where TLS was asked for first."""
        if isinstance(protocol, Driver):
            protocol = self._guard = Guard(protocol, self._loop)
            protocol.transport = self
        self.inner.set_protocol(protocol)
