"""The checks after a deploy, from outside: once, or again and again until they pass."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pgvector_ready.commands.verify.evidence import Evidence, Expectations, Verification, failures
from pgvector_ready.commands.verify.judge import judge
from pgvector_ready.commands.verify.plan import Plan
from pgvector_ready.commands.verify.reply import Asker, Outcome, Reply, asking

# Longer than any answer of the service's own takes, whose database may be silent for 5 s.
_REPLY_SECONDS = 10.0
# A sleeping free instance keeps the first request for about a minute.
_WAKING_SECONDS = 75.0
# A crowd of them must not ask in step; and a free instance has a tenth of a core.
_PAUSE_SECONDS = (2.0, 5.0)


def _pause() -> float:
    return random.uniform(*_PAUSE_SECONDS)  # noqa: S311 - jitter, no secret


@dataclass(frozen=True, slots=True)
class Patience:
    """The time to wait until the expectations hold; 0 seconds is a single try."""

    seconds: float = 0.0
    reply_seconds: float = _REPLY_SECONDS
    waking_seconds: float = _WAKING_SECONDS
    pause: Callable[[], float] = _pause


async def verify(plan: Plan, patience: Patience, hear: Callable[[Verification], None]) -> Verification:
    """Attempt until everything passes or the time is over; `hear` is called after each attempt but the last.

    Raises WrongUseError. What is being asked at the deadline is still waited for, for `reply_seconds` at most each.
    """
    started = time.monotonic()
    deadline = started + patience.seconds
    attempts = 0
    async with AsyncExitStack() as stack:
        asker = await stack.enter_async_context(asking(plan.address, plan.token))
        address = plan.expectations.differs_from
        other = await stack.enter_async_context(asking(address, plan.other_token)) if address else None
        while True:
            waking = min(patience.waking_seconds, deadline - time.monotonic()) if not attempts else 0
            inquiry = _Inquiry(plan.expectations, asker, other, patience.reply_seconds)
            attempts += 1
            evidence = await inquiry.run(max(waking, patience.reply_seconds), is_hasty=patience.seconds > 0)
            checks = judge(evidence, plan.expectations)
            waited = time.monotonic() - started
            verification = Verification(
                origin=plan.address.origin,
                evidence=evidence,
                checks=checks,
                verified_at=datetime.now(UTC),
                attempts=attempts,
                waited_seconds=waited,
            )
            remaining = deadline - time.monotonic()
            if verification.is_passed or remaining <= 0:
                return verification
            hear(verification)
            await asyncio.sleep(min(patience.pause(), remaining))


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """One attempt. The first questions decide whether the others are worth asking."""

    expectations: Expectations
    asker: Asker
    other: Asker | None
    seconds: float

    async def run(self, first_seconds: float, *, is_hasty: bool) -> Evidence:
        """Ask; a hasty attempt stops where the two endpoints alone show that something is wrong."""
        paths = self.asker.address.paths
        health = await self.asker.get(paths.health, first_seconds)
        address, sent = self.asker.address, self.asker.sends_token
        if not isinstance(health, Reply):
            return Evidence(address=address, health=health, sent_token=sent)
        database = await self.asker.get(paths.database, self.seconds)
        evidence = Evidence(address=address, health=health, database=database, sent_token=sent)
        if is_hasty and failures(judge(evidence, self.expectations)):
            return evidence
        health_head, database_head, other, *also = await asyncio.gather(
            self.asker.head(paths.health, self.seconds),
            self.asker.head(paths.database, self.seconds),
            self._ask_other(),
            *(self.asker.get(one.path, self.seconds, is_own=False) for one in self.expectations.also),
        )
        return replace(
            evidence,
            health_head=health_head,
            database_head=database_head,
            other=other,
            also=tuple(also),
            sent_other_token=self.other is not None and self.other.sends_token,
        )

    async def _ask_other(self) -> Outcome | None:
        return await self.other.get(self.other.address.paths.database, self.seconds) if self.other else None
