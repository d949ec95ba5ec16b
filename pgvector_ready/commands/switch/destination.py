"""The database that a switch leads to: read, refused where Render could not reach it, checked, and made ready."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pgvector_ready.commands.check.run import check
from pgvector_ready.commands.verify.address import WrongUseError
from pgvector_ready.commands.verify.evidence import Expectations
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import ConnectionString, DsnError, parse, pasted, provider_of
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation
from pgvector_ready.judgement.requirements import MigrationPolicy, VersionTable, joined
from pgvector_ready.judgement.target import Network, network_of
from pgvector_ready.migrations.history import History, find_history
from pgvector_ready.migrations.upgrade import MigrationError, upgrade
from pgvector_ready.printable import NAME_LIMIT, SENTENCE_LIMIT, printable
from pgvector_ready.settings import Settings, load

_CHECK_SECONDS = 10.0
# Render's own network is the service's as well.
_CLOSED = {Network.RAILWAY, Network.MACHINE, Network.PRIVATE}


class NotReadyError(Exception):
    """Something is not ready for the switch; the command itself was used rightly."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A connection string that holds on Render as it does here; `value` as it is to be set."""

    value: str = field(repr=False)
    read: ConnectionString
    # The application's own, where this machine has it.
    history: History | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str], *, is_render_here: bool) -> "Destination":
        """Read NEW_DATABASE_URL. Raises WrongUseError; with `is_render_here` a private address will do."""
        value, _ = pasted.repair(environment.get("NEW_DATABASE_URL", ""))
        if not value:
            message = (
                "NEW_DATABASE_URL is not set: put the new database's connection string there, not on the command line."
            )
            raise WrongUseError(message)
        try:
            read = parse(value, environment)
            _refuse_local_words(read, parse(value))
        except DsnError as error:
            raise WrongUseError(_sentence_of(error.failure)) from None
        _refuse_private(read, is_render_here=is_render_here)
        return cls(value, read, find_history(_settings(value)))

    @property
    def version_table(self) -> VersionTable:
        """The table that says how far a database of this application is migrated."""
        return version_table_of(self.history)

    @property
    def newest(self) -> str | None:
        """The newest revision of the application's history, as far as it is known here."""
        revisions = self.history.revisions if self.history else None
        return joined(revisions.heads) if revisions else None

    async def check(self, *, enable: bool) -> Observation:
        """Go through the runbook; a missing pgvector is no fault where it is enabled later.

        Raises NotReadyError.
        """
        table = self.version_table
        named = f"{table.schema}.{table.name}" if table.schema else table.name
        settings = _settings(self.value, migrations=MigrationPolicy.OFF, migrations_table=named)
        observation = await check(settings, enable=enable, timeout_seconds=_CHECK_SECONDS)
        failure = observation.report.failure
        if failure and (enable or failure.code is not Code.PGVECTOR_NOT_ENABLED):
            message = f"The new database is not usable. {_sentence_of(failure)}"
            raise NotReadyError(message)
        return observation

    def history_for(self, old: str | None) -> History:
        """Return the history here. Raises WrongUseError where there is none, or it does not know the revision `old`."""
        if self.history is None:
            message = (
                "--migrate needs the application's Alembic folder: "
                "set MIGRATIONS_FOLDER to it, or work where its alembic.ini is."
            )
            raise WrongUseError(message)
        revisions = self.history.revisions
        if old is not None and revisions is not None and not revisions.known.issuperset(old.split(",")):
            message = (
                f"The history here does not know the service's revision {printable(old, NAME_LIMIT)}: "
                "use the one that the service was deployed with."
            )
            raise WrongUseError(message)
        return self.history

    async def migrate(self, history: History, say: Callable[[str], None]) -> str:
        """Bring the database to the newest revision; return the sentence that says so. Raises NotReadyError.

        `say` hears what the migrations write.
        """
        try:
            done = await upgrade(_settings(self.value), history, say)
        except MigrationError as error:
            for line in error.details:
                say(f"  {line}")
            message = f"The new database was not migrated. {_sentence_of(error.failure)}"
            raise NotReadyError(message) from None
        before, after = (printable(joined(found) or "none", NAME_LIMIT) for found in (done.before, done.after))
        return f"The new database is at {after}" + ("." if before == after else f", and was at {before}.")

    def expected(self, observation: Observation) -> Expectations:
        """Return how to recognise a service that runs with this database."""
        server = observation.report.facts.server
        return Expectations(fingerprint=server.fingerprint if server else None, places=places(self.read))


def _settings(value: str, **changes: str) -> Settings:
    """Return this machine's settings for the new database; EXPECTED_DATABASE_* speak of the old one."""
    unasked = dict.fromkeys(f"expected_database_{name}" for name in ("host", "name", "fingerprint"))
    return load(database_url=value, **unasked, **changes)


def _refuse_private(read: ConnectionString, *, is_render_here: bool) -> None:
    """Refuse a host that Render cannot reach, though this machine may. Raises WrongUseError."""
    for host in read.hosts:
        provider = provider_of(host.name)
        network = network_of(host.address or host.name, provider)
        if network in _CLOSED and not (is_render_here and network is not Network.RAILWAY):
            failure = Failure.about(Code.PRIVATE_HOST, Step.CONFIGURED, replace(read.target, provider=provider))
            name, remedy = printable(host.name, NAME_LIMIT), _of_new(wording(failure).remedy)
            message = f"{failure.code}: {name} belongs to {network}, which Render cannot reach. {remedy}"
            raise WrongUseError(message)


def _refuse_local_words(here: ConnectionString, there: ConnectionString) -> None:
    """Refuse a value that is only whole with this machine's PG… variables: Render has none. Raises WrongUseError."""
    if any(getattr(here, part) != getattr(there, part) for part in ("hosts", "user", "database", "password")):
        message = (
            "NEW_DATABASE_URL is only whole with this machine's own PG… variables: write user, host and all into it."
        )
        raise WrongUseError(message)


def _sentence_of(failure: Failure) -> str:
    said = wording(failure)
    return _of_new(f"{failure.code}: {said.message} {said.remedy}")


def _of_new(sentence: str) -> str:
    return re.sub(r"\bDATABASE_URL\b", "NEW_DATABASE_URL", sentence)


def readable(value: str | None) -> ConnectionString | None:
    """Parse a value that Render holds; None where it is no connection string."""
    try:
        return parse(value) if value else None
    except DsnError:
        return None


def shown(value: str | None) -> str:
    """Return the part of a value that may be shown."""
    if value is None:
        return "no value of its own"
    if (read := readable(value)) is None:
        return "a value that is no connection string"
    target = read.target
    where = f"{target.host} port {target.port}, database {target.database}, user {target.user} ({target.provider})"
    return printable(where, SENTENCE_LIMIT)


def version_table_of(history: History | None) -> VersionTable:
    """Return the table of a history, or the usual one."""
    return (history.version_table if history else None) or VersionTable()


def places(read: ConnectionString | None) -> frozenset[tuple[str, int]]:
    """Return host and port of every server that a value names."""
    return frozenset((host.name, host.port) for host in read.hosts) if read else frozenset()
