"""Servers that do not take the question for TLS: whatever psql connects to, we connect to, and else say what helps.

psql itself, which is psycopg's libpq, is asked in each case. No GSSENCRequest is ever sent by either side without a
ticket; that is asked of the bytes.
"""

import asyncio
import contextlib
import struct
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgvector_ready.database import Database as Connecting
from pgvector_ready.database.errors import classify, failure_of
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.failures import Code, Step
from tests.conftest import Database
from tests.support import faults
from tests.support.faults import Manner, Visit, door
from tests.support.service import running
from tests.support.told import error_in

MODES = ("disable", "allow", "prefer", "require")
SSL_REQUEST, GSS_REQUEST = (struct.pack("!ii", 8, code) for code in (80877103, 80877104))
REQUESTS = (SSL_REQUEST, GSS_REQUEST)


def meeting(answer: str, heard: list[bytes] | None = None) -> Manner:
    """A server that meets a request for encryption in this way, and passes everything else on."""

    async def manner(visit: Visit) -> None:
        first = await visit.reader.readexactly(8)
        if heard is not None:
            heard.append(first)
        if first in REQUESTS:
            match answer:
                case "N":
                    visit.writer.write(b"N")
                    first = await visit.reader.readexactly(8)
                case "reset":
                    return visit.leave(reset=True)
                case "close":
                    return None
                case "silence":
                    await asyncio.Event().wait()
                case "error":
                    fields = b"SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol\0\0"
                    visit.writer.write(b"E" + struct.pack("!i", 4 + len(fields)) + fields)
                    await visit.writer.drain()
                    return None
                case "garbage":
                    visit.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    await visit.writer.drain()
                    return None
        await forward(visit, first)
        return None

    return manner


async def forward(visit: Visit, first: bytes) -> None:
    """Pass on what has been read already, and then everything."""
    reader, visit.server = await visit.door.reach_server()
    visit.server.write(first)
    pumps = [
        asyncio.create_task(visit._pump(visit.reader, visit.server)),
        asyncio.create_task(visit._pump(reader, visit.writer)),
    ]
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for pump in pumps:
        pump.cancel()


ANSWERS = ("N", "reset", "close", "silence", "error", "garbage")


def reached_by_psql(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=2):
        return True
    return False


async def reached_by_us(url: str, seconds: float = 2.0) -> Exception | None:
    """None, or why not."""
    try:
        link = await Connecting(parse(url), seconds).connect(is_probe=True)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    link.terminate()
    return None


