"""What a probe found out: the server, the extension, and what stopped it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pgvector_ready.judgement.failures import Failure, Step
from pgvector_ready.judgement.target import Target


@dataclass(frozen=True, slots=True)
class Server:
    """The server that was reached."""

    version: str
    is_standby: bool
    is_read_only: bool
    database: str
    user: str
    tls: str | None
    is_pooled: bool
    # Of the server's system_identifier and the database's oid; None where the server keeps the former to itself.
    fingerprint: str | None
    may_create_temporary_tables: bool = True
    # Alembic's, as this role names it; None where there is none that it may read.
    migrations_table: str | None = None
    # There is one, and this role may not read it.
    hides_migrations: bool = False

    @property
    def is_writable(self) -> bool:
        """Whether it takes writes."""
        return not (self.is_standby or self.is_read_only)


@dataclass(frozen=True, slots=True)
class Extension:
    """pgvector on that server (`available_version`) and in that database (`installed_version`, `schema`)."""

    available_version: str | None = None
    installed_version: str | None = None
    schema: str | None = None
    quoted_schema: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one probe found out. What stopped it, if anything did, is `failure`, with the step it was in."""

    target: Target
    observed_at: datetime
    latency_ms: float
    server: Server | None = None
    extension: Extension | None = None
    # None where there is no table of them.
    revisions: frozenset[str] | None = None
    failure: Failure | None = None
    durations_ms: Mapping[Step, float] = field(default_factory=dict)


# Hears of what is known so far, and of the step that is just being found out.
Listener = Callable[[Facts, Step], None]


def version(text: str) -> tuple[int, ...]:
    """A version as numbers, because as text 0.10.0 sorts below 0.8.5."""
    return tuple(int(number) for number in re.findall(r"\d+", text))
