"""The part of the database's document that is about its vectors."""

from collections.abc import Iterable

from pydantic import Field

from pgvector_ready.documents.fields import Document, Instant, Shown
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.wording import wording
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.report import Finding, Report
from pgvector_ready.judgement.vectors import IndexState, VectorColumn, VectorIndex

# Of the findings, and of the columns; the rest are counted.
MOST_FINDINGS = 20


class FindingDocument(Document):
    """Something that is wrong with the vectors; names and remedy only for whoever may see them."""

    code: Code
    table: Shown | None
    column: Shown | None
    index: Shown | None
    message: str
    remedy: str | None
    accepted: bool

    @classmethod
    def of(cls, finding: Finding, language: Language = Language.ENGLISH, *, shows_names: bool) -> "FindingDocument":
        """The finding as it is shown."""
        shown = finding if shows_names else finding.without_names()
        said = wording(shown.failure, language)
        return cls(
            code=shown.failure.code,
            table=shown.table,
            column=shown.column,
            index=shown.index,
            message=said.message,
            remedy=said.remedy if shows_names else None,
            accepted=shown.is_accepted,
        )


class IndexDocument(Document):
    """An approximate index on a column of vectors; its name only for whoever may see it."""

    index: Shown | None
    method: Shown
    operator_class: Shown
    state: IndexState
    size_bytes: int
    progress: float | None = Field(description="From 0 to 1, of a build that this role may watch.")


class ColumnDocument(Document):
    """A column of vectors with its indexes; names only for whoever may see them."""

    table: Shown | None
    column: Shown | None
    type: str
    dimensions: int | None
    rows: int | None = Field(description="As PostgreSQL estimates them; null where this role may not read the column.")
    indexes: tuple[IndexDocument, ...]

    @classmethod
    def of(cls, column: VectorColumn, indexes: Iterable[VectorIndex], *, shows_names: bool) -> "ColumnDocument":
        """The column as it is shown."""
        return cls(
            table=column.table if shows_names else None,
            column=column.name if shows_names else None,
            type=column.type,
            dimensions=column.dimensions,
            rows=None if column.rows is None else round(column.rows),
            indexes=tuple(
                IndexDocument(
                    index=one.name if shows_names else None,
                    method=one.method,
                    operator_class=one.operator_class,
                    state=one.state,
                    size_bytes=one.size_bytes,
                    progress=one.progress,
                )
                for one in indexes
            ),
        )


class VectorsDocument(Document):
    """What the last look at the columns of vectors found: how many there are, the largest, and what is wrong."""

    columns: int
    indexes: int
    building: int
    largest: tuple[ColumnDocument, ...] = Field(description="At most 20 columns, those with most rows.")
    findings: tuple[FindingDocument, ...]
    more: int = Field(description="How many findings there are besides.")
    observed_at: Instant

    @classmethod
    def of(
        cls, report: Report, language: Language = Language.ENGLISH, *, shows_names: bool
    ) -> "VectorsDocument | None":
        """The inventory as it is shown; None before the first one."""
        inventory = report.facts.look.inventory
        if inventory is None:
            return None
        states = [index.state for index in inventory.indexes]
        shown = report.findings[:MOST_FINDINGS]
        largest = sorted(inventory.columns, key=lambda one: -(one.rows or 0))[:MOST_FINDINGS]
        return cls(
            columns=inventory.total,
            indexes=len(states),
            building=states.count(IndexState.BUILDING),
            largest=tuple(
                ColumnDocument.of(one, inventory.indexes_on(one), shows_names=shows_names) for one in largest
            ),
            findings=tuple(FindingDocument.of(one, language, shows_names=shows_names) for one in shown),
            more=len(report.findings) - len(shown),
            observed_at=inventory.observed_at,
        )
