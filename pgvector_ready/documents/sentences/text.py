"""A sentence in every language, and the two that each failure has."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import TypeAlias, assert_never

from pgvector_ready.documents.language import Language
from pgvector_ready.judgement.failures import Code


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence or a few in each language, the same statements in both; `{…}` are values of the failure.

    `{NAME_identifier}` is the value NAME as SQL wants a name, safe to paste. Where a value is not known, `otherwise`
    is said instead.
    """

    english: str
    japanese: str
    otherwise: "Text | None" = None

    def in_language(self, language: Language) -> str:
        """Return it as it stands in the table."""
        match language:
            case Language.ENGLISH:
                return self.english
            case Language.JAPANESE:
                return self.japanese
            case _:
                assert_never(language)

    @property
    def names(self) -> frozenset[str]:
        """The values that it speaks of."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.english) if name)


@dataclass(frozen=True, slots=True)
class Sentences:
    """A sentence of fact, and one of advice with the very next thing to do."""

    message: Text
    remedy: Text


# A code alone, or with the case of it that has sentences of its own.
Table: TypeAlias = Mapping[tuple[Code, str], Sentences]
