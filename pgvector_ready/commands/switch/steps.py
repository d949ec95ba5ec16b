"""Moving a Render service to another database, step by step, so that whatever cuts it off can be taken up again."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Protocol

from pgvector_ready.commands.switch.render import (
    Deploy,
    Phase,
    RefusedError,
    Render,
    RenderError,
    Service,
    UncertainError,
)
from pgvector_ready.commands.verify.attempts import Patience, verify
from pgvector_ready.commands.verify.evidence import Evidence, Expectations, Verification, failures
from pgvector_ready.commands.verify.judge import instance_in, judge
from pgvector_ready.commands.verify.plan import Plan

VARIABLE = "DATABASE_URL"
# The value from before the last switch, kept where the value itself is kept: no secret ever reaches a disk of ours.
PREVIOUS = "PREVIOUS_DATABASE_URL"
# There while a switch is unfinished: the id of the newest deploy from before DATABASE_URL was changed. Any later
# deploy carries the new value; where there is none, none was started.
UNFINISHED = "DATABASE_SWITCH_AFTER"
# Render keeps no empty values.
UNSET = "unset"
_NO_DEPLOY = "none"

# A deploy whose POST went unanswered shows at once, one that was queued as soon as its turn comes.
_LOOKS_IF_UNCERTAIN, _LOOKS_IF_QUEUED = 3, 24
_STARTS = 3
_GO_ON = "Run the same command again to go on from here, or with --rollback to go back."


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long; Render allows 400 readings a minute to everybody of a workspace together."""

    poll_seconds: float = 5.0
    wait_seconds: float = 1800.0  # for a deploy: Render alone gives its health check 15 minutes, after the build
    backoff_seconds: float = 1.0  # before a request is repeated; it doubles
    verify_seconds: float = 120.0  # a service of the free plan needs a minute to wake


class Teller(Protocol):
    """Where the sentences go."""

    def say(self, sentence: str) -> None:
        """Tell something that stays true."""

    def progress(self, sentence: str) -> None:
        """Tell how it stands at this moment."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the service stands before anything is done; its values are secrets."""

    current: str | None = field(repr=False)
    previous: str | None = field(repr=False)
    unfinished: str | None
    seen: Evidence = field(repr=False)

    @property
    def way_back(self) -> str | None:
        """The value to go back to; None is no value at all, as it was then."""
        return None if self.previous == UNSET else self.previous


