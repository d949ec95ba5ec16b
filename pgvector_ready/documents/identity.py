"""Which process answers, and where its page of failures is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from pgvector_ready.judgement.failures import Code

SERVICE = "pgvector-ready"


@dataclass(slots=True)
class Documentation:
    """The page with a section for each code, once the application has one."""

    # Its address, or its path.
    page: str | None = None

    def of(self, code: Code) -> str | None:
        """Return where the section of this code is; None where there is no page."""
        return f"{self.page}#{code}" if self.page else None


@dataclass(frozen=True, slots=True)
class Identity:
    """Which process this is: what both documents say of the service itself."""

    commit: str | None
    environment: str | None
    instance: str | None
    started_at: datetime
    documentation: Documentation = field(default_factory=Documentation)

    @classmethod
    def of_a_command(cls) -> "Identity":
        """A command's, which no platform deployed and which serves no page."""
        documentation = Documentation("docs/failures.md")
        return cls(None, None, None, started_at=datetime.now(UTC), documentation=documentation)
