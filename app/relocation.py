"""One run of `switch`: from the environment and the options to an exit code, whatever happens in between."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

from app.check import check
from app.dsn import ConnectionString, DsnError, Host, Provider, parse, pasted, provider_of
from app.failures import Code, Failure
from app.logs import Redactor
from app.outside import HttpOutside
from app.render import DEFAULT_API_URL, Access, AccessError, Render, RenderError, Service
from app.report import Observation
from app.runbook import MigrationPolicy
from app.settings import ConfigurationError, load
from app.switch import PREVIOUS, Expected, Pace, Standing, Switch, Teller

_CHECK_SECONDS = 10.0
_DONE, _NOT_DONE, _WRONG_USE, _INTERRUPTED = 0, 1, 2, 130
_NOWHERE = frozenset({Provider.RAILWAY_INTERNAL, Provider.LOCAL, Provider.EMBEDDED})


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line; `service` is a name or an id."""

    service: str
    dry_run: bool = False
    yes: bool = False
    rollback: bool = False


class Talk(Teller, Protocol):
    """A teller that may also ask."""

    def ask(self, question: str) -> bool | None:
        """Whether the answer is yes; None where nobody is there to give one."""


class WrongUseError(Exception):
    """What was asked for cannot be done as it was asked."""


class NotReadyError(Exception):
    """It was asked for rightly, and something is not ready for it."""


@dataclass(frozen=True, slots=True)
class _New:
    value: str = field(repr=False)
    read: ConnectionString
    observation: Observation

    @property
    def expected(self) -> Expected:
        return Expected(_fingerprint(self.observation), _places(self.read))


