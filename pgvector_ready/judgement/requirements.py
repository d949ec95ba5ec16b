"""What is asked of a database."""

from dataclasses import dataclass
from enum import StrEnum


class MigrationPolicy(StrEnum):
    """What the step `migrated` asks: nothing, that an existing table be at head, or that there be one at head."""

    OFF = "off"
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Revisions:
    """Alembic's revisions as this code has them."""

    heads: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is asked of the database: the settings, as far as they judge."""

    expected_host: str | None = None
    expected_database: str | None = None
    expected_fingerprint: str | None = None
    is_writable: bool = True
    minimum_version: str | None = None
    slow_ms: float | None = None
    migrations: MigrationPolicy = MigrationPolicy.AUTO
    revisions: Revisions = Revisions()
    notes: tuple[str, ...] = ()
    is_repaired: bool = False

    @property
    def names_a_target(self) -> bool:
        """Whether any EXPECTED_DATABASE_* is set."""
        return bool(self.expected_host or self.expected_database or self.expected_fingerprint)


def joined(revisions: frozenset[str]) -> str | None:
    """Several revisions, of branches that were not merged, as one text."""
    return ",".join(sorted(revisions)) or None
