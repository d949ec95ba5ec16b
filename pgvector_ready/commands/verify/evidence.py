"""The expectations of a service, its answers, and the result of comparing them."""

from dataclasses import dataclass, field
from datetime import datetime

from pgvector_ready.commands.verify.address import Address
from pgvector_ready.commands.verify.finding import Check
from pgvector_ready.commands.verify.reply import Outcome
from pgvector_ready.judgement.report import State


@dataclass(frozen=True, slots=True)
class OwnEndpoint:
    """One of the team's own endpoints, and the status it should answer to GET."""

    path: str = field(repr=False)
    status: int

    @property
    def name(self) -> str:
        """The path without its query, where people put secrets."""
        return self.path.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """The expectations beyond the contract; None is not asked."""

    commit: str | None = None
    host: str | None = None
    database: str | None = None
    minimum_version: str | None = None
    differs_from: Address | None = None
    fingerprint: str | None = None
    # Host and port, any of them, where the database's fingerprint is known to nobody.
    places: frozenset[tuple[str, int]] = frozenset()
    # The one from before a deploy, which should not answer any more.
    not_instance: str | None = None
    also: tuple[OwnEndpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The answers; None was not asked, because something before it failed."""

    address: Address
    health: Outcome | None = None
    database: Outcome | None = None
    health_head: Outcome | None = None
    database_head: Outcome | None = None
    other: Outcome | None = None
    also: tuple[Outcome | None, ...] = ()
    sent_token: bool = False
    sent_other_token: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The checks of the last attempt, the answers they judged, and the number of attempts."""

    origin: str
    evidence: Evidence = field(repr=False)
    checks: tuple[Check, ...]
    verified_at: datetime
    attempts: int
    waited_seconds: float

    @property
    def is_passed(self) -> bool:
        """True if no check failed."""
        return not failures(self.checks)

    def count(self, state: State) -> int:
        """Return how many checks came out so."""
        return sum(check.state is state for check in self.checks)


def failures(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Return the checks that failed; the first is the one to look at first."""
    return tuple(check for check in checks if check.state is State.FAIL)
