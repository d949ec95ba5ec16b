"""The checks on a server's bytes, message by message; `test_guard.py` has the same behind real connections."""

import struct
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgvector_ready.database.exceptions import NotPostgreSQLError, ProtocolViolationError, Violation
from pgvector_ready.database.framing import BOUNDS, Framing
from tests.support.faults import message

OK = message(b"R", struct.pack("!i", 0))
SASL = message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0")
READY = message(b"Z", b"I")
LOGIN = OK + message(b"S", b"server_version\x0018.6\0") + message(b"K", bytes(8)) + READY
COLUMNS = message(b"T", struct.pack("!h", 1) + b"version\0" + bytes(18))
ROW = message(b"D", struct.pack("!hi4si", 2, 4, b"18.6", -1))
COPY = message(b"H", b"\0\0\1\0\0")
ANSWER = COPY + message(b"d", b"{}\n") + message(b"c") + message(b"C", b"COPY 1\0") + READY
NOTICE = message(b"N", b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0")
ERROR = message(b"E", b"SFATAL\0VFATAL\0C28P01\0Mno\0\0")


def continued(iterations: bytes) -> bytes:
    return message(b"R", struct.pack("!i", 11) + b"r=abc,s=c2FsdA==,i=" + iterations)


def fed(pieces: Sequence[bytes], *, after_login: bool) -> tuple[Framing, bytes]:
    framing = Framing()
    if after_login:
        assert framing.feed(LOGIN) == LOGIN
        framing.begin_answer()
    return framing, b"".join(framing.feed(piece) for piece in pieces)


@pytest.mark.parametrize("size", [1, 2, 5, 7, 1000])
def test_it_hands_on_what_came_however_it_was_cut(size: int) -> None:
    stream = LOGIN

    framing, out = fed([stream[at : at + size] for at in range(0, len(stream), size)], after_login=False)

    assert out == LOGIN
    assert framing.violation is None
    framing.begin_answer()
    answer = COLUMNS + ROW + ERROR + ANSWER
    assert b"".join(framing.feed(answer[at : at + size]) for at in range(0, len(answer), size)) == answer


def test_it_hands_on_whole_messages_only() -> None:
    framing, out = fed([ANSWER[:8]], after_login=True)

    assert out == b""
    assert framing.feed(ANSWER[8:12]) == ANSWER[:10]
    assert framing.feed(ANSWER[12:]) == ANSWER[10:]


def test_notices_are_left_out_and_the_last_words_kept() -> None:
    farewell = message(b"N", b"SWARNUNG\0VWARNING\0C57P02\0Mbeende Verbindung\0\0")

    framing, out = fed([NOTICE + ANSWER + NOTICE + farewell], after_login=True)

    assert out == ANSWER
    assert framing.last_words == {"S": "WARNUNG", "V": "WARNING", "C": "57P02", "M": "beende Verbindung"}


def test_a_long_notice_is_passed_over_without_being_kept() -> None:
    notice = message(b"N", b"SDEBUG\0Mparse tree: " + b"x" * 300_000 + b"\0\0")

    framing, out = fed([*(notice[at : at + 1000] for at in range(0, len(notice), 1000)), ANSWER], after_login=True)

    assert out == ANSWER
    assert len(framing._held) == 0


def test_an_error_in_another_encoding_is_made_readable() -> None:
    """A server whose messages are in LATIN1 says so before any encoding was agreed upon; the driver reads UTF-8."""
    german = message(
        b"E", "SFATAL\0VFATAL\0C28P01\0MPasswort-Authentifizierung für »app« fehlgeschlagen\0\0".encode("latin1")
    )

    _, out = fed([german], after_login=False)

    assert "Passwort-Authentifizierung f\N{REPLACEMENT CHARACTER}r" in out[5:].decode()
    assert int.from_bytes(out[1:5], "big") == len(out) - 1


REFUSED = {
    "length 0": (COPY + b"d\0\0\0\0" + bytes(16), Violation.LENGTH),
    "length 3": (COPY + b"d\0\0\0\3", Violation.LENGTH),
    "a length of 1.9 GB": (COPY + b"d" + struct.pack("!i", 1_900_000_000), Violation.SIZE),
    "a length below zero": (COPY + b"d" + struct.pack("!i", -1), Violation.SIZE),
    "an answer without end": (COPY + message(b"d", b"x" * 60_000) * 20, Violation.SIZE),
    "notices without end": (NOTICE * 30_000, Violation.SIZE),
    "messages without end": (message(b"I") * 20_000, Violation.SIZE),
    "ever new settings": (b"".join(message(b"S", b"x%d\0\0" % n) for n in range(200)), Violation.SIZE),
    "a setting of 10 kB": (message(b"S", b"x\0" + b"v" * 10_000 + b"\0"), Violation.SIZE),
    "a setting without a value": (message(b"S", b"x\0"), Violation.MESSAGE),
    "a login in the middle": (OK, Violation.MESSAGE),
    "a request for our data": (message(b"G", b"\0\0\0"), Violation.MESSAGE),
    "a message of nobody's": (message(b"x"), Violation.MESSAGE),
    "data without a byte": (COPY + message(b"d"), Violation.MESSAGE),
    "an error without an end": (message(b"E", b"SERROR\0C42P01\0Moops"), Violation.MESSAGE),
    "an error with something behind": (message(b"E", b"SERROR\0\0x\0"), Violation.MESSAGE),
    "an empty error": (message(b"E"), Violation.MESSAGE),
    "a result without an end": (message(b"C", b"SELECT 1"), Violation.MESSAGE),
    "more columns than are there": (message(b"T", struct.pack("!h", 9) + b"version\0" + bytes(18)), Violation.MESSAGE),
    "a value longer than its row": (message(b"D", struct.pack("!hi", 1, 400) + b"x"), Violation.MESSAGE),
    "a value of length -2": (message(b"D", struct.pack("!hi", 1, -2)), Violation.MESSAGE),
    "more parameters than are there": (message(b"t", struct.pack("!h", 3)), Violation.MESSAGE),
    "an unknown state": (message(b"Z", b"?"), Violation.MESSAGE),
}


@pytest.mark.parametrize(("stream", "violation"), REFUSED.values(), ids=REFUSED)
def test_what_may_not_come_in_an_answer(stream: bytes, violation: Violation) -> None:
    framing, out = fed([stream], after_login=True)

    assert isinstance(framing.violation, ProtocolViolationError)
    assert framing.violation.violation is violation
    assert len(out) < BOUNDS.answer_bytes
    assert framing.feed(ANSWER) == b""


LOGINS = {
    "SASL from the middle": (continued(b"4096"), Violation.MESSAGE),
    "SASL from its end": (message(b"R", struct.pack("!i", 12) + b"v=abc"), Violation.MESSAGE),
    "SASL from its end, twice": (
        SASL + continued(b"4096") + 2 * message(b"R", struct.pack("!i", 12) + b"v=abc"),
        Violation.MESSAGE,
    ),
    "a minute of hashing": (SASL + continued(b"2147483647"), Violation.PASSWORD),
    "a number of hashes without end": (SASL + continued(b"9" * 5_000), Violation.PASSWORD),
    "MD5 without its salt": (SASL + message(b"R", struct.pack("!i", 5)), Violation.MESSAGE),
    "a kind of login of nobody's": (SASL + message(b"R", struct.pack("!i", 99)), Violation.MESSAGE),
    "an answer before the login": (OK + ANSWER, Violation.MESSAGE),
    "no version": (OK + READY, Violation.MESSAGE),
    "a version without a number": (OK + message(b"S", b"server_version\0devel\0") + READY, Violation.MESSAGE),
    "a version without end": (
        OK + message(b"S", b"server_version\0" + b"9" * 5_000 + b"\0") + READY,
        Violation.MESSAGE,
    ),
    "half a key": (OK + message(b"K", bytes(4)), Violation.MESSAGE),
}


@pytest.mark.parametrize(("stream", "violation"), LOGINS.values(), ids=LOGINS)
def test_what_may_not_come_in_a_login(stream: bytes, violation: Violation) -> None:
    framing, _ = fed([OK, stream], after_login=False)

    assert isinstance(framing.violation, ProtocolViolationError)
    assert framing.violation.violation is violation


STRANGERS = [
    b"HTTP/1.1 400 Bad Request\r\n",
    b"SSH-2.0-x\r\n",
    b"J\0\0\0\n8.0.36\0",
    bytes(64),
    b"\x16\x03\x01\0\2",
    b"+PONG",
]


@pytest.mark.parametrize("banner", STRANGERS)
def test_another_protocol_is_told_by_its_first_bytes(banner: bytes) -> None:
    framing, out = fed([banner], after_login=False)

    assert isinstance(framing.violation, NotPostgreSQLError)
    assert out == b""


def test_every_statement_has_the_whole_bound_again() -> None:
    framing, _ = fed([], after_login=True)
    answer = COPY + message(b"d", b"x" * 50_000) * 15 + READY

    for _ in range(10):
        framing.begin_answer()
        assert framing.feed(answer) == answer
    framing.begin_answer()
    framing.feed(answer)

    assert framing.feed(NOTICE * 10_000) == b""
    assert framing.violation is not None


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([OK, SASL, LOGIN, COPY, ANSWER, ERROR, NOTICE, READY])))
)
def test_whatever_comes_only_well_formed_messages_go_on(pieces: list[bytes]) -> None:
    framing, out = fed(pieces, after_login=False)

    assert len(framing._held) <= BOUNDS.message_bytes + 5
    ends = [0]
    while ends[-1] < len(out):
        ends.append(ends[-1] + 1 + int.from_bytes(out[ends[-1] + 1 : ends[-1] + 5], "big"))
    assert ends[-1] == len(out)
    assert all(end - start >= 5 for start, end in pairwise(ends))


def test_the_bounds_are_those_of_the_connection() -> None:
    framing = Framing(replace(BOUNDS, message_bytes=100))
    framing.feed(LOGIN)
    framing.begin_answer()

    framing.feed(COPY + message(b"d", b"x" * 200))

    assert isinstance(framing.violation, ProtocolViolationError)
