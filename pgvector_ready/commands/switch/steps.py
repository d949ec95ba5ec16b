"""The steps that move a Render service to another database; cut off at any of them, the next run goes on."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile

from pgvector_ready.commands.switch.dialogue import Dialogue
from pgvector_ready.commands.switch.render import NotKeptError, RefusedError, Render, RenderError, UncertainError
from pgvector_ready.commands.switch.resources import Deploy, Phase, Service
from pgvector_ready.commands.switch.states import PREVIOUS, UNFINISHED, VARIABLE, Stage, State
from pgvector_ready.commands.verify.attempts import Patience, verify
from pgvector_ready.commands.verify.evidence import Evidence, Expectations, Verification, failures
from pgvector_ready.commands.verify.judge import documents_in, judge
from pgvector_ready.commands.verify.plan import Plan

# Render keeps no empty values.
UNSET = "unset"
_NO_DEPLOY = "none"

# A deploy whose POST went unanswered shows at once, one that was queued as soon as its turn comes.
_LOOKS_IF_UNCERTAIN, _LOOKS_IF_QUEUED = 3, 24
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """The pauses and waiting times. Render allows 400 readings a minute to a whole workspace."""

    poll_seconds: float = 5.0
    wait_seconds: float = 1800.0  # for a deploy: Render alone gives its health check 15 minutes, after the build
    backoff_seconds: float = 1.0  # before a request is repeated; it doubles
    verify_seconds: float = 120.0  # a service of the free plan needs a minute to wake


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The service before anything is done; its values are secrets."""

    current: str | None = field(repr=False)
    previous: str | None = field(repr=False)
    unfinished: str | None
    seen: Evidence = field(repr=False)

    @property
    def way_back(self) -> str | None:
        """The value to go back to; None is no value at all, as it was then."""
        return None if self.previous == UNSET else self.previous

    def kept(self, value: str) -> str | None:
        """Return what has to be kept before `value` is set, `unset` for no value; None where nothing is known.

        The value of an unfinished switch was never proven: the one before it stays.
        """
        if self.unfinished and self.previous:
            return self.previous
        return None if self.current == value else self.current or UNSET


