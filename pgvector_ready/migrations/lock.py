"""The lock under which one `migrate` at a time works: it holds no snapshot and no table, so nothing waits for it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pgvector_ready.database import Database, Link
from pgvector_ready.observation.statements import LOCK

# Who holds the lock runs a migration of its own; what takes longer than this is for a person to look at.
LOCK_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.2
# Shorter than the patience of any pooler, proxy or firewall with a session that says nothing.
_KEEP_ALIVE_SECONDS = 5.0

# READ COMMITTED: in any other level the transaction would keep a snapshot to its end, for which the child's
# CREATE INDEX CONCURRENTLY would wait, and we for the child. A lock of the session would stay behind in a pooler.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Tried again and again, because a statement that waits for a lock has a snapshot as well; and without a parameter or a
# result, because the extended protocol's portal would keep its snapshot until the next one. The answer is the number of
# rows.
_TRY = f"SELECT 1 WHERE {LOCK.removeprefix('SELECT ').replace('pg_advisory', 'pg_try_advisory')}"
_IS_OURS = "SELECT 1"
_MARK = "SELECT pg_catalog.pg_advisory_xact_lock({number})"
# Those of the two that this server has: a migration may last longer than either.
_NO_TIMEOUT = """\
SELECT pg_catalog.count(pg_catalog.set_config(name, '0', true)) FROM pg_catalog.pg_settings
WHERE name OPERATOR(pg_catalog.=) ANY ('{idle_in_transaction_session_timeout,transaction_timeout}')"""
_STILL_THERE = "SELECT 1"


class LockTimeoutError(Exception):
    """Somebody else held the lock for as long as this waits."""


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The lock that is held, and a number by which another session of this database can recognise that it is."""

    number: int
    _link: Link

    @property
    def is_lost(self) -> bool:
        """True once the session has ended, so that another migration may run beside this one."""
        return bool(self._link.connection.is_closed())


@asynccontextmanager
async def holding_lock(database: Database, timeout_seconds: float) -> AsyncIterator[HeldLock]:
    """Hold the lock for the length of a block. Raises LockTimeoutError, and what connecting raises."""
    link = await database.connect()
    try:
        await link.connection.execute(_BEGIN)
        await link.connection.execute(_NO_TIMEOUT)
        await _wait(link, timeout_seconds)
        lock = HeldLock(secrets.randbits(63), link)
        await link.connection.execute(_MARK.format(number=lock.number))
        keeping = asyncio.create_task(_keep_alive(link))
        try:
            yield lock
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
    finally:
        link.terminate()  # the server gives back what the session held


async def _wait(link: Link, timeout_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_seconds
    while await link.connection.execute(_TRY) != _IS_OURS:
        if loop.time() > deadline:
            raise LockTimeoutError
        await asyncio.sleep(_POLL_SECONDS)


async def _keep_alive(link: Link) -> None:
    """Say something now and then; ends only with the session."""
    while True:
        await asyncio.sleep(_KEEP_ALIVE_SECONDS)
        await link.connection.execute(_STILL_THERE)