class Relocation:
    """Everything it says is free of the key and of connection strings, also where it passes on somebody's words."""

    def __init__(self, order: Order, environment: Mapping[str, str], talk: Talk, pace: Pace) -> None:
        self._order = order
        self._environment = environment
        self._talk = talk
        self._pace = pace
        self._secrets: set[str] = set()
        self._switch: Switch | None = None

    def run(self) -> int:
        """Do it; the exit code. Never raises."""
        try:
            return self._run()
        except (WrongUseError, ConfigurationError, AccessError) as error:
            return self._stop(str(error), _WRONG_USE)
        except (NotReadyError, RenderError) as error:
            return self._stop(str(error), _NOT_DONE)
        except KeyboardInterrupt:
            return self._stop("Interrupted.", _INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - a traceback could show a secret
            return self._stop(f"Something unforeseen went wrong ({type(error).__name__}): please report it.", _NOT_DONE)

    def _stop(self, sentence: str, code: int) -> int:
        state = self._switch.state if self._switch else "Nothing was changed."
        self._talk.say(f"{sentence} {state}")
        return code

    def _run(self) -> int:
        access = self._access()
        new = None if self._order.rollback else self._new(access)
        with closing(Render(access, self._redact, backoff_seconds=self._pace.backoff_seconds)) as render:
            service = _find(render, self._order.service)
            token = self._known(render.variable(service.id, "HEALTH_TOKEN"))
            with closing(HttpOutside(token, self._pace.poll_seconds)) as outside:
                return self._move(service, new, Switch(render, service, outside, self._talk, self._pace))

    def _move(self, service: Service, new: _New | None, switch: Switch) -> int:
        self._switch = switch
        standing = switch.stand()
        self._known(standing.current)
        self._known(standing.previous)
        has_moved = self._back(service, standing, switch) if new is None else self._to(service, standing, new, switch)
        if has_moved is None:
            return _DONE
        self._talk.say(("Done. " if has_moved else "Not done. ") + switch.state)
        return _DONE if has_moved else _NOT_DONE

    def _to(self, service: Service, standing: Standing, new: _New, switch: Switch) -> bool | None:
        """Move to the new database; None where there was nothing to do, or it was not to be done."""
        seen = standing.seen
        before = Expected(seen.fingerprint, _places(_readable(standing.current)))
        fingerprint = new.expected.fingerprint
        self._show(service, ("from", standing.current, before.fingerprint), ("to", new.value, fingerprint))
        if fingerprint and fingerprint == before.fingerprint:
            self._talk.say("Both are the same database.")
        if switch.is_done(standing, new.value, new.expected):
            self._talk.say("Nothing to do: the service already runs with it.")
            return None
        if not self._is_agreed():
            return None
        self._enable(new)
        return switch.to(standing, new.value, new.expected, before)

    def _back(self, service: Service, standing: Standing, switch: Switch) -> bool | None:
        """Go back to the value from before the last switch; None as in `_to`."""
        if standing.previous is None:
            message = (
                f"Service {service.name} has no {PREVIOUS}: no switch was made, and there is nothing to go back to."
            )
            raise WrongUseError(message)
        expected = Expected(None, _places(_readable(standing.way_back)))
        self._show(service, ("from", standing.current, standing.seen.fingerprint), ("back to", standing.way_back, None))
        if switch.is_done(standing, standing.way_back, expected):
            self._talk.say("Nothing to do: the service already runs with the value from before.")
            return None
        return switch.back(standing, expected) if self._is_agreed() else None

    def _is_agreed(self) -> bool:
        """Whether to go on; `--dry-run` never does. Raises NotReadyError at a no."""
        if self._order.dry_run:
            self._talk.say("Dry run: nothing was changed.")
            return False
        answer = True if self._order.yes else self._talk.ask("Switch now?")
        if answer is None:
            message = "Nobody is there to be asked: add --yes."
            raise WrongUseError(message)
        if not answer:
            message = "Not agreed."
            raise NotReadyError(message)
        return True

    def _show(self, service: Service, *rows: tuple[str, str | None, str | None]) -> None:
        self._talk.say(f"Service {service.name} ({service.id}), {service.url}")
        for label, value, fingerprint in rows:
            self._talk.say(f"  {label:<8} {_shown(value)}" + (f", fingerprint {fingerprint}" if fingerprint else ""))

    # The new database

    def _new(self, access: Access) -> _New:
        value, _ = pasted.repair(self._environment.get("NEW_DATABASE_URL", ""))
        if not value:
            message = (
                "NEW_DATABASE_URL is not set: put the new database's connection string there, not on the command line."
            )
            raise WrongUseError(message)
        try:
            read = parse(value, self._environment)
            self._secrets |= read.secrets
            _refuse_local_words(read, parse(value))
        except DsnError as error:
            raise WrongUseError(_told(error.failure)) from None
        _refuse_private(read, access)
        self._talk.progress("Checking the new database.")
        return _New(value, read, self._checked(value, enable=False))

    def _enable(self, new: _New) -> None:
        self._talk.progress("Enabling pgvector in the new database.")
        extension = self._checked(new.value, enable=True).report.facts.extension
        version = extension.installed_version if extension else "?"
        self._talk.say(f"The new database is usable, with pgvector {version}.")

    @staticmethod
    def _checked(value: str, *, enable: bool) -> Observation:
        """Go through the runbook; that pgvector is missing is no fault where it will yet be enabled."""
        # What this machine's EXPECTED_DATABASE_* say is of the old one, and the deploy itself brings its migrations.
        unasked = dict.fromkeys(f"expected_database_{name}" for name in ("host", "name", "fingerprint"))
        settings = load(database_url=value, migrations=MigrationPolicy.OFF, **unasked)
        observation = asyncio.run(check(settings, enable=enable, timeout_seconds=_CHECK_SECONDS))
        failure = observation.report.failure
        if failure and (enable or failure.code is not Code.PGVECTOR_NOT_ENABLED):
            message = f"The new database is not usable. {_told(failure)}"
            raise NotReadyError(message)
        return observation

    # Secrets

    def _access(self) -> Access:
        key = self._environment.get("RENDER_API_KEY", "").strip()
        if not key:
            message = "RENDER_API_KEY is not set: make a key in Render's Account Settings, API Keys."
            raise WrongUseError(message)
        self._secrets.add(key)
        return Access(key, self._environment.get("RENDER_API_URL") or DEFAULT_API_URL)

    def _known(self, value: str | None) -> str | None:
        """The same, and from now on it is taken out of everything that Render says."""
        if value:
            read = _readable(value)
            self._secrets |= {value, *(read.secrets if read else ())}
        return value

    def _redact(self, text: str) -> str:
        return Redactor(self._secrets)(text)


def _find(render: Render, wanted: str) -> Service:
    """The one web service of this name or id. Raises WrongUseError."""
    if re.fullmatch(r"srv-[a-z0-9]+", wanted):
        found = [service for service in [render.service(wanted)] if service]
    else:
        found = render.services(wanted)
    if problem := _problem(wanted, found):
        raise WrongUseError(problem)
    return found[0]


def _problem(wanted: str, found: list[Service]) -> str | None:
    if not found:
        return f"There is no service {wanted} that this key can see: --service wants its exact name, or its id."
    if len(found) > 1:
        ids = " or ".join(service.id for service in found)
        return f"There are {len(found)} services named {wanted}: give the id of the one that is meant, {ids}."
    service = found[0]
    if service.type == "static_site":
        return f"{wanted} is a static site: it has no environment, and so no database."
    if service.type != "web_service" or not service.url:
        kind = service.type.replace("_", " ")
        return f"{wanted} is a {kind} without a public address, so that no switch could be verified."
    if service.is_suspended:
        return f"{wanted} is suspended and cannot be deployed: resume it in Render's dashboard first."
    return None


def _refuse_private(read: ConnectionString, access: Access) -> None:
    """Refuse a host that Render cannot reach, though this machine may. Raises WrongUseError."""
    for host in read.hosts:
        is_railway = provider_of(host.name) is Provider.RAILWAY_INTERNAL
        if is_railway or (_is_private(host) and not access.is_local):
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
    return re.sub(r"\bDATABASE_URL\b", "NEW_DATABASE_URL", f"{failure.code}: {failure.message} {failure.remedy}")


def _readable(value: str | None) -> ConnectionString | None:
    """What Render holds may be anything."""
    try:
        return parse(value) if value else None
    except DsnError:
        return None


def _shown(value: str | None) -> str:
    if value is None:
        return "no value of its own"
    if (read := _readable(value)) is None:
        return "a value that is no connection string"
    target = read.target
    return f"{target.host} port {target.port}, database {target.database}, user {target.user} ({target.provider})"


def _places(read: ConnectionString | None) -> frozenset[tuple[str, int]]:
    return frozenset((host.name, host.port) for host in read.hosts) if read else frozenset()


def _fingerprint(observation: Observation) -> str | None:
    server = observation.report.facts.server
    return server.fingerprint if server else None
