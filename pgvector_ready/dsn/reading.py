"""A connection string's own words: its grammar read, other tools' words sorted out, every refusal told."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from pgvector_ready.dsn import pasted
from pgvector_ready.dsn.conninfo import VARIABLES, Flaw, GrammarError, settings, split_userinfo
from pgvector_ready.dsn.keywords import SECRETS, at_home, is_foreign, is_known
from pgvector_ready.dsn.refusals import (
    DsnError,
    bad_percent,
    not_pairs,
    unbracketed,
    undecodable,
    unencoded,
    unknown_keyword,
    whitespace,
)
from pgvector_ready.dsn.spelling import correction, is_disguised
from pgvector_ready.judgement.phrases import Part, Phrase, phrase

SCHEME = re.compile(r"(postgres(?:ql)?)(?:\+\w+)?://", re.IGNORECASE)
# How people call what libpq calls otherwise.
_PARTS = {
    Part.USER: "user",
    Part.PASSWORD: "password",
    Part.HOST: "host",
    Part.PORT: "port",
    Part.DATABASE: "dbname",
}
_NAMEABLE = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Reading:
    """The keywords that the string itself gives, before the environment's; `foreign` are those of other tools."""

    keywords: dict[str, str]
    foreign: dict[str, str]
    notes: tuple[Phrase, ...]


def refuse_undecodable(text: str) -> None:
    """Raises `DsnError`: bytes that are no UTF-8 are surrogates, in `os.environ` and in what was percent-encoded."""
    if re.search(r"[\ud800-\udfff\0]", text):
        raise undecodable()


def read(text: str) -> Reading:
    """Raises `DsnError`; `text` is already free of what was pasted around it."""
    scheme = SCHEME.match(text)
    if scheme:
        pasted.refuse_broken_uri(text[scheme.end() :])
    try:
        found = settings(text)
    except GrammarError as error:
        raise _refusal_of(error) from None
    unknown = next((number for number, (keyword, _) in enumerate(found) if not is_known(keyword)), None)
    if unknown is not None:
        raise _unknown(text, found[: unknown + 1])
    reading = _sorted_out(found)
    pasted.refuse_placeholders({part: reading.keywords.get(keyword, "") for part, keyword in _PARTS.items()})
    return reading


def _sorted_out(found: Iterable[tuple[str, str]]) -> Reading:
    at_homes = [(written, at_home(*written)) for written in found]
    keywords = {keyword: value for _, (keyword, value) in at_homes if keyword in VARIABLES}
    foreign = {keyword: value for _, (keyword, value) in at_homes if is_foreign(keyword)}
    translated = sorted({written[0] for written, domestic in at_homes if written != domestic})
    notes = [phrase(Part.LEFT_ASIDE, keywords=", ".join(sorted(foreign)))] if foreign else []
    notes += [phrase(Part.TAKEN_FOR_SSLMODE, keyword=keyword, sslmode=keywords["sslmode"]) for keyword in translated]
    return Reading(keywords, foreign, tuple(notes))


def _unknown(text: str, found: list[tuple[str, str]]) -> DsnError:
    keyword = found[-1][0]
    if is_disguised(keyword) or _is_nameable(text, found):
        return unknown_keyword(keyword, correction(keyword))
    return unknown_keyword(None)


def _is_nameable(text: str, found: list[tuple[str, str]]) -> bool:
    """Return whether the last keyword is certainly no piece of a password that was not encoded."""
    *before, (keyword, _) = found
    if not _NAMEABLE.fullmatch(keyword):
        return False
    secrets = sum(name in SECRETS for name, _ in before)
    scheme = SCHEME.match(text)
    if not scheme:  # the whole may be a key in Base64, which ends in =
        return bool(before) and not secrets
    userinfo, rest = split_userinfo(text[scheme.end() :])
    if userinfo is None:  # postgres://user:secret?word= may have lost its host
        return ":" not in rest and not secrets
    has_password = ":" in userinfo
    return not secrets or (has_password and secrets == 1)


def _refusal_of(error: GrammarError) -> DsnError:
    match error.flaw:
        case Flaw.BLANK:
            return whitespace()
        case Flaw.PERCENT | Flaw.NUL if error.part in {Part.USER, Part.PASSWORD}:
            return unencoded()
        case Flaw.PERCENT | Flaw.NUL:
            return bad_percent(Part(error.part))
        case Flaw.BRACKET:
            return unbracketed()
        case Flaw.EQUALS:
            return not_pairs()
        case _:
            assert_never(error.flaw)
