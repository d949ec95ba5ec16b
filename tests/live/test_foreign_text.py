"""Whatever a database, a server or a client calls itself: no exit lets it command a terminal or forge a line."""

import asyncio
import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import faults
from tests.support.command import run
from tests.support.faults import Manner, door
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH, ServiceProcess, running, service_process

# Colours, a title, a forged line of a log and of a document, text that runs backwards, nothing at all, half a letter.
HOSTILE = "\x1b[31m\x1b]0;pwned\x07\r\nevil\x9b2J\u202etxt\u2028\u2029\u200b\ufeff\x85\ud83d"
NAME = HOSTILE.replace("\ud83d", "")  # a database's name is UTF-8
LOUD = f'{NAME}"><script>alert(1)</script>{"é" * 5_000}'
SEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def assert_harmless(said: str, *, lines: bool = True) -> None:
    """Every character is one that can be seen; a line break is ours."""
    found = {character for character in said if unicodedata.category(character) in SEEN}
    assert found <= ({"\n"} if lines else set()), ascii(said[:2000])


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON document, as whoever parses it has it."""
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield from (key, *texts(inner))
        case list():
            for inner in value:
                yield from texts(inner)


def assert_document(text: str) -> None:
    assert_harmless(text, lines=False)
    for found in texts(json.loads(text)):
        assert_harmless(found, lines=False)


PATHS = (
    HEALTH,
    DATABASE,
    f"{DATABASE}?strict=true",
    f"{DATABASE}?format=text",
    "/",
    "/metrics",
    "/api/v1/health/badge.svg",
    "/openapi.json",
    "/no%1b%5B31m%0aevil%E2%80%AEthing",
)


def assert_service(service: ServiceProcess) -> None:
    for path in PATHS:
        answer = service.get(path)
        assert answer is not None
        assert_harmless(answer.text)
        for value in answer.headers.values():
            assert_harmless(value, lines=False)
        if answer.headers["content-type"].startswith("application/json"):
            assert_document(answer.text)


def assert_log(log: Path, *, style: str) -> None:
    lines = log.read_text()
    assert_harmless(lines)
    for line in lines.splitlines() if style == "json" else ():
        for found in texts(json.loads(line)):
            assert_harmless(found)


def command(*arguments: str, url: str) -> str:
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url}
    done = run(*arguments, environment=environment)
    assert done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def hostile(server: PostgresServer) -> Iterator[str]:
    """A database and a role whose names are hostile; pgvector in a schema of that kind."""
    quoted = '"{}"'.format(NAME.replace('"', '""'))
    with server.connect() as session:
        session.execute(f"CREATE ROLE {quoted} LOGIN SUPERUSER PASSWORD 'Geheim-778899'")
        session.execute(f"CREATE DATABASE {quoted} OWNER {quoted}")
    with server.connect(NAME) as session:
        session.execute(f"CREATE SCHEMA {quoted}")
        session.execute(f"CREATE EXTENSION vector SCHEMA {quoted}")
    yield server.connection_string(NAME, NAME, password="Geheim-778899")  # noqa: S106 - an example
    with server.connect() as session:
        session.execute(f"DROP DATABASE {quoted} WITH (FORCE)")
        session.execute(f"DROP ROLE {quoted}")


@pytest.mark.parametrize("style", ["json", "console"])
def test_the_names_of_a_database_are_harmless_at_every_exit(hostile: str, style: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    platform = dict.fromkeys(("RENDER_GIT_COMMIT", "RENDER_INSTANCE_ID", "ENVIRONMENT"), LOUD)
    with service_process(log, DATABASE_URL=hostile, LOG_FORMAT=style, LOG_LEVEL="debug", **platform) as service:
        service.wait_for(200, DATABASE)

        assert_service(service)
        service.end()

    assert "evil" in log.read_text()
    assert_log(log, style=style)


@pytest.mark.parametrize("arguments", [("check",), ("check", "--offline"), ("migrate",)], ids=" ".join)
@pytest.mark.parametrize("is_long", [False, True], ids=["hostile", "long"])
def test_the_names_are_harmless_and_bounded_in_a_command(
    hostile: str, server: PostgresServer, arguments: tuple[str, ...], *, is_long: bool
) -> None:
    url = server.connection_string(LOUD, LOUD) if is_long else hostile

    said = command(*arguments, url=url)

    assert_harmless(said)
    assert len(said) < 8_000


def test_the_document_of_a_command_is_harmless(hostile: str) -> None:
    assert_document(command("check", "--format", "json", url=hostile).strip())


def error(sentence: str) -> Manner:
    """A server that has no TLS, and this sentence for whoever logs in."""

    async def manner(visit: faults.Visit) -> None:
        await visit.reader.readexactly(8)
        visit.writer.write(b"N")
        await visit.reader.read(65_536)
        fields = b"SFATAL\0VFATAL\0CP0001\0M" + sentence.encode() + b"\0R" + sentence.encode()[:200] + b"\0\0"
        visit.writer.write(b"E" + (4 + len(fields)).to_bytes(4, "big") + fields)
        await visit.writer.drain()

    return manner


def served(log: Path, **environment: str) -> str:
    """The log of a service that has answered one failing poll."""
    with service_process(log, **environment) as service:
        service.wait_for(503, DATABASE)
        service.end()
    return log.read_text()


@pytest.mark.parametrize("style", ["json", "console"])
async def test_a_servers_own_sentence_is_harmless_and_bounded(style: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with door(1, error(NAME + "é" * 10_000)) as way:
        url = f"postgresql://app:Geheim-778899@127.0.0.1:{way.port}/app"
        async with running(url) as service:
            answer = await service.database()
        said = await asyncio.to_thread(command, "check", url=url)
        lines = await asyncio.to_thread(served, log, DATABASE_URL=url, LOG_FORMAT=style)

    assert_document(answer.text)
    assert_harmless(said)
    assert len(said) < 8_000
    assert "evil" in lines
    assert_log(log, style=style)
