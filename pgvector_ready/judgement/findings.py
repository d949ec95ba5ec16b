"""Something wrong with the vectors of a database, by its code, before it becomes a failure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.phrases import Value
from pgvector_ready.judgement.target import Target

# What names an object of the database, or holds such a name.
NAMES = frozenset({"table", "column", "index", "statements", "kept", "other"})


@dataclass(frozen=True, slots=True)
class Found:
    """A code, what it is about (qualified and quoted names), and the statements that end it."""

    code: Code
    table: str | None = None
    column: str | None = None
    index: str | None = None
    values: Mapping[str, Value] = field(default_factory=dict, hash=False)
    statements: str | None = None
    case: str = ""

    def failure(self, target: Target) -> Failure:
        """Return it as the step `searchable` carries it."""
        named = {"table": self.table, "column": self.column, "index": self.index, "statements": self.statements}
        return Failure.about(self.code, Step.SEARCHABLE, target, {**self.values, **named}, case=self.case)

    def is_one_of(self, accepted: frozenset[str]) -> bool:
        """Return True if `accepted` has its code, or `code:object` for its table, column or index."""
        column = f"{self.table}.{self.column}"
        names = {self.table, self.index, column, *(_bare(one) for one in (self.table, self.index) if one)}
        return self.code in accepted or any(f"{self.code}:{name}" in accepted for name in names)


def _bare(name: str) -> str:
    """Return a name of the schema public as people write it."""
    return name.removeprefix("public.")
