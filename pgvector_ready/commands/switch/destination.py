"""The database that a switch leads to: read, refused where Render could not reach it, checked, and made ready."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from pgvector_ready.commands.check.run import check
from pgvector_ready.commands.verify.address import WrongUseError
from pgvector_ready.commands.verify.evidence import Expectations
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import ConnectionString, DsnError, Host, parse, pasted, provider_of
from pgvector_ready.judgement.failures import Code, Failure
from pgvector_ready.judgement.observation import Observation
from pgvector_ready.judgement.requirements import MigrationPolicy
from pgvector_ready.judgement.target import Provider
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import load

_CHECK_SECONDS = 10.0
_NOWHERE = frozenset({Provider.RAILWAY_INTERNAL, Provider.LOCAL, Provider.EMBEDDED})


class NotReadyError(Exception):
    """It was asked for rightly, and something is not ready for it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A connection string that holds on Render as it does here; `value` as it is to be set."""

    value: str = field(repr=False)
    read: ConnectionString

    @classmethod
    def of(cls, environment: Mapping[str, str], *, is_render_here: bool) -> "Destination":
        """What NEW_DATABASE_URL says. Raises WrongUseError; with `is_render_here` a private address will do."""
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
            raise WrongUseError(_told(error.failure)) from None
        _refuse_private(read, is_render_here=is_render_here)
        return cls(value, read)

    async def check(self, *, enable: bool) -> Observation:
        """Go through the runbook; that pgvector is missing is no fault where it will yet be enabled.

        Raises NotReadyError.
        """
        # What this machine's EXPECTED_DATABASE_* say is of the old one, and the deploy itself brings its migrations.
        unasked = dict.fromkeys(f"expected_database_{name}" for name in ("host", "name", "fingerprint"))
        settings = load(database_url=self.value, migrations=MigrationPolicy.OFF, **unasked)
        observation = await check(settings, enable=enable, timeout_seconds=_CHECK_SECONDS)
        failure = observation.report.failure
        if failure and (enable or failure.code is not Code.PGVECTOR_NOT_ENABLED):
            message = f"The new database is not usable. {_told(failure)}"
            raise NotReadyError(message)
        return observation

    def expected(self, observation: Observation) -> Expectations:
        """How a service must look that runs with it."""
        server = observation.report.facts.server
        return Expectations(fingerprint=server.fingerprint if server else None, places=places(self.read))


def _refuse_private(read: ConnectionString, *, is_render_here: bool) -> None:
    """Refuse a host that Render cannot reach, though this machine may. Raises WrongUseError."""
    for host in read.hosts:
        is_railway = provider_of(host.name) is Provider.RAILWAY_INTERNAL
        if is_railway or (_is_private(host) and not is_render_here):
            remedy = "use Railway's DATABASE_PUBLIC_URL" if is_railway else "use the database's public address"
            message = f"Render cannot reach {host.name}, a private address: {remedy} as NEW_DATABASE_URL."
            raise WrongUseError(message)


def _is_private(host: Host) -> bool:
    if host.name.startswith("/") or provider_of(host.name) in _NOWHERE:
        return True
    try:
        return ip_address(host.address or host.name).is_private
    except ValueError:
        return False


def _refuse_local_words(here: ConnectionString, there: ConnectionString) -> None:
    """Refuse a value that is only whole with this machine's PG… variables: Render has none. Raises WrongUseError."""
    if any(getattr(here, part) != getattr(there, part) for part in ("hosts", "user", "database", "password")):
        message = (
            "NEW_DATABASE_URL is only whole with this machine's own PG… variables: write user, host and all into it."
        )
        raise WrongUseError(message)


def _told(failure: Failure) -> str:
    said = wording(failure)
    return re.sub(r"\bDATABASE_URL\b", "NEW_DATABASE_URL", f"{failure.code}: {said.message} {said.remedy}")


def readable(value: str | None) -> ConnectionString | None:
    """What Render holds may be anything."""
    try:
        return parse(value) if value else None
    except DsnError:
        return None


def shown(value: str | None) -> str:
    """What may be seen of it."""
    if value is None:
        return "no value of its own"
    if (read := readable(value)) is None:
        return "a value that is no connection string"
    target = read.target
    where = f"{target.host} port {target.port}, database {target.database}, user {target.user} ({target.provider})"
    return printable(where, SENTENCE_LIMIT)


def places(read: ConnectionString | None) -> frozenset[tuple[str, int]]:
    """Host and port of every server it names."""
    return frozenset((host.name, host.port) for host in read.hosts) if read else frozenset()
