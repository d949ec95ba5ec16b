"""A failure in words, in the language of whoever reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import LAST_RESORT, PARTS, PROVIDER_REMEDIES, SENTENCES, Text
from pgvector_ready.judgement.failures import Failure
from pgvector_ready.judgement.phrases import Phrase, Value
from pgvector_ready.judgement.target import Provider
from pgvector_ready.printable import SENTENCE_LIMIT, printable

_IDENTIFIER = "_identifier"
# May be several, one for each partition.
_STATEMENTS, _STATEMENTS_LIMIT = "statements", 4 * SENTENCE_LIMIT
# Between several parts: every one but the last two, and the last two.
_SEPARATORS = {
    Language.ENGLISH: {"and": (", ", " and "), ",": (", ", ", "), ";": ("; ", "; ")},
    Language.JAPANESE: {"and": ("、", "、"), ",": ("、", "、"), ";": ("、", "、")},
}


@dataclass(frozen=True, slots=True)
class Wording:
    """A sentence of fact and one of advice."""

    message: str
    remedy: str


def wording(failure: Failure, language: Language = Language.ENGLISH) -> Wording:
    """Return both sentences of the failure, with its values filled in; never half a sentence.

    Where a value is not known, the sentence that does without it is taken.
    """
    key = (failure.code, failure.case)
    sentences = SENTENCES.get(key) or SENTENCES.get((failure.code, ""), LAST_RESORT)
    provider = failure.values.get("provider")
    remedy = PROVIDER_REMEDIES.get((*key, provider)) if isinstance(provider, Provider) else None
    return Wording(
        _filled(sentences.message, failure.values, language) or _plain(LAST_RESORT.message, language),
        _filled(remedy or sentences.remedy, failure.values, language) or _plain(LAST_RESORT.remedy, language),
    )


def words(phrase: Phrase, language: Language = Language.ENGLISH) -> str:
    """Return the part of a sentence, or the note, with its values filled in."""
    return _filled(PARTS[phrase.part], phrase.values, language) or ""


def _plain(text: Text, language: Language) -> str:
    return text.in_language(language)


def _filled(text: Text | None, values: Mapping[str, Value], language: Language) -> str | None:
    """The first of the alternatives whose values are all known."""
    while text and not all(name.removesuffix(_IDENTIFIER) in values for name in text.names):
        text = text.otherwise
    if text is None:
        return None
    return text.in_language(language).format_map({name: _spoken(name, values, language) for name in text.names})


def _spoken(name: str, values: Mapping[str, Value], language: Language) -> object:
    if name.endswith(_IDENTIFIER):
        return _quoted(str(values[name.removesuffix(_IDENTIFIER)])[:SENTENCE_LIMIT])
    match values[name]:
        case str() as value:
            return printable(value, _STATEMENTS_LIMIT if name == _STATEMENTS else SENTENCE_LIMIT)
        case Phrase() as phrase:
            return words(phrase, language)
        case tuple() as phrases:
            return _Several([words(phrase, language) for phrase in phrases], language)
        case number:
            return number


def _quoted(name: str) -> str:
    """A name as SQL wants it, safe to paste: what cannot be seen is written as its number."""
    doubled = name.replace('"', '""')
    if printable(name, len(name)) == name:
        return f'"{doubled}"'
    return 'U&"{}"'.format("".join(_numbered(one) for one in doubled))


def _numbered(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return character if printable(character, 1) == character else f"\\+{ord(character):06x}"


class _Several:
    """Several parts, joined as the template says: `{parts:and}`, `{parts:,}` or `{parts:;}`."""

    def __init__(self, parts: list[str], language: Language) -> None:
        self._parts = parts
        self._language = language

    def __format__(self, separator: str) -> str:
        between, last = _SEPARATORS[self._language][separator]
        head = between.join(self._parts[:-1])
        return last.join(part for part in (head, self._parts[-1]) if part)
