"""The languages that people are answered in, and which of them somebody prefers."""

import re
from enum import StrEnum


class Language(StrEnum):
    """A language; the value is its tag."""

    ENGLISH = "en"
    JAPANESE = "ja"


_TAGS = frozenset(map(str, Language))


# Of the header, in characters: a browser with ten languages sends 150.
_LONGEST = 1000


def preferred(accept_language: str) -> Language:
    """Return the language that the header weighs highest; English where it names none that is spoken here."""
    best, highest = Language.ENGLISH, 0.0
    for item in accept_language[:_LONGEST].split(","):
        tag, _, parameters = item.partition(";")
        name = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if name in _TAGS and weight > highest:
            best, highest = Language(name), weight
    return best


def _weight(parameters: str) -> float:
    if not parameters.strip():
        return 1.0
    stated = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters, re.ASCII | re.IGNORECASE)
    return float(stated[1]) if stated else 0.0
