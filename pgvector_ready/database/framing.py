"""PostgreSQL's messages, checked and bounded before the driver sees a byte of them.

The driver is written in C and trusts the server: a message whose length is 0 ends the process, one that announces 2 GB
is collected. Nothing here waits or connects; https://www.postgresql.org/docs/18/protocol-message-formats.html.
"""

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pgvector_ready.database.exceptions import NotPostgreSQLError, ProtocolViolationError, Violation


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a server may send. The facts and the proof together fit in 10 kB, a login in 2 kB."""

    # All of an answer, or of a login. A debug level in client_min_messages sends some 300 kB of notices.
    answer_bytes: int = 1024 * 1024
    answer_messages: int = 10_000
    # One message that the driver collects; PostgreSQL bounds an error's text nowhere, and a long one has 2 kB.
    message_bytes: int = 64 * 1024
    # A server reports 15 settings, a pooler or a relative of PostgreSQL twice as many; the driver keeps them all.
    settings: int = 128
    setting_bytes: int = 8 * 1024
    # Of the password's hash, which the driver calculates on the event loop: 0.3 s. PostgreSQL's own number is 4,096.
    password_iterations: int = 1_000_000


BOUNDS = Bounds()


class _Phase(StrEnum):
    LOGIN = "login"
    IDLE = "idle"
    ANSWER = "answer"


# The server's own news, which may come at any time.
_ALWAYS = b"SNAE"
_LEGAL: Mapping[_Phase, bytes] = {
    _Phase.LOGIN: _ALWAYS + b"RKvZ",
    _Phase.IDLE: _ALWAYS,
    _Phase.ANSWER: _ALWAYS + b"TDCIZHdc123tns",
}

_SHUTDOWN = "57P"  # https://www.postgresql.org/docs/18/errcodes-appendix.html, class 57, operator intervention
_HEAD = 5  # one byte for the type and four for the length, which counts itself
_SASL, _SASL_CONTINUE, _SASL_FINAL = 10, 11, 12
_ITERATIONS = re.compile(rb",i=(\d+)")


class Framing:
    """One connection's incoming bytes: hands on whole messages that the driver can read, and nothing else.

    Notices are left out, since nobody reads them, but for the one that says why the session ends: `last_words`.
    """

    def __init__(self, bounds: Bounds = BOUNDS, *, is_for_login_only: bool = False) -> None:
        self._bounds = bounds
        self._is_for_login_only = is_for_login_only
        self._phase = _Phase.LOGIN
        self._held = bytearray()
        self._skipped = 0  # bytes of a notice that are still to come
        self._bytes = self._messages = 0
        self._settings: set[bytes] = set()
        self._sasl: int | None = None
        self._has_version = False
        self._is_postgresql = False
        # The fields of a notice that says why the server ends this session.
        self.last_words: dict[str, str] | None = None
        # Why nothing more is handed on.
        self.violation: Exception | None = None

    @property
    def has_spoken(self) -> bool:
        """True once a message of PostgreSQL's has come."""
        return self._is_postgresql

    def begin_answer(self) -> None:
        """The driver has said something, and what comes now is the answer to it."""
        if self._phase is not _Phase.LOGIN:
            self._phase = _Phase.ANSWER
            self._bytes = self._messages = 0

    def feed(self, data: bytes) -> bytes:
        """Return the whole messages that have come so far; `violation` is set where the next one may not be read."""
        if self.violation:
            return b""
        if self._is_for_login_only and self._phase is not _Phase.LOGIN and not self._held:
            return data
        self._bytes += len(data)
        self._held += data
        ready = bytearray()
        try:
            self._bound(self._bytes, self._bounds.answer_bytes)
            while message := self._take():
                ready += self._checked(message)
                if self._is_for_login_only and self._phase is not _Phase.LOGIN:
                    ready += self._held
                    self._held.clear()
        except ProtocolViolationError as error:
            # Bytes that were never PostgreSQL's belong to another program; after that it is PostgreSQL, damaged.
            self.violation = error if self._is_postgresql else NotPostgreSQLError()
            self._held.clear()
        return bytes(ready)

    def _take(self) -> bytes | None:
        """The next whole message, if there is one; a notice that is too long to be kept is passed over."""
        held = self._held
        passed = min(self._skipped, len(held))
        del held[:passed]
        self._skipped -= passed
        # Refused before its length has come: after the first bytes of another protocol there may be silence.
        if held and held[0] not in _LEGAL[self._phase]:
            raise ProtocolViolationError(Violation.MESSAGE)
        if len(held) < _HEAD:
            return None
        length = int.from_bytes(held[1:_HEAD], "big")
        if length < _HEAD - 1:
            raise ProtocolViolationError(Violation.LENGTH)
        is_notice = held[0] == ord("N")
        self._bound(length, self._bounds.answer_bytes if is_notice else self._bounds.message_bytes)
        if is_notice and length > self._bounds.message_bytes:
            self._skipped = length + 1
            return self._take()
        if len(held) <= length:
            return None
        self._messages += 1
        self._bound(self._messages, self._bounds.answer_messages)
        message = bytes(held[: length + 1])
        del held[: length + 1]
        return message

    def _bound(self, found: int, most: int) -> None:
        if found > most:
            raise ProtocolViolationError(Violation.SIZE)

    def _checked(self, message: bytes) -> bytes:
        """The message as the driver is to have it, which for a notice is not at all."""
        kind, body = message[:1], message[_HEAD:]
        if not _SHAPES[kind](body):
            raise ProtocolViolationError(Violation.MESSAGE)
        self._is_postgresql = True
        match kind:
            case b"N":
                self._remember(body)
                return b""
            case b"E":
                message = _readable(kind, body)
            case b"S":
                self._count(body)
                message = _readable(kind, body)
            case b"R":
                self._follow(body)
            case b"Z" if not self._has_version:  # without one the driver fails, and forgets to close
                raise ProtocolViolationError(Violation.MESSAGE)
            case b"Z":
                self._phase = _Phase.IDLE
        return message

    def _remember(self, body: bytes) -> None:
        fields = {field[:1]: field[1:] for field in body.decode(errors="replace").split("\0") if field}
        if fields.get("C", "").startswith(_SHUTDOWN):
            self.last_words = fields

    def _count(self, body: bytes) -> None:
        name, _, value = body.partition(b"\0")
        self._settings.add(name)
        if name == b"server_version":
            self._has_version = bool(re.search(rb"^\D*\d{1,5}(\D|$)", value))
        self._bound(len(self._settings), self._bounds.settings)
        self._bound(len(body), self._bounds.setting_bytes)

    def _follow(self, body: bytes) -> None:
        """The driver calculates whatever it is asked to, and reads a later part of SASL without the one before."""
        code = int.from_bytes(body[:4], "big")
        before = {_SASL_CONTINUE: _SASL, _SASL_FINAL: _SASL_CONTINUE}.get(code)
        if before is not None and self._sasl != before:
            raise ProtocolViolationError(Violation.MESSAGE)
        self._sasl = code
        iterations = _ITERATIONS.search(body) if code == _SASL_CONTINUE else None
        if iterations and (len(iterations[1]) > 9 or int(iterations[1]) > self._bounds.password_iterations):  # noqa: PLR2004
            raise ProtocolViolationError(Violation.PASSWORD)


