"""Takes the inventory of the vectors now and then, beside the probes and never in their way."""

import asyncio
import logging

from pgvector_ready.database import Database
from pgvector_ready.judgement.vectors import Inventory, Look, Models, Unseen
from pgvector_ready.observation import inventory
from pgvector_ready.observation.bounded import bounded

_logger = logging.getLogger(__name__)

# Far above the 10 ms that it takes of a usual database, and as long as the server itself lets the session work.
LIMIT_SECONDS = 5.0
# When it is tried again after it failed, where the next one would be due later.
_AGAIN_AFTER_SECONDS = 30.0


class Inspector:
    """Keeps what the last look at the vectors found. Each look has a connection of its own, which ends with it."""

    def __init__(self, database: Database, every_seconds: float, models: Models | None = None) -> None:
        """`every_seconds` is 0 where nobody looks."""
        self._database = database
        self._every_seconds = every_seconds
        self._models = models
        self._due_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        self.look = Look(unseen=Unseen.NOT_YET if every_seconds else Unseen.OFF)

    def begin_if_due(self) -> None:
        """Start a look, if the last one is old enough and none is under way; returns at once."""
        if self._every_seconds and asyncio.get_running_loop().time() >= self._due_at:
            self._begin()

    async def inspect(self) -> None:
        """Look now, if anybody looks at all, and wait for it; never raises."""
        if self._every_seconds:
            await asyncio.wait({self._begin()})

    def close(self) -> None:
        """End a look that is under way."""
        if self._looking:
            self._looking.cancel()

    def _begin(self) -> asyncio.Task[None]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._run(), name="inventory")
        return self._looking

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._due_at = loop.time() + self._every_seconds
        try:
            found = await self._taken()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may hear of it but as "could not look"
            if self.look.unseen is not Unseen.FAILED:
                _logger.warning("inventory_failed", extra={"detail": repr(error)})
            self.look = Look(self.look.inventory, Unseen.FAILED)
            self._due_at = loop.time() + min(self._every_seconds, _AGAIN_AFTER_SECONDS)
        else:
            self.look = Look(found, None)

    async def _taken(self) -> Inventory:
        link = await self._database.connect(is_probe=True)
        try:
            deadline = asyncio.get_running_loop().time() + LIMIT_SECONDS
            return await bounded(link, inventory.take(link, self._models), deadline)
        finally:
            link.terminate()
