"""Facts that no server would send: named, and never shown; whatever they are, the endpoint answers 200 or 503."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgvector_ready.database.exceptions import ProtocolViolationError
from pgvector_ready.observation import shapes
from tests.conftest import Database
from tests.support.faults import Manner, change, door, message
from tests.support.postgres import PostgresServer
from tests.support.service import running
from tests.support.told import error_in

FACTS: dict[str, Any] = {
    "version": "18.6",
    "is_standby": False,
    "is_read_only": False,
    "database": "app",
    "database_oid": "16384",
    "user": "app",
    "may_create_temporary_tables": True,
    "system_identifier": "7412345678901234567",
    "collation_version": "2.36",
    "is_musl": False,
    "available_version": "0.8.6",
    "extension": None,
    "version_table": None,
}


def messages_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        length = int.from_bytes(data[1:5], "big")
        yield data[:1], data[5 : length + 1]
        data = data[length + 1 :]


def rewrite_facts(rewrite: Callable[[dict[str, Any]], object]) -> Manner:
    """Pass everything on, with the facts as `rewrite` makes them."""

    def changed(data: bytes) -> bytes:
        if b'"{""version""' not in data:
            return data
        out = b""
        for kind, body in messages_in(data):
            is_facts = kind == b"d" and body.startswith(b'"{""version""')
            out += message(kind, rewritten(body) if is_facts else body)
        return out

    def rewritten(body: bytes) -> bytes:
        ((text,),) = csv.reader([body.decode()])
        answer = rewrite(json.loads(text))
        written = io.StringIO()
        row = [answer if isinstance(answer, str) else json.dumps(answer)]
        csv.writer(written, lineterminator="\n").writerow(row)
        return written.getvalue().encode()

    return change(changed)


@pytest.fixture(scope="module")
def database(server: PostgresServer) -> Iterator[Database]:
    server.create_database("of_odd_facts")
    server.execute("CREATE EXTENSION vector", database="of_odd_facts")
    url = server.connection_string(database="of_odd_facts")
    yield Database(server, "of_odd_facts", url, "postgres", url)
    server.drop_database("of_odd_facts")


ODD: dict[str, Callable[[dict[str, Any]], object]] = {
    "a number for a version": lambda facts: {**facts, "version": 18},
    "a list for a version": lambda facts: {**facts, "version": ["18"]},
    "nothing for a standby": lambda facts: {**facts, "is_standby": None},
    "a text for a standby": lambda facts: {**facts, "is_standby": "false"},
    "an empty text for a standby": lambda facts: {**facts, "is_standby": ""},
    "a number for a standby": lambda facts: {**facts, "is_standby": 0},
    "nothing for read-only": lambda facts: {**facts, "is_read_only": None},
    "a fact that is missing": lambda facts: {name: value for name, value in facts.items() if name != "user"},
    "a user of 50 kB": lambda facts: {**facts, "user": "x" * 50_000},
    "an object for a database": lambda facts: {**facts, "database": {}},
    "an extension that is none": lambda facts: {**facts, "extension": True},
    "an extension without a version": lambda facts: {**facts, "extension": {**facts["extension"], "version": None}},
    "an oid that is a statement": lambda facts: {**facts, "extension": {**facts["extension"], "found_type": "1; x"}},
    "a list": lambda _: [],
    "nothing": lambda _: None,
    "no JSON": lambda _: "{",
    "deeply nested JSON": lambda _: "[" * 20_000,
    "an empty answer": lambda _: "",
}


@pytest.mark.parametrize("case", ODD)
async def test_odd_facts_are_named_and_found_mended(case: str, database: Database) -> None:
    async with door(database.server.port, rewrite_facts(ODD[case])) as way:
        url = database.server.connection_string(database=database.name, port=way.port)
        async with running(url) as service:
            answer = await service.database()
            await way.cut()
            way.manner = change(bytes)
            await service.until(None)

    error_in(answer, "protocol_violation", "connected", "does not have the values")
    assert answer.json()["server"]["version"] is None


async def test_bytes_that_are_no_text_are_shown_as_such(server: PostgresServer) -> None:
    """SQL_ASCII takes any bytes, and says nothing of what they mean."""
    server.execute("CREATE DATABASE of_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        for statement in (
            "CREATE EXTENSION vector",
            "CREATE TABLE alembic_version (version_num varchar(32))",
            "INSERT INTO alembic_version VALUES (convert_from('\\x636166e9', 'SQL_ASCII'))",
        ):
            server.execute(statement, database="of_bytes")
        async with running(server.connection_string(database="of_bytes"), migrations="auto") as service:
            answer = await service.database()
    finally:
        server.drop_database("of_bytes")

    assert answer.json()["healthy"] is True
    assert answer.json()["migrations"]["current"] == "caf\N{REPLACEMENT CHARACTER}"


_ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


@given(st.sampled_from(sorted(FACTS)), _ANYTHING)
def test_whatever_a_fact_is_it_is_taken_or_refused(name: str, value: object) -> None:
    text = json.dumps({**FACTS, name: value})

    with suppress(ProtocolViolationError):
        found = shapes.read(shapes.FACTS, text)
        assert isinstance(found["version"], str)
        assert isinstance(found["is_standby"], bool)
        assert isinstance(found["is_read_only"], bool)


@given(st.text(max_size=300))
def test_whatever_the_text_it_is_read_or_refused(text: str) -> None:
    for read in (lambda: shapes.read(shapes.FACTS, text), lambda: shapes.read_number(text)):
        with suppress(ProtocolViolationError):
            read()