def _readable(kind: bytes, body: bytes) -> bytes:
    """The message in UTF-8, as the driver reads it: before the login is over a server writes in its own encoding."""
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode(errors="replace").encode()
    return kind + struct.pack("!i", len(body) + 4) + body


def _fields(body: bytes) -> bool:
    """Return whether an error or a notice is well formed: pairs of a letter and a text, then a zero."""
    *texts, last, end = body.split(b"\0") if body.endswith(b"\0") else (b"x", b"x")
    return all(texts) and not last and not end


def _texts(count: int) -> Callable[[bytes], bool]:
    return lambda body: body.count(b"\0") == count and body.endswith(b"\0")


def _sized(*sizes: int) -> Callable[[bytes], bool]:
    return lambda body: len(body) in sizes


def _authentication(body: bytes) -> bool:
    sizes = {0: 4, 2: 4, 3: 4, 5: 8, 7: 4, 9: 4}
    code = int.from_bytes(body[:4], "big")
    if code == _SASL:
        return body.endswith(b"\0\0") or body[4:] == b"\0"
    return len(body) == sizes[code] if code in sizes else len(body) >= 4 and code in {8, _SASL_CONTINUE, _SASL_FINAL}  # noqa: PLR2004


def _row(body: bytes) -> bool:
    """A number of values, each with its length, or -1 for none."""
    count, position = int.from_bytes(body[:2], "big"), 2
    for _ in range(count):
        length = int.from_bytes(body[position : position + 4], "big", signed=True)
        position += 4 + max(length, 0)
        if length < -1 or position > len(body):
            return False
    return len(body) >= 2 and position == len(body)  # noqa: PLR2004


def _columns(body: bytes) -> bool:
    """A number of columns, each a name and 18 bytes."""
    count, position = int.from_bytes(body[:2], "big"), 2
    for _ in range(count):
        end = body.find(b"\0", position)
        position = end + 1 + 18
        if end < 0 or position > len(body):
            return False
    return len(body) >= 2 and position == len(body)  # noqa: PLR2004


def _copy(body: bytes) -> bool:
    return len(body) >= 3 and len(body) == 3 + 2 * int.from_bytes(body[1:3], "big")  # noqa: PLR2004


def _parameters(body: bytes) -> bool:
    return len(body) >= 2 and len(body) == 2 + 4 * int.from_bytes(body[:2], "big")  # noqa: PLR2004


_SHAPES: Mapping[bytes, Callable[[bytes], bool]] = {
    b"R": _authentication,
    b"K": _sized(8),
    b"v": lambda body: len(body) >= 8,  # noqa: PLR2004
    b"S": _texts(2),
    b"N": _fields,
    b"E": _fields,
    b"A": lambda body: body[4:].count(b"\0") == 2 and body.endswith(b"\0"),  # noqa: PLR2004
    b"Z": lambda body: body in {b"I", b"T", b"E"},
    b"T": _columns,
    b"D": _row,
    b"C": _texts(1),
    b"H": _copy,
    b"d": bool,
    b"t": _parameters,
    **dict.fromkeys((b"I", b"c", b"1", b"2", b"3", b"n", b"s"), _sized(0)),
}
