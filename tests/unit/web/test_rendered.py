"""A page that many ask for at once is drawn once."""

import pytest

from pgvector_ready.web.rendered import Rendered
from tests.conftest import Database
from tests.support.service import running


def test_it_is_rendered_once_for_each_moment_and_manner() -> None:
    rendered, renderings = Rendered(), iter([b"one", b"two", b"three"])

    def get(moment: int, manner: str) -> bytes:
        return rendered.get(moment, manner, lambda: next(renderings))

    assert [get(1, "en"), get(1, "en"), get(1, "ja"), get(1, "en"), get(2, "en")] == [
        b"one",
        b"one",
        b"two",
        b"one",
        b"three",
    ]


@pytest.mark.parametrize("path", ["/", "/metrics"])
async def test_a_crowd_is_served_the_same_bytes_within_a_moment(database_with_vector: Database, path: str) -> None:
    """A moment is a second of an observation: a hundred requests last less than a hundred seconds."""
    async with running(database_with_vector.url) as service:
        await service.until(None)
        answers = [await service.client.get(path) for _ in range(100)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) < len(answers)


async def test_the_page_is_drawn_for_each_language(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        await service.until(None)
        pages = [
            (await service.client.get("/", headers={"Accept-Language": language})).text
            for language in ("en", "ja", "en", "x," * 15_000 + "ja")
        ]

    assert ['lang="ja"' in page for page in pages] == [False, True, False, False]
