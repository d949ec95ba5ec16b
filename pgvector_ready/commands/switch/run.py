"""One run of `switch`: from the environment and the options to an exit code, whatever happens in between."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from pgvector_ready.commands.complaint import WRONG_USE
from pgvector_ready.commands.switch.destination import (
    Destination,
    NotReadyError,
    places,
    readable,
    shown,
    version_table_of,
)
from pgvector_ready.commands.switch.dialogue import Dialogue
from pgvector_ready.commands.switch.proof import proof
from pgvector_ready.commands.switch.render import DEFAULT_API_URL, Access, AccessError, Render, RenderError
from pgvector_ready.commands.switch.resources import Service
from pgvector_ready.commands.switch.schemas import (
    NO_MIGRATIONS,
    UNKNOWN,
    Schema,
    ask_schema,
    find_schema,
    objection,
)
from pgvector_ready.commands.switch.states import PREVIOUS, Stage, State
from pgvector_ready.commands.switch.steps import Snapshot, Switch, Timing
from pgvector_ready.commands.verify.address import WrongUseError
from pgvector_ready.commands.verify.address import parse as parse_address
from pgvector_ready.commands.verify.evidence import Evidence, Expectations
from pgvector_ready.commands.verify.judge import documents_in
from pgvector_ready.commands.verify.plan import Plan
from pgvector_ready.judgement.observation import Observation
from pgvector_ready.judgement.requirements import VersionTable
from pgvector_ready.loop import run
from pgvector_ready.migrations.history import find_history
from pgvector_ready.printable import NAME_LIMIT, printable
from pgvector_ready.redaction import Redactor
from pgvector_ready.settings import ConfigurationError, load

_DONE, _NOT_DONE, _INTERRUPTED = 0, 1, 130
_CHOICE = (
    "Add --migrate to bring the new one to the newest revision first, or --without-migrations where the deploy does so "
    "or the tables are not wanted. No data are copied: docs/runbook.md says how."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The options of the command line; `service` is a name or an id."""

    service: str
    dry_run: bool = False
    yes: bool = False
    rollback: bool = False
    migrate: bool = False
    without_migrations: bool = False


@dataclass(frozen=True, slots=True)
class _New:
    """The database to move to, and what a check of it found."""

    destination: Destination
    found: Observation
    schema: Schema