class Switch:
    """Sets the variable, deploys, follows, verifies, and goes back if that fails.

    Nothing is remembered on this machine. On the service itself there is, beside DATABASE_URL,

    - PREVIOUS_DATABASE_URL, written before DATABASE_URL is changed, and not again before the switch has ended either
      way: what `--rollback` puts back, also after a run that was cut off (`unset` where there was no value);
    - DATABASE_SWITCH_AFTER while a switch is unfinished, from which the next run sees whether a deploy was started.

    Each of them is read back after it was written: what Render took and did not keep is a failure. `plan` is how to
    look at the service from outside. `state` is right at every moment, for whoever has to end in the middle; `seen` is
    what the service answered last.
    """

    def __init__(self, render: Render, service: Service, plan: Plan, dialogue: Dialogue, timing: Timing) -> None:
        self._render = render
        self._service = service
        self._plan = plan
        self._dialogue = dialogue
        self._timing = timing
        self.state = State(Stage.UNTOUCHED)
        self.seen: Evidence | None = None

    async def look(self) -> Snapshot:
        """Read how the service is set and what it answers; changes nothing."""
        current, previous, unfinished = [await self._variable(key) for key in (VARIABLE, PREVIOUS, UNFINISHED)]
        if unfinished:
            self._enter(Stage.CUT_OFF_BEFORE)
        seen = await self._verify(Expectations(), seconds=0)
        return Snapshot(current, previous, unfinished, seen.evidence)

    def enter_prepared(self) -> None:
        """Note that the new database was made ready, which does not change the service."""
        if self.state.stage is Stage.UNTOUCHED:
            self._enter(Stage.PREPARED)

    @staticmethod
    def is_done(snapshot: Snapshot, value: str | None, expected: Expectations) -> bool:
        """Return True if the service already runs with this value, and no earlier run was cut off before it knew."""
        is_set = snapshot.current == value and snapshot.unfinished is None
        return is_set and not failures(judge(snapshot.seen, expected))

    async def to(self, snapshot: Snapshot, value: str, expected: Expectations, before: Expectations) -> bool:
        """Move to `value`, or end where the service was (`before`); return whether it moved. `state` says the rest."""
        kept = snapshot.kept(value)
        if kept is not None and kept != snapshot.previous:
            self._enter(Stage.REMEMBERING)
            await self._set(PREVIOUS, kept)
        try:
            failure = await self._bring_live(snapshot, value, expected)
        except NotKeptError as error:
            self._dialogue.say(f"Failed: {error}")
            await self._undo(snapshot, value)
            return False
        if failure is None:
            await self._finish(await self._stage_of_moved(kept or snapshot.previous))
            return True
        self._dialogue.say(f"Failed: {failure}")
        if kept is None:
            self._enter(Stage.NOTHING_TO_PUT_BACK)
            return False
        self._dialogue.say(f"Putting the value from before back into {VARIABLE}.")
        await self.back(replace(snapshot, previous=kept, current=value, unfinished=None), before)
        return False

    async def back(self, snapshot: Snapshot, expected: Expectations) -> bool:
        """Put back the value from before the last switch; return whether the service runs with it now."""
        try:
            failure = await self._bring_live(snapshot, snapshot.way_back, expected)
        except NotKeptError as error:
            self._dialogue.say(f"Failed: {error}")
            await self._enter_not_back(snapshot)
            return False
        if failure is None:
            await self._finish(Stage.BACK)
            return True
        self._enter(Stage.BACK_UNPROVEN, failure=failure)
        return False

    async def _undo(self, snapshot: Snapshot, value: str) -> None:
        """Leave DATABASE_URL as it was found, after Render did not keep a value and before any deploy."""
        with suppress(NotKeptError):
            if await self._variable(VARIABLE) != snapshot.current:
                await self._set(VARIABLE, snapshot.current)
            if snapshot.unfinished is None:
                await self._set(UNFINISHED, None)
        if await self._variable(VARIABLE) == snapshot.current:
            self._enter(Stage.REFUSED)
        else:
            await self._enter_not_back(replace(snapshot, previous=snapshot.current or UNSET, current=value))

    async def _enter_not_back(self, snapshot: Snapshot) -> None:
        names = {snapshot.way_back: "the value from before", snapshot.current: "the new value", None: "no value"}
        held, previous = [
            names.get(None if found == UNSET else found, "another value")
            for found in (await self._variable(VARIABLE), await self._variable(PREVIOUS))
        ]
        self._enter(Stage.NOT_BACK, held=held, previous=previous)

    async def _stage_of_moved(self, way_back: str | None) -> Stage:
        """Return the last stage: somebody may have removed the way back meanwhile, or Render have lost it."""
        if way_back is None:
            return Stage.MOVED_WITHOUT_WAY_BACK
        with suppress(NotKeptError):
            if await self._variable(PREVIOUS) != way_back:
                await self._set(PREVIOUS, way_back)
            return Stage.MOVED
        return Stage.MOVED_WITHOUT_WAY_BACK

    async def _bring_live(self, snapshot: Snapshot, value: str | None, expected: Expectations) -> str | None:
        """Make the service run with `value`; return why it does not, or None. Raises NotKeptError before any deploy."""
        if snapshot.current != value:
            await self._point_at(value)
        elif snapshot.unfinished and (later := await self._later_than(snapshot.unfinished)):
            self._dialogue.say(f"An earlier run was cut off: taking up its deploy {later[0].id}.")
            if await self._failure_of(later[0], expected) is None:
                return None
        try:
            deploy = await self._start()
        except RefusedError as error:
            return str(error)
        return await self._failure_of(deploy, replace(expected, not_instance=_instance_in(snapshot.seen)))

    async def _point_at(self, value: str | None) -> None:
        newest = next(iter(await self._render.deploys(self._service.id.raw)), None)
        await self._set(UNFINISHED, newest.id.raw if newest else _NO_DEPLOY)
        self._enter(Stage.SETTING)
        await self._set(VARIABLE, value)
        self._enter(Stage.SET)

    async def _start(self) -> Deploy:
        """Start a deploy, exactly one if that can be had: an unanswered request is looked for before it is repeated."""
        newest = next(iter(await self._render.deploys(self._service.id.raw)), None)
        after = newest.id.raw if newest else _NO_DEPLOY
        self._enter(Stage.STARTING)
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
            self._dialogue.progress("Waiting for Render to show the deploy.")
            await asyncio.sleep(self._timing.poll_seconds)
        return None

    async def _later_than(self, deploy_id: str) -> list[Deploy]:
        """Return the deploys after this one, the newest first."""
        deploys = await self._render.deploys(self._service.id.raw)
        return list(takewhile(lambda deploy: deploy.id.raw != deploy_id, deploys))

    async def _failure_of(self, deploy: Deploy, expected: Expectations) -> str | None:
        """Follow the deploy to its end and look at the service; return why it has not moved, or None."""
        deploy = await self._follow(deploy)
        match deploy.phase:
            case Phase.RUNNING:
                return f"Deploy {deploy.id} is still {deploy.status} after {self._timing.wait_seconds:g} s."
            case Phase.FAILED | Phase.CANCELED:
                return f"Deploy {deploy.id} ended as {deploy.status}."
            case Phase.SUCCEEDED | Phase.ENDED:  # of an end that nobody knows the service itself has the last word
                self._dialogue.progress(f"Looking at {self._plan.address.origin}.")
                seen = await self._verify(expected, self._timing.verify_seconds)
                return (
                    None if seen.is_passed else f"Deploy {deploy.id} is {deploy.status}, but: {self._complaints(seen)}"
                )

    async def _verify(self, expected: Expectations, seconds: float) -> Verification:
        """Look at the service as `pgvector-ready verify` does, until it is as expected or the time is over."""
        patience = Patience(seconds, pause=lambda: self._timing.poll_seconds)
        verification = await verify(replace(self._plan, expectations=expected), patience, self._note_attempt)
        self.seen = verification.evidence
        return verification

    def _note_attempt(self, seen: Verification) -> None:
        self._dialogue.progress(f"Looking at {seen.origin}, which is not there yet: {self._complaints(seen)}")

    def _complaints(self, seen: Verification) -> str:
        """Return the messages of what failed. A stranger may have answered, and may repeat what was sent."""
        return self._render.shown(" ".join(check.message for check in failures(seen.checks)))

    async def _follow(self, deploy: Deploy) -> Deploy:
        """Return the deploy as it ended, or the one that took its place; still running if that takes too long."""
        deadline = time.monotonic() + self._timing.wait_seconds
        while True:
            self._enter(Stage.DEPLOYING, deploy=str(deploy.id), status=str(deploy.status))
            self._dialogue.progress(f"Deploy {deploy.id} is {deploy.status}.")
            superseding = await self._superseding(deploy) if deploy.phase is Phase.CANCELED else None
            is_over = superseding is None and deploy.phase is not Phase.RUNNING
            if is_over or time.monotonic() > deadline:
                return deploy
            if superseding is None:
                await asyncio.sleep(self._timing.poll_seconds)
            deploy = superseding or await self._render.deploy(self._service.id.raw, deploy.id.raw)

    async def _superseding(self, deploy: Deploy) -> Deploy | None:
        """Return the later deploy, which carries the same value, that this one was canceled for."""
        later = await self._later_than(deploy.id.raw)
        return next((other for other in later if other.phase is not Phase.CANCELED), None)

    async def _finish(self, stage: Stage) -> None:
        self._enter(Stage.PROVEN)
        await self._set(UNFINISHED, None)
        self._enter(stage)

    def _enter(self, stage: Stage, **values: str) -> None:
        self.state = State(stage, service=f"Service {self._service.name}", **values)

    async def _variable(self, key: str) -> str | None:
        return await self._render.variable(self._service.id.raw, key)

    async def _set(self, key: str, value: str | None) -> None:
        """Set a variable and read it back. Raises NotKeptError."""
        await self._render.set_variable(self._service.id.raw, key, value)
        for _ in range(_LOOKS_IF_UNCERTAIN):
            if await self._variable(key) == value:
                return
            await asyncio.sleep(self._timing.poll_seconds)
        message = f"Render took the change of {key} and did not keep it."
        raise NotKeptError(message)


def _instance_in(seen: Evidence) -> str | None:
    service, _ = documents_in(seen)
    return service.instance if service else None
