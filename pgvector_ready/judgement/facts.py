"""The facts that a probe collects: the server, the extension, and what stopped it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pgvector_ready.judgement.failures import Failure, Step
from pgvector_ready.judgement.phrases import Value
from pgvector_ready.judgement.target import Target
from pgvector_ready.judgement.vectors import Look


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of the database, as PostgreSQL calls it and its kind, and whose it is."""

    kind: str
    name: str
    owner: str


class Distrust(StrEnum):
    """The reasons for which a table of the right name is neither read nor written."""

    # Not a plain table: reading a view runs whatever its owner wrote.
    KIND = "kind"
    OWNER = "owner"
    SCHEMA = "schema"
    INHERITANCE = "inheritance"
    RULE = "rule"
    # Something of a stranger's stands on it.
    PART = "part"
    # No column of Alembic's.
    COLUMN = "column"


@dataclass(frozen=True, slots=True)
class FoundTable:
    """Alembic's version table, as this role finds it."""

    # Qualified and quoted, for a statement.
    name: str
    distrust: Distrust | None = None
    # What is not to be trusted: the table, its schema, or what stands on it.
    culprit: Thing | None = None
    # This role has the right to.
    is_readable: bool = True
    # Row level security decides what this role sees of it.
    is_filtered: bool = False
    has_triggers: bool = False

    @property
    def shows_revisions(self) -> bool:
        """True if reading it runs no code of strangers, and shows every row."""
        return self.distrust is None and self.is_readable and not self.is_filtered


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
    # Of the library that sorted this database's text when it was made; None where that is not recorded.
    collation_version: str | None = None
    # It is built on musl, as Alpine's images are, whose order of text is another than glibc's.
    is_musl: bool = False
    is_32_bit: bool = False
    # None where there is none.
    version_table: FoundTable | None = None

    @property
    def is_writable(self) -> bool:
        """True if it takes writes."""
        return not (self.is_standby or self.is_read_only)


@dataclass(frozen=True, slots=True)
class Extension:
    """pgvector on that server (`available_version`) and in that database (`installed_version`, `schema`)."""

    available_version: str | None = None
    installed_version: str | None = None
    schema: str | None = None
    quoted_schema: str | None = None
    # Of the library that this session has loaded, which upgrade scripts say nothing of; None where it does not tell.
    library_version: str | None = None
    # `vector` and its operators are found by this role's search path.
    is_found: bool = True
    # And this is found before pgvector's.
    shadow: Thing | None = None
    # No longer what pgvector's library does.
    replaced: Thing | None = None
    # Pgvector's own, and its owner may replace it.
    exposed: Thing | None = None

    @property
    def is_usable(self) -> bool:
        """True if it is enabled, and nothing else is found in its place."""
        return self.installed_version is not None and self.is_own

    @property
    def is_own(self) -> bool:
        """True if an application's `vector` and `<->` mean pgvector's, and no code of anybody else is run."""
        return self.is_found and self.shadow is None and self.replaced is None


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
    # What is known of its vectors, by an inventory that is taken less often.
    look: Look = field(default_factory=Look)
    durations_ms: Mapping[Step, float] = field(default_factory=dict)


# Hears of what is known so far, and of the step that is just being found out.
Listener = Callable[[Facts, Step], None]


def version(text: str) -> tuple[int, ...]:
    """A version as numbers, because as text 0.10.0 sorts below 0.8.5."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


# The Debian of an image, by the glibc that it has: with another one, the indexes on text are in the wrong order.
_DEBIANS = {"2.36": "-bookworm", "2.41": "-trixie"}


def image_for(server_version: str, collation_version: str | None = None) -> str:
    """The public image with pgvector for the same major version, which alone can open the server's data.

    Where it is known by what the database's text was sorted, the one of that Debian.
    """
    numbers = version(server_version)
    debian = _DEBIANS.get(collation_version or "", "")
    return f"pgvector/pgvector:pg{numbers[0]}{debian}" if numbers else "pgvector/pgvector:pg17"


def values_of(server: Server | None, extension: Extension | None) -> Mapping[str, Value | None]:
    """Return what a failure can say of the server and of pgvector; `None` is not known yet."""
    extension = extension or Extension()
    return {
        "server_version": server.version if server else None,
        "image": image_for(server.version, server.collation_version) if server else None,
        "available_version": extension.available_version,
        "installed_version": extension.installed_version,
        "schema": extension.schema,
    }
