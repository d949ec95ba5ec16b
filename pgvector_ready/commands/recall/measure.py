"""Searching by an index and exactly, in a read-only transaction that ends in time."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from pgvector_ready.commands.recall.found import Better, Recall
from pgvector_ready.commands.recall.search import (
    Asked,
    NotMeasuredError,
    Search,
    chosen,
    distances,
    exact_distances,
    plan_of,
    rows_to_search_for,
    search_of,
    setting,
)
from pgvector_ready.database import Database, Link
from pgvector_ready.observation import inventory
from pgvector_ready.observation.bounded import bounded
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import Settings

# One search of this is never finished by anybody who waits for it, and the server ends it by itself.
_STATEMENT_SECONDS = 30.0
# What is left over for the settings that may find more.
_SHARE_OF_FIRST = 0.5
# Less is noise, and not worth a setting.
_LEAST_GAIN = 0.005
# Of hnsw.ef_search; ivfflat.probes may be more, which is an exact search.
_MOST = 1_000
# Two sums of the same numbers in another order may differ by so much.
_SAME = 1e-6

Say = Callable[[str], None]


@dataclass(slots=True)
class _Tally:
    """The sums over all queries under one setting."""

    found: int = 0
    wanted: int = 0
    rows: int = 0
    rows_exact: int = 0
    seconds: float = 0.0
    queries: int = 0

    @property
    def recall(self) -> float:
        return self.found / self.wanted if self.wanted else 1.0

    def add(self, seen: Sequence[float], exact: Sequence[float], seconds: float) -> None:
        """Count a search: what it found is what lies no farther than the farthest of the exact ones."""
        farthest = exact[-1] if exact else math.inf
        self.found += min(sum(one <= farthest + _SAME * max(1.0, abs(farthest)) for one in seen), len(exact))
        self.wanted += len(exact)
        self.rows += len(seen)
        self.rows_exact += len(exact)
        self.seconds += seconds
        self.queries += 1


async def measure(settings: Settings, asked: Asked, say: Say) -> list[Recall]:
    """Return the recall of every index that was asked for. Raises NotMeasuredError.

    All of it is one read-only transaction over one connection, which ends by itself some seconds after this process.
    """
    loop = asyncio.get_running_loop()
    database = Database(settings.connection_string, settings.connect_timeout_seconds)
    deadline = loop.time() + asked.seconds
    try:
        link = await database.connect(is_probe=False)
    except (OSError, asyncpg.PostgresError) as error:
        message = f"the database cannot be reached ({type(error).__name__}); pgvector-ready check says why."
        raise NotMeasuredError(message) from None
    try:
        return await bounded(link, _measure(link, asked, deadline, say), deadline + _STATEMENT_SECONDS)
    except TimeoutError:
        message = "the server gave no answer in time; look at its load, or ask for fewer --queries."
        raise NotMeasuredError(message) from None
    except asyncpg.PostgresError as error:
        said = printable(settings.redactor()(str(error).partition("\n")[0]).rstrip("."), SENTENCE_LIMIT)
        message = f"the server refused a search: {said}. Check --where and this role's rights."
        raise NotMeasuredError(message) from None
    finally:
        link.terminate()


async def _measure(link: Link, asked: Asked, deadline: float, say: Say) -> list[Recall]:
    loop, connection = asyncio.get_running_loop(), link.connection
    async with connection.transaction(readonly=True):
        for name, value in _BOUNDS.items():
            await connection.execute(f"SET LOCAL {name} = {value}")
        if connection.get_server_version().major >= _NOTICES_SINCE:
            await connection.execute(f"SET LOCAL {_NOTICES_A_LOST_CLIENT}")
        found = await inventory.take(link)
        searches = [search_of(index, found, asked) for index in await chosen(link, found, asked)]
        results = []
        for number, search in enumerate(searches):
            share = (deadline - loop.time()) / (len(searches) - number)
            results.append(await _measured(link, search, asked, loop.time() + share, say))
        return results


_BOUNDS = {
    "statement_timeout": f"{int(_STATEMENT_SECONDS * 1000)}",
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": f"{int(_STATEMENT_SECONDS * 1000)}",
    # A plan of several processes would make the server's load larger than one search is.
    "max_parallel_workers_per_gather": "0",
}
_NOTICES_SINCE, _NOTICES_A_LOST_CLIENT = 14, "client_connection_check_interval = 500"


async def _measured(link: Link, search: Search, asked: Asked, deadline: float, say: Say) -> Recall:
    loop = asyncio.get_running_loop()
    rows = await rows_to_search_for(link, search, asked)
    if not rows:
        message = f"{search.index.table} has no row to search for that fits the filter."
        raise NotMeasuredError(message)
    plan = await plan_of(link, search, asked.k, rows[0])
    first_until = loop.time() + (deadline - loop.time()) * _SHARE_OF_FIRST
    tally, exact = _Tally(), []
    for number, row in enumerate(rows, 1):
        say(f"{search.index.name}: {number} of {len(rows)}")
        seen, seconds = await _timed(link, search, asked.k, row)
        exact.append(await exact_distances(link, search, asked.k, row))
        tally.add(seen, exact[-1], seconds)
        if loop.time() > first_until:
            break
    index = search.index
    result = Recall(
        table=index.table,
        column=index.column or index.key,
        index=index.name,
        method=index.method,
        operator_class=index.operator_class,
        k=asked.k,
        queries=tally.queries,
        recall=tally.recall,
        rows=tally.rows / tally.queries,
        rows_exact=tally.rows_exact / tally.queries,
        plan=plan,
        is_cut_short=tally.queries < len(rows),
    )
    better = await _better(link, search, asked.k, rows, exact, tally, deadline, say) if result.uses_index else None
    return replace(result, better=better)


async def _timed(link: Link, search: Search, k: int, row: tuple[int, str]) -> tuple[list[float], float]:
    started = time.perf_counter()
    found = await distances(link, search, k, row)
    return found, time.perf_counter() - started


async def _better(  # noqa: PLR0913, PLR0917 - what was measured so far
    link: Link,
    search: Search,
    k: int,
    rows: Sequence[tuple[int, str]],
    exact: Sequence[Sequence[float]],
    before: _Tally,
    deadline: float,
    say: Say,
) -> Better | None:
    """The cheapest setting that finds all but nothing more than another one would; None where none finds more."""
    loop, best, chosen = asyncio.get_running_loop(), before, None
    if before.recall > 1 - _LEAST_GAIN and before.rows >= before.rows_exact:
        return None
    for settings in await _candidates(link, search.index.method):
        tally = _Tally()
        async with setting(link, settings):
            for number, (row, known) in enumerate(zip(rows, exact, strict=False), 1):
                say(f"{search.index.name}, {' '.join(settings)}: {number} of {len(exact)}")
                tally.add(*_with(await _timed(link, search, k, row), known))
                if loop.time() > deadline:
                    return chosen
        if tally.recall > best.recall + _LEAST_GAIN or tally.rows > best.rows * (1 + _LEAST_GAIN):
            cost = tally.seconds / before.seconds if before.seconds else 1.0
            best = tally
            told = "; ".join(f"SET {one}" for one in settings)
            chosen = Better(f"{told};", tally.recall, tally.rows / tally.queries, cost)
        if best.recall > 1 - _LEAST_GAIN and best.rows >= best.rows_exact:
            break
    return chosen


def _with(seen: tuple[list[float], float], exact: Sequence[float]) -> tuple[Sequence[float], Sequence[float], float]:
    return seen[0], exact, seen[1]


async def _candidates(link: Link, method: str) -> list[tuple[str, ...]]:
    """Settings worth trying, the cheapest first; iterative scans where this pgvector has them."""
    name = {"hnsw": "hnsw.ef_search", "ivfflat": "ivfflat.probes"}[method]
    now = int(await link.connection.fetchval("SELECT pg_catalog.current_setting($1)", name))
    steps = [now * factor for factor in (2, 4, 8, 16, 32) if now * factor <= _MOST]
    found: list[tuple[str, ...]] = [(f"{name} = {step}",) for step in steps]
    iterative = f"{method}.iterative_scan"
    known = await link.connection.fetchval("SELECT pg_catalog.current_setting($1, true)", iterative)
    if known == "off":
        found.insert(0, (f"{iterative} = relaxed_order",))
        found += [(f"{iterative} = relaxed_order", f"{name} = {step}") for step in steps[2:]]
    return found
