"""The process that answers, and its page of failures."""

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
    """The facts about this process that both documents tell."""

    commit: str | None
    environment: str | None
    instance: str | None
    started_at: datetime
    documentation: Documentation = field(default_factory=Documentation)

    @classmethod
    def of_a_command(cls) -> "Identity":
        """Return the identity of a command, which no platform deployed and which serves no page."""
        documentation = Documentation("docs/failures.md")
        return cls(None, None, None, started_at=datetime.now(UTC), documentation=documentation)