class Switch:
    """Sets the variable, deploys, follows, verifies, and goes back if that fails.

    Nothing is remembered on this machine. On the service itself there is, beside DATABASE_URL,

    - PREVIOUS_DATABASE_URL, written before DATABASE_URL is changed, and not again before the switch has ended either
      way: what `--rollback` puts back, also after a run that was cut off (`unset` where there was no value);
    - DATABASE_SWITCH_AFTER while a switch is unfinished, from which the next run sees whether a deploy was started.

    `plan` is how to look at the service from outside. `state` says at every moment in what state everything is, for
    whoever has to end in the middle.
    """

    def __init__(self, render: Render, service: Service, plan: Plan, teller: Teller, pace: Pace) -> None:
        self._render = render
        self._service = service
        self._plan = plan
        self._teller = teller
        self._pace = pace
        self.state = "Nothing was changed."

    async def stand(self) -> Standing:
        """Read how the service stands; changes nothing."""
        current, previous, unfinished = [await self._variable(key) for key in (VARIABLE, PREVIOUS, UNFINISHED)]
        if unfinished:
            self.state = f"An earlier run was cut off and is unfinished; this one changed nothing. {_GO_ON}"
        seen = await self._verify(Expectations(), seconds=0)
        return Standing(current, previous, unfinished, seen.evidence)

    @staticmethod
    def is_done(standing: Standing, value: str | None, expected: Expectations) -> bool:
        """Whether the service already runs with this value, and no earlier run was cut off before it knew."""
        is_set = standing.current == value and standing.unfinished is None
        return is_set and not failures(judge(standing.seen, expected))

    async def to(self, standing: Standing, value: str, expected: Expectations, before: Expectations) -> bool:
        """Move to `value`, or end where it was (`before`). False says that it did not move; `state` says the rest."""
        had_value = standing.current == value and standing.unfinished is None
        if standing.current != value:
            await self._remember(standing)
        failure = await self._bring_live(standing, value, expected)
        if failure is None:
            await self._end(f"{self._name} runs with the new database. {PREVIOUS} holds the value from before.")
            return True
        self._teller.say(f"Failed: {failure}")
        previous = await self._variable(PREVIOUS)
        if had_value or previous is None:
            self.state = f"{VARIABLE} held the new value before this run, and there is none from before to put back."
            return False
        self._teller.say(f"Putting the value from before back into {VARIABLE}.")
        await self._go_back(replace(standing, previous=previous, current=value, unfinished=None), before)
        return False

    async def back(self, standing: Standing, expected: Expectations) -> bool:
        """Put back the value from before the last switch; whether the service runs with it now."""
        return await self._go_back(standing, expected)

    async def _go_back(self, standing: Standing, expected: Expectations) -> bool:
        failure = await self._bring_live(standing, standing.way_back, expected)
        if failure is None:
            await self._end(f"{VARIABLE} holds the value from before, and {self._name} runs with it.")
            return True
        self.state = (
            f"{VARIABLE} holds the value from before, but that is not proven to run: {failure} "
            f"{self._name} runs what Render last found healthy: see its events and log in Render's dashboard, "
            "then run this again with --rollback."
        )
        return False

    async def _remember(self, standing: Standing) -> None:
        """Keep the value there is; that of an unfinished switch was never proven, and the one before it stays."""
        if standing.unfinished and standing.previous:
            return
        if standing.previous != (standing.current or UNSET):
            await self._set(PREVIOUS, standing.current or UNSET)
            self.state = f"{VARIABLE} was not changed; {PREVIOUS} now holds the same value."

    async def _bring_live(self, standing: Standing, value: str | None, expected: Expectations) -> str | None:
        """Make the service run with `value`; why it does not, or None."""
        if standing.current != value:
            await self._point_at(value)
        elif standing.unfinished and (later := await self._later_than(standing.unfinished)):
            self._teller.say(f"An earlier run was cut off: taking up its deploy {later[0].id}.")
            if await self._failure_of(later[0], expected) is None:
                return None
        try:
            deploy = await self._start()
        except RefusedError as error:
            return str(error)
        return await self._failure_of(deploy, replace(expected, not_instance=instance_in(standing.seen)))

    async def _point_at(self, value: str | None) -> None:
        newest = next(iter(await self._render.deploys(self._service.id.raw)), None)
        await self._set(UNFINISHED, newest.id.raw if newest else _NO_DEPLOY)
        self.state = (
            f"{VARIABLE} was just being changed; no deploy was started, so the service runs as before. {_GO_ON}"
        )
        await self._set(VARIABLE, value)
        self.state = f"{VARIABLE} is changed, and no deploy was started: the service runs as before. {_GO_ON}"

    async def _start(self) -> Deploy:
        """Start a deploy, exactly one if that can be had: an unanswered request is looked for before it is repeated."""
        newest = next(iter(await self._render.deploys(self._service.id.raw)), None)
        after = newest.id.raw if newest else _NO_DEPLOY
        self.state = f"{VARIABLE} is changed, and a deploy was just being started. {_GO_ON}"
        for _ in range(_STARTS):
            looks = _LOOKS_IF_UNCERTAIN
            with suppress(UncertainError):
                if deploy := await self._render.start_deploy(self._service.id.raw):
                    return deploy
                looks = _LOOKS_IF_QUEUED
            if deploy := await self._look_for_one_after(after, looks):
                return deploy
        message = "Render may have taken a deploy, and shows none."
        raise RenderError(message)

    async def _look_for_one_after(self, deploy_id: str, looks: int) -> Deploy | None:
        for _ in range(looks):
            if later := await self._later_than(deploy_id):
                return later[0]
            self._teller.progress("Waiting for Render to show the deploy.")
            await asyncio.sleep(self._pace.poll_seconds)
        return None

    async def _later_than(self, deploy_id: str) -> list[Deploy]:
        """The newest first."""
        return list(
            takewhile(lambda deploy: deploy.id.raw != deploy_id, await self._render.deploys(self._service.id.raw))
        )

    async def _failure_of(self, deploy: Deploy, expected: Expectations) -> str | None:
        """Follow the deploy to its end and look at the service: why it has not moved, or None."""
        deploy = await self._follow(deploy)
        match deploy.phase:
            case Phase.RUNNING:
                status = deploy.status or "without a status"
                return f"Deploy {deploy.id} is still {status} after {self._pace.wait_seconds:g} s."
            case Phase.FAILED | Phase.CANCELED:
                return f"Deploy {deploy.id} ended as {deploy.status}."
            case Phase.SUCCEEDED | Phase.ENDED:  # of an end that nobody knows the service itself has the last word
                self._teller.progress(f"Deploy {deploy.id} is {deploy.status}. Looking at {self._plan.address.origin}")
                seen = await self._verify(expected, self._pace.verify_seconds)
                return f"Deploy {deploy.id} is {deploy.status}, but: {self._told(seen)}" if not seen.is_passed else None

    async def _verify(self, expected: Expectations, seconds: float) -> Verification:
        """Look at the service as `pgvector-ready verify` does, for so long until it is as expected."""
        patience = Patience(seconds, pause=lambda: self._pace.poll_seconds)
        return await verify(replace(self._plan, expectations=expected), patience, self._note_wait)

    def _note_wait(self, seen: Verification) -> None:
        self._teller.progress(f"Looking at {seen.origin}, which is not there yet: {self._told(seen)}")

    def _told(self, seen: Verification) -> str:
        """What is not as expected; who answers there may not be the service, and may repeat what was sent to it."""
        return self._render.shown(" ".join(check.message for check in failures(seen.checks)))

    async def _follow(self, deploy: Deploy) -> Deploy:
        """The deploy as it ended, or the one that took its place; still running if that takes too long."""
        deadline = time.monotonic() + self._pace.wait_seconds
        while True:
            self._note(deploy)
            superseding = await self._superseding(deploy) if deploy.phase is Phase.CANCELED else None
            is_over = superseding is None and deploy.phase is not Phase.RUNNING
            if is_over or time.monotonic() > deadline:
                return deploy
            if superseding is None:
                await asyncio.sleep(self._pace.poll_seconds)
            deploy = superseding or await self._render.deploy(self._service.id.raw, deploy.id.raw)

    async def _superseding(self, deploy: Deploy) -> Deploy | None:
        """Render cancels a deploy also because a later one, which carries the same value, is in its way."""
        later = await self._later_than(deploy.id.raw)
        return next((other for other in later if other.phase is not Phase.CANCELED), None)

    def _note(self, deploy: Deploy) -> None:
        self.state = f"{VARIABLE} is changed, and deploy {deploy.id} was last seen {deploy.status}. {_GO_ON}"
        self._teller.progress(f"Deploy {deploy.id} is {deploy.status}.")

    async def _end(self, state: str) -> None:
        await self._set(UNFINISHED, None)
        self.state = state

    async def _variable(self, key: str) -> str | None:
        return await self._render.variable(self._service.id.raw, key)

    async def _set(self, key: str, value: str | None) -> None:
        await self._render.set_variable(self._service.id.raw, key, value)

    @property
    def _name(self) -> str:
        return f"Service {self._service.name}"
