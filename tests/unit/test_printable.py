import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgvector_ready.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("app", "app"),
        ("", ""),
        ("données_日本語 ünï", "données_日本語 ünï"),
        (r"DOMAIN\user", r"DOMAIN\user"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("one\ntwo\r\nthree\ttab", r"one\ntwo\r\nthree\ttab"),
        ("\x9b31m", r"\x9b31m"),
        ("nul\0", r"nul\x00"),
        ("line\u2028paragraph\u2029next\x85", r"line\u2028paragraph\u2029next\x85"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("ze\u200bro\u200d\ufeff\u2060", r"ze\u200bro\u200d\ufeff\u2060"),
        ("soft\u00adhyphen", r"soft\xadhyphen"),
        ("no\u00a0break\u3000wide", r"no\xa0break\u3000wide"),
        ("caf\udce9", r"caf\udce9"),
        ("filler\u3164\u2800\ufe0f", r"filler\u3164\u2800\ufe0f"),
        ("tag\U000e0041\U000e0100", r"tag\U000e0041\U000e0100"),
        ("private\ue000", r"private\ue000"),
    ],
)
def test_what_cannot_be_seen_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text, 100) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abcd\x1b", 6, "abcd…"),
        ("abc\x1bdef", 8, "abc\\x1b…"),
        ("\x1b\x1b", 3, "…"),
        ("x" * 10_000_000, 5, "xxxx…"),
    ],
)
def test_what_is_too_long_is_cut_and_never_within_an_escape(text: str, limit: int, shown: str) -> None:
    assert printable(text, limit) == shown


@given(st.text(st.characters()), st.integers(1, 40))
def test_any_text_is_visible_bounded_and_one_line(text: str, limit: int) -> None:
    shown = printable(text, limit)

    assert len(shown) <= limit
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"} == set()
    assert shown.encode().decode() == shown
    assert printable(shown, limit) == shown
