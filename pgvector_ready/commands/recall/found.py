"""The measurement of one index, and the lines that tell it (pure)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pgvector_ready.printable import NAME_LIMIT, SENTENCE_LIMIT, printable


@dataclass(frozen=True, slots=True)
class Better:
    """A setting of a session with which more was found."""

    setting: str
    recall: float
    rows: float
    # How many times as long a search takes.
    cost: float


@dataclass(frozen=True, slots=True)
class Recall:
    """The share of an exact search's rows that one index finds, over all queries together."""

    # Qualified and quoted.
    table: str
    column: str
    index: str
    method: str
    operator_class: str
    k: int
    queries: int
    # From 0 to 1.
    recall: float
    # The mean of the rows that a search by the index returned, and that an exact one did.
    rows: float
    rows_exact: float
    # The name of the index in the plan, or how PostgreSQL searches instead of it.
    plan: str
    better: Better | None = None
    # Fewer queries than were asked for, since the time was over.
    is_cut_short: bool = False

    @property
    def uses_index(self) -> bool:
        """True if PostgreSQL searches by this index."""
        return self.plan == self.index


_BOUND = "Stored vectors were the queries, which is an optimistic bound: those of your users lie elsewhere."


def lines_of(found: list[Recall]) -> Iterator[str]:
    """Lines for a person."""
    for one in found:
        yield printable(f"{one.table}.{one.column} by {one.index} ({one.method}, {one.operator_class})", SENTENCE_LIMIT)
        cut = ", then the time was over" if one.is_cut_short else ""
        yield f"    recall@{one.k} {one.recall:.3f} over {one.queries} queries{cut}"
        yield f"    {one.rows:.1f} rows returned of {one.rows_exact:.1f} that there are"
        if not one.uses_index:
            yield f"    PostgreSQL does not search by it here: {printable(one.plan, NAME_LIMIT)}"
        if one.better:
            better = one.better
            gain = f"recall {better.recall:.3f}, {better.rows:.1f} rows, {better.cost:.1f} times the time"
            yield f"    → {better.setting} gives {gain}"
    yield _BOUND


def as_document(found: list[Recall]) -> dict[str, Any]:
    """The figures for a machine."""
    return {"indexes": [{**asdict(one), "uses_index": one.uses_index} for one in found], "note": _BOUND}
