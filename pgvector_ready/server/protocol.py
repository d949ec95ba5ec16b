"""HTTP on one connection, as uvicorn speaks it, with an end to everything that a client could draw out or pile up."""

import asyncio
import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pgvector_ready.documents.headers import SAFETY_HEADERS

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection may cost. uvicorn itself bounds none of these when httptools parses."""

    # As nginx's large_client_header_buffers (4 of 8 kB) and Apache's LimitRequestFields.
    head_bytes: int = 32 * 1024
    head_fields: int = 100
    # From its first byte to its blank line: half of what Apache's mod_reqtimeout gives, and no client needs a second.
    head_seconds: float = 10.0
    # The whole of a body; Node's requestTimeout.
    body_seconds: float = 300.0
    # Of a body that nobody waits for, since its request has been answered: read on for so long, then let go.
    leftover_bytes: int = 1024 * 1024
    # For a client that takes none of its answer; nginx's send_timeout.
    send_seconds: float = 60.0
    # How long a refused client may go on sending until it has read why; nginx's lingering_timeout.
    linger_seconds: float = 5.0
    # For the first request of somebody who has connected in the last moment of this process.
    farewell_seconds: float = 0.5
    # Requests sent before the first of them is answered. Browsers and balancers send none.
    pipelined: int = 100
    # Measured: 7 kB each when idle, 37 kB with most of a head. Beyond them, those that wait for nothing give way, and
    # never the newest, which may be the platform's probe. A limit that answers 503, as uvicorn's limit_concurrency
    # does, would call this service ill.
    connections: int = 4096


LIMITS = Limits()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._is_over = False  # nothing that still comes is read
        self._received_bytes = 0  # since the last complete request
        self._reading: asyncio.TimerHandle | None = None
        self._sending: asyncio.TimerHandle | None = None
        self._method: str | None = None  # of the request under way, where httptools does not know it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """As uvicorn's, which would keep a connection without a single request for ever."""
        super().connection_made(transport)
        self._stay()
        if len(self.connections) > self._limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's, which leaves a timer behind where the client resets, and by it the whole connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._stop_reading_timer()
        self._stop_sending_timer()

    def _stay(self) -> None:
        """Wait for a request, for as long as a balancer keeps an idle connection."""
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _make_room(self) -> None:
        """Close a tenth of all connections, of those with nothing to do: first the ones whose time is over first."""
        idle = [one for one in self.connections if isinstance(one, Protocol) and one is not self and one.is_idle]
        for one in sorted(idle, key=Protocol.leaves_at)[: self._limits.connections // 10 + 1]:
            one.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def leaves_at(self) -> float:
        """When this idle connection would be closed anyway, by the event loop's clock."""
        timer = self._reading or self.timeout_keep_alive_task
        return timer.when() if timer else 0.0

    def shutdown(self) -> None:
        """As uvicorn's, which closes a connection without having looked whether its first request is there already."""
        if self.cycle is None and not self._is_over:
            self._unset_keepalive_if_required()
            seconds = self._limits.farewell_seconds
            self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's, within the limits."""
        if self._is_over:
            return
        self._unset_keepalive_if_required()
        self._received_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            else:
                self._unsupported_upgrade_warning()
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _Refusal) else HTTPStatus.BAD_REQUEST)
        if self._received_bytes and not self._is_over:
            self._wait_for_the_rest()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserInvalidMethodError:
            method = _METHOD.match(data)
            if method is None or self._received_bytes != len(data) or not self.is_idle:
                raise
            # A method that httptools has never heard of is the application's to refuse, as any other.
            self._method = method[1].decode()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.feed_data(b"PATCH" + data[method.end(1) :])

    def on_headers_complete(self) -> None:
        """As uvicorn's, for a head that is not too large in a queue that is not too long."""
        limits = self._limits
        if len(self.headers) > limits.head_fields or (
            self._received_bytes > limits.head_bytes and self._head_bytes() > limits.head_bytes
        ):
            raise _Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if len(self.pipeline) >= limits.pipelined:
            raise _Refusal(HTTPStatus.BAD_REQUEST)
        if self.timeout_keep_alive_task is not None:  # set by the late end of a body, in the same packet
            self._unset_keepalive_if_required()
        super().on_headers_complete()
        self._stop_reading_timer()
        if self._method is not None:
            self.scope["method"], self._method = self._method, None

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def on_message_complete(self) -> None:
        """As uvicorn's, which does not notice the end of a body that comes after the answer."""
        super().on_message_complete()
        self._received_bytes = 0
        self._stop_reading_timer()
        cycle = self.cycle
        if cycle is not None:
            cycle.more_body = False
            if cycle.response_complete and not self.transport.is_closing():
                self._stay()

    def _wait_for_the_rest(self) -> None:
        """A request has begun, or its body is not all there: not for ever, and not without a bound."""
        limits, cycle = self._limits, self.cycle
        if cycle is None or cycle.scope is not self.scope or not cycle.more_body:
            if self._received_bytes > limits.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
            seconds = limits.head_seconds
        else:
            if cycle.response_complete and self._received_bytes > limits.leftover_bytes:
                self._linger()
                return
            seconds = limits.body_seconds
        if self._reading is None:
            self._reading = self.loop.call_later(seconds, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Take nothing more from this client, and say why where that does not get into another answer."""
        _logger.info("request_refused", extra={"status": int(status), "client": self.client and self.client[0]})
        self._stop_reading_timer()
        cycle = self.cycle
        is_waited_for = cycle is not None and cycle.scope is self.scope and cycle.more_body
        if self.is_idle:
            if not is_waited_for:  # else it is the rest of a request that has its answer
                self.transport.write(self._refusal(status))
            self._linger()
        elif is_waited_for:
            self.transport.abort()  # which tells the application
        else:
            self._is_over = True
            cycle.keep_alive = False  # what came before is answered first

    def _refusal(self, status: HTTPStatus) -> bytes:
        body = f"{status.phrase}\n".encode()
        headers = {
            **dict(self.server_state.default_headers),
            b"content-type": b"text/plain; charset=utf-8",
            b"content-length": b"%d" % len(body),
            b"connection": b"close",
            **dict(SAFETY_HEADERS),
        }
        return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % field for field in headers.items()) + b"\r\n" + body

    def _linger(self) -> None:
        """Say that this is the end, and read on for a while: a socket closed on unread bytes takes the answer back."""
        self._is_over = True
        self._stop_reading_timer()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._reading = self.loop.call_later(self._limits.linger_seconds, self.transport.abort)

    def _stop_reading_timer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def pause_writing(self) -> None:
        """As uvicorn's, which would wait for ever for a client that takes nothing."""
        super().pause_writing()
        self._sending = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """As uvicorn's."""
        super().resume_writing()
        self._stop_sending_timer()

    def _stop_sending_timer(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None


# A token of RFC 9110, of a length that methods have.
_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ")


class _Refusal(Exception):  # noqa: N818 - no error: it only gets out of the parser
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status