class Relocation:
    """One run. Nothing it prints holds the key or a connection string, not even where Render repeats them."""

    def __init__(self, order: Order, environment: Mapping[str, str], dialogue: Dialogue, timing: Timing) -> None:
        self._order = order
        self._environment = environment
        self._dialogue = dialogue
        self._timing = timing
        self._secrets: set[str] = set()
        self._names: set[str] = set()
        self._redactor = Redactor(())
        self._switch: Switch | None = None

    def run(self) -> int:
        """Run, and return the exit code. Never raises."""
        try:
            return run(self._run())
        except (WrongUseError, ConfigurationError, AccessError) as error:
            return self._stop(str(error), WRONG_USE)
        except (NotReadyError, RenderError) as error:
            return self._stop(str(error), _NOT_DONE)
        except KeyboardInterrupt:
            return self._stop("Interrupted.", _INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - a traceback could show a secret
            return self._stop(f"Something unforeseen went wrong ({type(error).__name__}): please report it.", _NOT_DONE)

    def _stop(self, sentence: str, code: int) -> int:
        state = self._switch.state if self._switch else State(Stage.UNTOUCHED)
        write = self._dialogue.complain if code == WRONG_USE else self._dialogue.say
        write(f"{sentence.removesuffix('.')}. {state}")
        return code

    async def _run(self) -> int:
        if self._order.migrate and (self._order.without_migrations or self._order.rollback):
            message = "--migrate goes neither with --without-migrations nor with --rollback."
            raise WrongUseError(message)
        access = self._access()
        new = None if self._order.rollback else await self._check_new(access)
        async with aclosing(Render(access, self._redact, backoff_seconds=self._timing.backoff_seconds)) as render:
            service = await _find(render, self._order.service)
            token = await render.variable(service.id.raw, "HEALTH_TOKEN")
            self._remember_secrets(token)
            plan = _plan(service, token)
            self._switch = switch = Switch(render, service, plan, self._dialogue, self._timing)
            snapshot = await switch.look()
            self._remember_secrets(snapshot.current)
            self._remember_secrets(snapshot.previous)
            self._dialogue.say(f"Service {service.name} ({service.id}), {plan.address.origin}")
            has_moved = await (self._back(switch, snapshot) if new is None else self._to(switch, snapshot, new))
            if has_moved is None:
                return _DONE
            if has_moved and switch.seen:
                for line in proof(snapshot.seen, switch.seen, render.shown):
                    self._dialogue.say(line)
        self._dialogue.say(f"{'Done.' if has_moved else 'Not done.'} {switch.state}")
        return _DONE if has_moved else _NOT_DONE

    async def _to(self, switch: Switch, snapshot: Snapshot, new: _New) -> bool | None:
        """Move to the new database; return whether it moved, None where nothing was tried."""
        value, expected = new.destination.value, new.destination.expected(new.found)
        found = _fingerprint_in(snapshot.seen)
        before = Expectations(fingerprint=found, places=places(readable(snapshot.current)))
        old_schema = await _schema_of(snapshot, new.destination.version_table)
        self._show("from", snapshot.current, found, old_schema)
        self._show("to", value, expected.fingerprint, new.schema)
        is_same = expected.fingerprint is not None and expected.fingerprint == found
        if is_same:
            self._dialogue.say("Both are the same database.")
        if switch.is_done(snapshot, value, expected):
            self._dialogue.say("Nothing to do: the service already runs with it.")
            return None
        reason = (
            None
            if is_same or self._order.without_migrations
            else objection(old_schema, new.schema, new.destination.newest)
        )
        if reason and not self._order.migrate:
            message = f"{reason} {_CHOICE}"
            raise NotReadyError(message)
        history = new.destination.history_for(old_schema.revision) if self._order.migrate else None
        if not await self._is_agreed():
            return None
        await self._prepare(new.destination)
        switch.enter_prepared()
        if history:
            self._dialogue.progress("Migrating the new database.")
            self._dialogue.say(await new.destination.migrate(history, self._dialogue.say))
        return await switch.to(snapshot, value, expected, before)

    async def _back(self, switch: Switch, snapshot: Snapshot) -> bool | None:
        """Go back to the value from before the last switch; return as `_to` does."""
        if snapshot.previous is None:
            message = f"The service has no {PREVIOUS}: no switch was made, and there is nothing to go back to."
            raise WrongUseError(message)
        read = readable(snapshot.way_back)
        expected = Expectations(places=places(read))
        table = version_table_of(find_history(load()))
        self._show("from", snapshot.current, _fingerprint_in(snapshot.seen), await _schema_of(snapshot, table))
        self._show("back to", snapshot.way_back, None, await find_schema(None, read, table))
        if switch.is_done(snapshot, snapshot.way_back, expected):
            self._dialogue.say("Nothing to do: the service already runs with the value from before.")
            return None
        return await switch.back(snapshot, expected) if await self._is_agreed() else None

    async def _is_agreed(self) -> bool:
        """Return whether to go on; `--dry-run` never does. Raises NotReadyError at a no."""
        if self._order.dry_run:
            self._dialogue.say("Dry run: nothing was changed.")
            return False
        # On a thread of its own, or Ctrl-C would wait for the answer.
        answer = True if self._order.yes else await asyncio.to_thread(self._dialogue.ask, "Switch now?")
        if answer is None:
            message = "Nobody is there to be asked: add --yes."
            raise WrongUseError(message)
        if not answer:
            message = "Not agreed."
            raise NotReadyError(message)
        return True

    def _show(self, label: str, value: str | None, fingerprint: str | None, schema: Schema) -> None:
        identity = f", fingerprint {fingerprint}" if fingerprint else ""
        self._dialogue.say(f"  {label:<8} {shown(value)}{identity}, {schema}")

    async def _check_new(self, access: Access) -> _New:
        destination = Destination.of(self._environment, is_render_here=access.is_local)
        self._remember_secrets(destination.value)
        self._dialogue.progress("Checking the new database.")
        found = await destination.check(enable=False)
        return _New(destination, found, await ask_schema(destination.read, destination.version_table) or UNKNOWN)

    async def _prepare(self, destination: Destination) -> None:
        self._dialogue.progress("Enabling pgvector in the new database.")
        extension = (await destination.check(enable=True)).report.facts.extension
        version = printable((extension and extension.installed_version) or "?", NAME_LIMIT)
        self._dialogue.say(f"The new database is usable, with pgvector {version}.")

    # Secrets

    def _access(self) -> Access:
        key = self._environment.get("RENDER_API_KEY", "").strip()
        if not key:
            message = "RENDER_API_KEY is not set: make a key in Render's Account Settings, API Keys."
            raise WrongUseError(message)
        self._remember_secrets(key)
        return Access(key, self._environment.get("RENDER_API_URL") or DEFAULT_API_URL)

    def _remember_secrets(self, value: str | None) -> None:
        """Remember a value and the password in it, so that both are redacted in foreign text."""
        if value:
            read = readable(value)
            self._secrets |= {value, *(read.secrets if read else ())}
            self._names |= read.names if read else set()
            self._redactor = Redactor(self._secrets, self._names)

    def _redact(self, text: str) -> str:
        return self._redactor(text)


async def _schema_of(snapshot: Snapshot, version_table: VersionTable) -> Schema:
    """Return the schema of the database that the service uses, as it says itself or as its database does."""
    if snapshot.current is None:
        return NO_MIGRATIONS
    _, database = documents_in(snapshot.seen)
    return await find_schema(database, readable(snapshot.current), version_table)


def _fingerprint_in(seen: Evidence) -> str | None:
    _, database = documents_in(seen)
    fingerprint = database.target.fingerprint if database else None
    return printable(fingerprint, NAME_LIMIT) if fingerprint else None


async def _find(render: Render, wanted: str) -> Service:
    """Return the one web service of this name or id. Raises WrongUseError."""
    if re.fullmatch(r"srv-[a-z0-9]+", wanted):
        found = [service for service in [await render.service(wanted)] if service]
    else:
        found = await render.services(wanted)
    if problem := _problem(printable(wanted, NAME_LIMIT), found):
        raise WrongUseError(problem)
    return found[0]


_LISTED = 5


def _problem(wanted: str, found: list[Service]) -> str | None:
    if not found:
        return f"There is no service {wanted} that this key can see: --service wants its exact name, or its id."
    if len(found) > 1:
        ids = " or ".join(str(service.id) for service in found[:_LISTED])
        more = " or another" if len(found) > _LISTED else ""
        return f"There are {len(found)} services named {wanted}: give the id of the one that is meant, {ids}{more}."
    service = found[0]
    if service.type.raw == "static_site":
        return f"{wanted} is a static site: it has no environment, and so no database."
    if service.type.raw != "web_service" or not service.url:
        kind = service.type.shown.replace("_", " ")
        return f"{wanted} is a {kind} without a public address, so that no switch could be verified."
    if service.is_suspended:
        return f"{wanted} is suspended and cannot be deployed: resume it in Render's dashboard first."
    return None


def _plan(service: Service, token: str | None) -> Plan:
    """Return how to look at the service from outside; without its HEALTH_TOKEN it may show no target."""
    address = parse_address(service.url or "", "The address that Render gives for the service")
    # A token that no header can carry is one that the service refuses as well.
    is_usable = token is not None and re.fullmatch(r"[\x21-\x7e]+", token)
    return Plan(address, token=token if is_usable else None)
