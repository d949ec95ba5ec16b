"""HTTP on one connection, as uvicorn speaks it, with an end to everything that a client could draw out or pile up."""

import asyncio
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pgvector_ready.server.alarm import Alarm
from pgvector_ready.server.limits import Common
from pgvector_ready.server.refusal import Refusal, refusal

_logger = logging.getLogger(__name__)

_BLANK_LINE = b"\r\n\r\n"
_SHORTEST_BYTES = len(b"GET / HTTP/1.1")  # of a request, before its blank line
# Read at a time, of asyncio's 256 kB: a body of chunks of a byte each costs a hundred times its size in processor time.
_READ_BYTES = 16 * 1024
# Requests of less than this are not counted: nearly all of them, and a full house of them fits into what idle
# connections cost.
_SMALL_BYTES = 4096


class Protocol(HttpToolsProtocol):
    """One connection: one request is parsed, answered, and its answer taken, before the next one is looked at."""

    def __init__(self, *arguments: Any, common: Common, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = common.limits
        self._budget = common.budget
        self._turns = common.turns
        self._polls = common.polls
        self._is_over = False  # nothing that still comes is read
        self._received_bytes = 0  # since the last complete request
        self._ahead = b""  # received, and not parsed yet
        self._is_waiting = False  # for the turn to do so
        self._answering: Any = None  # what was asked before the latest request
        self._reading = Alarm(self.loop)
        self._sending = Alarm(self.loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Wait for the first request no longer than for any other; uvicorn would wait for ever."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # told of every answer that the client does not take
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]  # asyncio's own has it
        self._stay()
        if len(self.connections) > self._limits.connections:
            make_room(self.connections, self._limits.connections, besides=self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no timer behind, which uvicorn does where the client resets, and by it the whole connection."""
        super().connection_lost(exc)
        self._is_over = True
        self._unset_keepalive_if_required()
        self._reading.stop()
        self._sending.stop()
        self._budget.hold(self, 0)

    def give_up(self) -> None:
        """Close at once: somebody else needs what this connection holds."""
        _logger.info("connection_given_up", extra={"client": self.client and self.client[0]})
        self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """True while no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_receiving(self) -> bool:
        """True while the body of the latest request is still coming."""
        return self.cycle is not None and self.cycle.scope is self.scope and self.cycle.more_body

    @property
    def waits_for_client(self) -> bool:
        """True while the server waits for this client to send or to read."""
        return self.is_idle or self.is_receiving or self.flow.write_paused

    @property
    def leaves_at(self) -> float:
        """The moment at which this connection would be closed anyway, by the event loop's clock."""
        timer = self.timeout_keep_alive_task
        return self._sending.due_at or self._reading.due_at or (timer.when() if timer else 0.0)

    def _stay(self) -> None:
        """Wait for a request, for as long as a balancer keeps an idle connection."""
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def shutdown(self) -> None:
        """Give a client that has just connected a moment for its request, which may be on its way already."""
        if self._ahead and self._has_answered:
            self._read()  # what waits for its turn
        if self.cycle is None and not self._is_over:
            self._unset_keepalive_if_required()
            seconds = self._limits.farewell_seconds
            self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
        else:
            super().shutdown()

    # Receiving

    def data_received(self, data: bytes) -> None:
        """Parse it as soon as it is its turn."""
        if not self._is_over:
            self._unset_keepalive_if_required()
            self._ahead = self._ahead + data if self._ahead else data
            self._go_on()

    def _go_on(self) -> None:
        """Parse what was received, unless something else comes first; until then no more is read."""
        if not self._ahead or self._is_over or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        is_next = not self._is_waiting and (self.is_receiving or self._has_answered)
        if is_next and self._is_poll:
            self._read()
        elif is_next:
            self._is_waiting = True
            self._turns.take(self._read)
        if len(self._ahead) > self._limits.head_bytes and not self._is_over:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._ahead:
            self.flow.pause_reading()

    @property
    def _is_poll(self) -> bool:
        """True where a health poll begins, which costs next to nothing and is answered before all others."""
        return not self._received_bytes and len(self._ahead) < _SMALL_BYTES and self._ahead.startswith(self._polls)

    @property
    def _has_answered(self) -> bool:
        """True once the last answer is complete and the client has taken it."""
        return self.is_idle and not self.flow.write_paused

    def _read(self) -> None:
        """Parse up to the end of a request, which must be answered before what is behind it is looked at."""
        self._is_waiting = False
        if self._is_over or self.transport.is_closing():
            return
        self.flow.resume_reading()
        data, self._ahead, at = self._ahead, b"", 0
        while at < len(data) and not self._is_over and (self.is_receiving or self._has_answered):
            blank_line = data.find(_BLANK_LINE, at + _SHORTEST_BYTES)
            end = len(data) if blank_line < 0 else blank_line + len(_BLANK_LINE)
            self._parse(data[at:end])
            at = end
        if self._is_over:
            return
        self._ahead = data[at:]
        if self._ahead:
            self.flow.pause_reading()
        elif self._received_bytes:
            self._wait_for_the_rest()
        kept_bytes = self._received_bytes + len(self._ahead)
        if kept_bytes > _SMALL_BYTES:
            self._budget.hold(self, kept_bytes)

    def _parse(self, data: bytes) -> None:
        self._received_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._is_over = True
                self._reading.stop()
                self.transport.set_write_buffer_limits()
                self.handle_websocket_upgrade()
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, Refusal) else HTTPStatus.BAD_REQUEST)

    def _should_upgrade(self) -> bool:
        """Answer a poll as a poll, whatever else a proxy in front of its client offers."""
        return super()._should_upgrade() and not (b"GET %b " % self.url).startswith(self._polls)

    def on_headers_complete(self) -> None:
        """Take a head that is not too large, and whose request is not one too many."""
        limits = self._limits
        if len(self.headers) > limits.head_fields or (
            self._received_bytes > limits.head_bytes and self._head_bytes() > limits.head_bytes
        ):
            raise Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self.url.partition(b"?")[0].count(b"%") > limits.path_escapes:
            raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG)
        if self.pipeline:  # behind one that was sent ahead, in one piece with the end of a body
            raise Refusal(HTTPStatus.BAD_REQUEST)
        self._unset_keepalive_if_required()  # set by the late end of a body, in the same packet
        self._answering = self.cycle
        super().on_headers_complete()
        self._reading.stop()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def on_message_complete(self) -> None:
        """Notice the end of a body that comes after the answer, which uvicorn does not."""
        super().on_message_complete()
        self._received_bytes = 0
        self._reading.stop()
        cycle = self.cycle
        if cycle is not None:
            cycle.more_body = False
            if cycle.response_complete and not self.transport.is_closing():
                self._stay()

    def _wait_for_the_rest(self) -> None:
        """A request has begun, or its body is not all there: not for ever, and not without a bound."""
        limits = self._limits
        if not self.is_receiving and self._received_bytes > limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self.is_receiving and self.is_idle and self._received_bytes > limits.leftover_bytes:
            self._linger()
        elif self._reading.due_at is None:
            seconds = limits.body_seconds if self.is_receiving else limits.head_seconds
            self._reading.set(seconds, self._refuse, HTTPStatus.REQUEST_TIMEOUT)

    # Refusing

    def _refuse(self, status: HTTPStatus) -> None:
        """Take nothing more from this client, and say why where that does not get into another answer."""
        _logger.info("request_refused", extra={"status": int(status), "client": self.client and self.client[0]})
        self._reading.stop()
        if self.pipeline and self.is_receiving:  # it waits for the answer to the one before, which shall have it
            self.pipeline.clear()
            self.cycle = self._answering
        cycle = self.cycle
        if self.is_idle:
            if not self.is_receiving:  # else it is the rest of a request that has its answer
                self.transport.write(refusal(status, self.server_state.default_headers))
            self._linger()
        elif not self.is_receiving:
            self._is_over = True
            cycle.keep_alive = False  # what came before is answered first
        elif cycle.response_started or status is HTTPStatus.REQUEST_TIMEOUT:
            self.transport.abort()  # which tells the application
        else:
            self.transport.write(refusal(status, self.server_state.default_headers))
            cycle.disconnected = True  # whatever the application still says
            cycle.message_event.set()
            self._linger()

    def _linger(self) -> None:
        """Say that this is the end, and read on for a while: a socket closed on unread bytes takes the answer back."""
        self._is_over = True
        self._ahead = b""
        self.flow.resume_reading()
        try:
            self.transport.write_eof()
        except OSError:  # it has been reset meanwhile
            self.transport.abort()
        self._reading.set(self._limits.linger_seconds, self.transport.abort)

    # Sending

    def on_response_complete(self) -> None:
        """Go on with what the client has sent ahead, once it has taken this answer."""
        super().on_response_complete()
        self._budget.hold(self, self.transport.get_write_buffer_size())
        self._go_on()

    def pause_writing(self) -> None:
        """Wait for a client that does not take its answer, but not for ever, as uvicorn would."""
        super().pause_writing()
        self._wait_for_the_client()

    def _wait_for_the_client(self) -> None:
        left_bytes = self.transport.get_write_buffer_size()
        self._budget.hold(self, left_bytes)
        self._sending.set(self._limits.send_seconds, self._end_unless_taken, left_bytes)

    def _end_unless_taken(self, left_bytes: int) -> None:
        """Wait on for a client that has taken something, however little; hang up on one that took nothing."""
        if self.transport.get_write_buffer_size() < left_bytes:
            self._wait_for_the_client()
        else:
            self.transport.abort()

    def resume_writing(self) -> None:
        """Go on: the client has taken all there was."""
        super().resume_writing()
        self._sending.stop()
        self._budget.hold(self, 0)
        self._go_on()


def make_room(connections: Iterable[object], most: int, besides: Protocol | None = None) -> None:
    """Leave at most so many connections open, and room for a tenth more.

    Of those that wait for their clients the ones are closed that would time out next.
    """
    still = [one for one in connections if isinstance(one, Protocol) and not one.transport.is_closing()]
    too_many = len(still) - most
    if too_many > 0:
        waiting = [one for one in still if one is not besides and one.waits_for_client]
        for one in sorted(waiting, key=lambda one: one.leaves_at)[: too_many + most // 10]:
            one.transport.abort()
