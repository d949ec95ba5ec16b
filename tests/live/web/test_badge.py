"""The badge: three words, one for each state, and always a picture."""

import asyncio
from xml.etree import ElementTree as ET

import httpx
import pytest

from pgvector_ready.judgement.report import State
from pgvector_ready.web import badge
from tests.conftest import Database
from tests.support.postgres import free_port
from tests.support.service import Running, running

BADGE = "/api/v1/health/badge.svg"
SVG = "{http://www.w3.org/2000/svg}"


async def word(service: Running) -> str:
    """What is written on it; the same to everybody who reads it, and to every reader aloud."""
    answer = await service.client.get(BADGE)
    assert answer.status_code == httpx.codes.OK
    picture = ET.fromstring(answer.text)  # noqa: S314 - our own
    label, word = (text.text for text in picture.iter(f"{SVG}text"))
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == picture.findtext(f"{SVG}title") == f"{label}: {word}"
    assert label == "pgvector"
    assert word is not None
    return word


async def test_a_usable_database_is_ready(database: Database) -> None:
    async with running(database.url) as service:
        assert await word(service) == "ready"


async def test_a_warning_is_degraded(database: Database) -> None:
    async with running(database.url, slow_query_seconds=0.000001) as service:
        assert (await service.database()).json()["status"] == "warn"
        assert await word(service) == "degraded"


async def test_a_failure_is_down_and_still_a_picture() -> None:
    async with running(f"postgresql://app:secret@127.0.0.1:{free_port()}/app") as service:
        assert await word(service) == "down"


async def test_it_follows_the_database(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        database_with_vector.execute("DROP EXTENSION vector")
        await until(service, "down")
        database_with_vector.execute("CREATE EXTENSION vector")
        await until(service, "ready")


async def until(service: Running, wanted: str) -> None:
    """Nobody but the badge asks here, so it is the badge that has the database observed."""
    async with asyncio.timeout(30):
        while await word(service) != wanted:
            await asyncio.sleep(0.05)


async def test_it_has_no_probe_of_its_own(database: Database) -> None:
    async with running(database.url) as service:
        documents = await asyncio.gather(*(ask(service) for _ in range(10)))

    assert len({document["observed_at"] for document in documents}) == 1


async def ask(service: Running) -> dict[str, str]:
    await word(service)
    document: dict[str, str] = (await service.database()).json()
    return document


async def test_get_and_head_are_alike_and_nothing_is_stored(database: Database) -> None:
    async with running(database.url) as service:
        got, head = await service.client.get(BADGE), await service.client.head(BADGE)
        posted = await service.client.post(BADGE)

    assert got.status_code == head.status_code == httpx.codes.OK
    assert head.content == b""
    for answer in (got, head):
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-length"] == str(len(got.content))
    assert posted.status_code == httpx.codes.METHOD_NOT_ALLOWED


async def test_with_a_token_it_stays_public(database: Database) -> None:
    async with running(database.url, health_token="secret") as service:  # noqa: S106 - an example
        assert await word(service) == "ready"


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [colour for _, colour in badge._WORDS.values()], ids=[*badge._WORDS])
def test_white_can_be_read_on_every_colour(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


def test_every_state_that_a_report_can_have_has_a_word() -> None:
    assert set(badge._WORDS) == set(State) - {State.SKIPPED}