CURE = {"reset": "closes", "close": "closes", "silence": "stays silent", "error": "answers with an error"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_it_is_reached_where_psql_reaches_it(answer: str, mode: str, database: Database) -> None:
    async with door(database.server.port, meeting(answer)) as way:
        url = database.server.connection_string(database=database.name, port=way.port, sslmode=mode)
        theirs = await asyncio.to_thread(reached_by_psql, url)

        refused = await reached_by_us(url, 2.0 if answer == "silence" else 8.0)

    assert (refused is None) is theirs, refused
    if answer in CURE and refused is not None:
        failure = failure_of(refused, Step.CONNECTED, parse(url).target)
        said = wording(failure)
        assert failure.code is Code.TLS_REQUEST_REFUSED, refused
        assert CURE[answer] in said.message
        assert "Use sslmode=disable" in said.remedy


@pytest.mark.parametrize("answer", CURE)
async def test_the_advice_ends_it(answer: str, database_with_vector: Database) -> None:
    server, name = database_with_vector.server, database_with_vector.name
    async with door(server.port, meeting(answer)) as way:
        async with running(server.connection_string(database=name, port=way.port)) as service:
            error_in(await service.database(), "tls_request_refused", "connected", "Use sslmode=disable", CURE[answer])
        async with running(server.connection_string(database=name, port=way.port, sslmode="disable")) as service:
            await service.until(None)


@pytest.mark.parametrize("gssencmode", [None, "disable", "prefer"])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_where_tls_is_switched_off_not_one_byte_is_about_it(
    answer: str, gssencmode: str | None, database: Database
) -> None:
    heard: list[bytes] = []
    words = {"sslmode": "disable", **({"gssencmode": gssencmode} if gssencmode else {})}
    async with door(database.server.port, meeting(answer, heard)) as way:
        url = database.server.connection_string(database=database.name, port=way.port, **words)

        assert await reached_by_us(url) is None

    assert heard
    assert not set(heard) & set(REQUESTS)


BROKEN: dict[str, Manner] = {
    "closes": faults.close_at_once,
    "resets": faults.reset_at_once,
    "is silent": faults.say_nothing,
    "is another": faults.say(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    "is noise": faults.say(bytes(range(255, 0, -7)) * 40),
    "is zeros": faults.say(bytes(4096)),
    "refuses": faults.say(b"E\0\0\0\x38SFATAL\0VFATAL\0C28000\0Mno\0RClientAuthentication\0\0"),
}


@pytest.mark.parametrize("manner", BROKEN.values(), ids=BROKEN)
async def test_nor_is_a_failure_looked_into_with_tls(manner: Manner) -> None:
    """Whatever is wrong there, `sslmode=disable` stands: the server may be one that a single SSLRequest breaks."""
    heard = bytearray()

    async def listening(visit: Visit) -> None:
        read = visit.reader.feed_data

        def feed(data: Any) -> None:
            heard.extend(data)
            read(data)

        visit.reader.feed_data = feed  # type: ignore[method-assign] # to hear what the manner does not read
        await manner(visit)

    async with door(1, listening) as way:
        refused = await reached_by_us(f"postgresql://app:x@127.0.0.1:{way.port}/app?sslmode=disable", seconds=1.0)

    assert refused is not None
    assert SSL_REQUEST not in heard
    assert GSS_REQUEST not in heard


async def test_allow_asks_for_tls_only_after_a_refusal(database: Database) -> None:
    heard: list[bytes] = []
    async with door(database.server.port, meeting("N", heard)) as way:
        url = database.server.connection_string(database=database.name, port=way.port, sslmode="allow")
        assert await reached_by_us(url) is None

    assert heard[0] not in REQUESTS
    assert len(heard) == 1


async def test_the_question_in_the_clear_names_nobody(database: Database) -> None:
    """Where TLS is demanded, finding out what would help does not send the user's name in the clear."""
    heard = bytearray()

    async def listening(visit: Visit) -> None:
        while data := await visit.reader.read(4096):
            heard.extend(data)
            if data.startswith(SSL_REQUEST):
                return

    async with door(1, listening) as way:
        url = database.server.connection_string("very_secret_role", "a_secret_name", port=way.port, sslmode="require")
        refused = await reached_by_us(url, seconds=1.0)

    assert refused is not None
    assert classify(refused, Step.CONNECTED)[0] is Code.CONNECTION_CLOSED
    assert b"nobody" in heard
    assert b"secret" not in heard


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([answer for answer in ANSWERS if answer != "silence"]),
    st.sampled_from(MODES),
    st.sampled_from([None, "disable", "prefer"]),
    st.sampled_from([None, "disable", "prefer"]),
    st.sampled_from(["127.0.0.1", "localhost"]),
)
def test_generated_strings_lead_where_psql_is_led(  # noqa: PLR0913, PLR0917 - what a string is made of
    database: Database, answer: str, mode: str, gssencmode: str | None, channel_binding: str | None, host: str
) -> None:
    words = {"sslmode": mode, "gssencmode": gssencmode, "channel_binding": channel_binding}
    given_ones = {word: value for word, value in words.items() if value}

    async def compare() -> None:
        async with door(database.server.port, meeting(answer)) as way:
            url = database.server.connection_string(database=database.name, host=host, port=way.port, **given_ones)
            theirs = await asyncio.to_thread(reached_by_psql, url)

            assert (await reached_by_us(url, 5.0) is None) is theirs

    asyncio.run(compare())


async def test_a_server_that_took_the_question_once_is_not_blamed_for_it(database: Database) -> None:
    """Slow from then on: it misses the same question when it is asked who it is, and answers in the clear."""
    visits = 0

    async def slow(visit: Visit) -> None:
        nonlocal visits
        visits += 1
        if visits == 1:
            await visit.reader.readexactly(8)
            visit.writer.write(b"S")
            await visit.writer.drain()
            await asyncio.Event().wait()
        await meeting("silence")(visit)

    async with door(database.server.port, slow) as way:
        url = database.server.connection_string(database=database.name, port=way.port)
        error = await reached_by_us(f"{url}?sslmode=prefer", 1.0)

    assert visits > 1, "it was asked who it is"
    assert error
    assert classify(error, Step.CONNECTED) == (Code.CONNECT_TIMEOUT, None)
