"""One run of `switch`: from the environment and the options to an exit code, whatever happens in between."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pgvector_ready.commands.switch.destination import Destination, NotReadyError, places, readable, shown
from pgvector_ready.commands.switch.render import DEFAULT_API_URL, Access, AccessError, Render, RenderError, Service
from pgvector_ready.commands.switch.steps import PREVIOUS, Pace, Standing, Switch, Teller
from pgvector_ready.commands.verify.address import WrongUseError
from pgvector_ready.commands.verify.address import parse as parse_address
from pgvector_ready.commands.verify.evidence import Expectations
from pgvector_ready.commands.verify.judge import fingerprint_in
from pgvector_ready.commands.verify.plan import Plan
from pgvector_ready.loop import run
from pgvector_ready.redaction import Redactor
from pgvector_ready.settings import ConfigurationError

_New: TypeAlias = tuple[Destination, Expectations]
_DONE, _NOT_DONE, _WRONG_USE, _INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for on the command line; `service` is a name or an id."""

    service: str
    dry_run: bool = False
    yes: bool = False
    rollback: bool = False


class Talk(Teller, Protocol):
    """A teller that may also ask, and complain."""

    def complain(self, sentence: str) -> None:
        """Tell what is wrong with how it was asked for: nothing has begun."""

    def ask(self, question: str) -> bool | None:
        """Whether the answer is yes; None where nobody is there to give one."""


class Relocation:
    """Everything it says is free of the key and of connection strings, also where it passes on somebody's words."""

    def __init__(self, order: Order, environment: Mapping[str, str], talk: Talk, pace: Pace) -> None:
        self._order = order
        self._environment = environment
        self._talk = talk
        self._pace = pace
        self._secrets: set[str] = set()
        self._names: set[str] = set()
        self._switch: Switch | None = None

    def run(self) -> int:
        """Do it; the exit code. Never raises."""
        try:
            return run(self._run())
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
        tell = self._talk.complain if code == _WRONG_USE else self._talk.say
        tell(f"{sentence.removesuffix('.')}. {state}")
        return code

    async def _run(self) -> int:
        access = self._access()
        new = None if self._order.rollback else await self._new(access)
        async with aclosing(Render(access, self._redact, backoff_seconds=self._pace.backoff_seconds)) as render:
            service = await _find(render, self._order.service)
            token = self._known(await render.variable(service.id.raw, "HEALTH_TOKEN"))
            plan = _plan(service, token)
            return await self._move(service, new, Switch(render, service, plan, self._talk, self._pace))

    async def _move(self, service: Service, new: _New | None, switch: Switch) -> int:
        self._switch = switch
        standing = await switch.stand()
        self._known(standing.current)
        self._known(standing.previous)
        going = self._back(service, standing, switch) if new is None else self._to(service, standing, new, switch)
        has_moved = await going
        if has_moved is None:
            return _DONE
        self._talk.say(("Done. " if has_moved else "Not done. ") + switch.state)
        return _DONE if has_moved else _NOT_DONE

    async def _to(self, service: Service, standing: Standing, new: _New, switch: Switch) -> bool | None:
        """Move to the new database; None where there was nothing to do, or it was not to be done."""
        destination, expected = new
        found = fingerprint_in(standing.seen)
        before = Expectations(fingerprint=found, places=places(readable(standing.current)))
        fingerprint = expected.fingerprint
        self._show(service, ("from", standing.current, found), ("to", destination.value, fingerprint))
        if fingerprint and fingerprint == found:
            self._talk.say("Both are the same database.")
        if switch.is_done(standing, destination.value, expected):
            self._talk.say("Nothing to do: the service already runs with it.")
            return None
        if not await self._is_agreed():
            return None
        await self._enable(destination)
        return await switch.to(standing, destination.value, expected, before)

    async def _back(self, service: Service, standing: Standing, switch: Switch) -> bool | None:
        """Go back to the value from before the last switch; None as in `_to`."""
        if standing.previous is None:
            message = (
                f"Service {service.name} has no {PREVIOUS}: no switch was made, and there is nothing to go back to."
            )
            raise WrongUseError(message)
        expected = Expectations(places=places(readable(standing.way_back)))
        self._show(
            service, ("from", standing.current, fingerprint_in(standing.seen)), ("back to", standing.way_back, None)
        )
        if switch.is_done(standing, standing.way_back, expected):
            self._talk.say("Nothing to do: the service already runs with the value from before.")
            return None
        return await switch.back(standing, expected) if await self._is_agreed() else None

    async def _is_agreed(self) -> bool:
        """Whether to go on; `--dry-run` never does. Raises NotReadyError at a no."""
        if self._order.dry_run:
            self._talk.say("Dry run: nothing was changed.")
            return False
        # On a thread of its own, or Ctrl-C would wait for the answer.
        answer = True if self._order.yes else await asyncio.to_thread(self._talk.ask, "Switch now?")
        if answer is None:
            message = "Nobody is there to be asked: add --yes."
            raise WrongUseError(message)
        if not answer:
            message = "Not agreed."
            raise NotReadyError(message)
        return True

    def _show(self, service: Service, *rows: tuple[str, str | None, str | None]) -> None:
        self._talk.say(f"Service {service.name} ({service.id}), {parse_address(service.url or '').origin}")
        for label, value, fingerprint in rows:
            self._talk.say(f"  {label:<8} {shown(value)}" + (f", fingerprint {fingerprint}" if fingerprint else ""))

    async def _new(self, access: Access) -> _New:
        destination = Destination.of(self._environment, is_render_here=access.is_local)
        self._secrets |= destination.read.secrets
        self._names |= destination.read.names
        self._talk.progress("Checking the new database.")
        return destination, destination.expected(await destination.check(enable=False))

    async def _enable(self, destination: Destination) -> None:
        self._talk.progress("Enabling pgvector in the new database.")
        extension = (await destination.check(enable=True)).report.facts.extension
        version = extension.installed_version if extension else "?"
        self._talk.say(f"The new database is usable, with pgvector {version}.")

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
            read = readable(value)
            self._secrets |= {value, *(read.secrets if read else ())}
            self._names |= read.names if read else set()
        return value

    def _redact(self, text: str) -> str:
        return Redactor(self._secrets, self._names)(text)


async def _find(render: Render, wanted: str) -> Service:
    """The one web service of this name or id. Raises WrongUseError."""
    if re.fullmatch(r"srv-[a-z0-9]+", wanted):
        found = [service for service in [await render.service(wanted)] if service]
    else:
        found = await render.services(wanted)
    if problem := _problem(wanted, found):
        raise WrongUseError(problem)
    return found[0]


def _problem(wanted: str, found: list[Service]) -> str | None:
    if not found:
        return f"There is no service {wanted} that this key can see: --service wants its exact name, or its id."
    if len(found) > 1:
        ids = " or ".join(str(service.id) for service in found)
        return f"There are {len(found)} services named {wanted}: give the id of the one that is meant, {ids}."
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
    """How to look at the service from outside; `token` is its HEALTH_TOKEN, without which it may show no target."""
    address = parse_address(service.url or "", "The address that Render gives for the service")
    # A token that no header can carry is one that the service refuses as well.
    is_usable = token is not None and re.fullmatch(r"[\x21-\x7e]+", token)
    return Plan(address, token=token if is_usable else None)
