"""The pages at `/failures` and docs/failures.ja.md: made of one source, whole, and safe."""

import re
from pathlib import Path

import pytest

from pgvector_ready.judgement.failures import Code
from tests.support.failures_pages import JAPANESE, PAGES, pages


@pytest.mark.parametrize(("path", "text"), pages().items(), ids=lambda one: one.name if isinstance(one, Path) else "")
def test_a_file_is_what_its_source_makes_of_it(path: Path, text: str) -> None:
    """`make failures` makes them anew."""
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["en.html", "ja.html"])
def test_a_page_has_a_section_for_each_code_and_loads_nothing(name: str) -> None:
    page = (PAGES / name).read_text()

    assert sorted(re.findall(r'<h2 id="(\w+)">', page)) == sorted(Code)
    assert not re.search(r"<(script|img|link|iframe)|style=|\bon\w+=|url\(|@import", page)
    assert set(re.findall(r'href="([^"#:]*)', page)) <= {"", "https"}


def test_the_japanese_sections_say_what_is_shown_and_what_to_do() -> None:
    sections = re.split(r"^## \w+$", JAPANESE.read_text(), flags=re.MULTILINE)[1:]

    assert len(sections) == len(Code)
    assert all("**表示**" in section and "**対処**" in section for section in sections)
    assert not re.search(r"[{}]", JAPANESE.read_text())
