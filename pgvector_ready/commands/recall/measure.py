"""Searching by an index and exactly, in a read-only transaction that ends in time."""

import asyncio
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from pgvector_ready.commands.recall.found import Better, Recall
from pgvector_ready.database import Database, Link
from pgvector_ready.judgement.vectors import IndexState, Inventory, VectorIndex
from pgvector_ready.observation import inventory, trust
from pgvector_ready.observation.asking import ask
from pgvector_ready.observation.bounded import bounded
from pgvector_ready.observation.sql import literal, qualified
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import Settings

# One search of this is never finished by anybody who waits for it, and the server ends it by itself.
_STATEMENT_SECONDS = 30.0
# What is left over for the settings that may find more.
_SHARE_OF_FIRST = 0.5
# Less is noise, and not worth a setting.
_LEAST_GAIN = 0.005
# The operator of each class, by the end of its name: pgvector's README, "Indexing".
_OPERATORS = {
    "l2_ops": "<->",
    "ip_ops": "<#>",
    "cosine_ops": "<=>",
    "l1_ops": "<+>",
    "hamming_ops": "<~>",
    "jaccard_ops": "<%>",
}
# Of hnsw.ef_search; ivfflat.probes may be more, which is an exact search.
_MOST = 1_000
# Two sums of the same numbers in another order may differ by so much.
_SAME = 1e-6
# A sample of pages that holds so many times the queries is large enough, however full the pages are.
_GENEROUS = 20

Say = Callable[[str], None]


class NotMeasuredError(Exception):
    """Nothing could be measured; the text is the one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What shall be measured."""

    name: str | None
    where: str | None
    k: int
    queries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Search:
    """An index, as a search has to be written to use it."""

    index: VectorIndex
    operator: str
    condition: str

    def statement(self, k: int) -> str:
        """The distances of the k nearest to the vector of the row that the two parameters name."""
        key, table = self.index.key, self.index.table
        query = (
            f"(SELECT {key} FROM {table} WHERE tableoid OPERATOR(pg_catalog.=) $1 AND ctid OPERATOR(pg_catalog.=) $2)"  # noqa: S608 - as below
        )
        distance = f"{key} {self.operator} {query}"
        return (
            f"SELECT ({distance})::pg_catalog.float8 FROM {table} WHERE {self.condition} ORDER BY {distance} LIMIT {k}"  # noqa: S608 - names are quoted, and the condition is the caller's
        )


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
        said = printable(settings.redactor()(str(error)), SENTENCE_LIMIT)
        message = f"the server refused a search: {said}. Check --where and this role's rights."
        raise NotMeasuredError(message) from None
    finally:
        link.terminate()


async def _measure(link: Link, asked: Asked, deadline: float, say: Say) -> list[Recall]:
    loop, connection = asyncio.get_running_loop(), link.connection
    async with connection.transaction(readonly=True):
        for setting, value in _BOUNDS.items():
            await connection.execute(f"SET LOCAL {setting} = {value}")
        if connection.get_server_version().major >= _NOTICES_SINCE:
            await connection.execute(f"SET LOCAL {_NOTICES_A_LOST_CLIENT}")
        found = await inventory.take(link)
        searches = [_search(index, found, asked) for index in await _chosen(link, found, asked)]
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


async def _chosen(link: Link, found: Inventory, asked: Asked) -> list[VectorIndex]:
    """The indexes that were asked for: of the named column, or of all tables that are trusted."""
    usable = [
        one
        for one in found.indexes
        if one.is_pgvectors and one.state is IndexState.VALID and one.column and not one.is_attached
    ]
    if asked.name is not None:
        named = [one for one in usable if asked.name in _names(one)]
        if not named:
            known = ", ".join(sorted({f"{one.table}.{one.column}" for one in usable})[:10]) or "none"
            message = f"there is no vector index on {printable(asked.name, SENTENCE_LIMIT)}; indexed columns: {known}."
            raise NotMeasuredError(message)
        return named
    trusted = await _trusted(link, {one.table for one in usable})
    chosen = [one for one in usable if one.table in trusted]
    if not chosen:
        message = "no table of a trusted owner has a vector index here" + (
            ": name one as TABLE.COLUMN to search it all the same." if usable else "; pgvector-ready check says more."
        )
        raise NotMeasuredError(message)
    return chosen


def _names(index: VectorIndex) -> set[str]:
    """What a column may be called: with its schema, or without `public`."""
    return {f"{table}.{index.column}" for table in (index.table, index.table.removeprefix("public."))}


async def _trusted(link: Link, tables: Iterable[str]) -> set[str]:
    """Those whose owner, and whose schema's owner, is trusted: their indexes' expressions run as this role."""
    names = ", ".join(map(literal, sorted(tables)))
    of_use = trust.of_use(link.connection.get_server_version().major)
    return set(json.loads(await ask(link, _TRUSTED.format(of_use=of_use, tables=names)) or "[]"))


_TRUSTED = qualified(f"""\
WITH RECURSIVE {trust.TRUSTED}
SELECT pg_catalog.json_agg(asked)
FROM pg_catalog.unnest(ARRAY[{{tables}}]::pg_catalog.text[]) AS asked
JOIN pg_catalog.pg_class AS c ON c.oid = asked::pg_catalog.regclass
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relowner = ANY (SELECT oid FROM trusted) AND n.nspowner = ANY (SELECT oid FROM trusted)""")  # noqa: S608 - of constants


def _search(index: VectorIndex, found: Inventory, asked: Asked) -> _Search:
    operator = next((sign for end, sign in _OPERATORS.items() if index.operator_class.endswith(end)), None)
    if operator is None:
        message = f"{index.name} is of the operator class {index.operator_class}, whose operator is not known here."
        raise NotMeasuredError(message)
    conditions = [f"({one})" for one in (index.condition, asked.where) if one]
    return _Search(index, f"OPERATOR({found.schema}.{operator})", " AND ".join(conditions) or "true")


async def _measured(link: Link, search: _Search, asked: Asked, deadline: float, say: Say) -> Recall:
    loop = asyncio.get_running_loop()
    rows = await _rows(link, search, asked)
    if not rows:
        message = f"{search.index.table} has no row to search for that fits the filter."
        raise NotMeasuredError(message)
    plan = await _plan(link, search, asked.k, rows[0])
    first_until = loop.time() + (deadline - loop.time()) * _SHARE_OF_FIRST
    tally, exact = _Tally(), []
    for number, row in enumerate(rows, 1):
        say(f"{search.index.name}: {number} of {len(rows)}")
        seen, seconds = await _timed(link, search, asked.k, row)
        exact.append(await _exact(link, search, asked.k, row))
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


_ESTIMATE = qualified("""\
SELECT pg_catalog.sum(GREATEST(reltuples, 0))::pg_catalog.float8 FROM pg_catalog.pg_class
WHERE oid = $1::pg_catalog.text::pg_catalog.regclass
   OR oid = ANY (SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.text::pg_catalog.regclass))""")


async def _rows(link: Link, search: _Search, asked: Asked) -> list[tuple[int, str]]:
    """Rows to search for, spread over the table: of a sample of its pages, or of all where it is small."""
    index = search.index
    rows = float(await link.connection.fetchval(_ESTIMATE, index.table) or 0)
    wanted = f"{index.key} IS NOT NULL AND {search.condition}"
    share = 100.0 * _GENEROUS * asked.queries / rows if rows else 100.0
    for sampled in ([f"TABLESAMPLE SYSTEM ({share}) REPEATABLE (1)"] if share < 100 else []) + [""]:  # noqa: PLR2004 - percent
        # By a hash of the place, so that the same rows are taken the next time and yet from everywhere.
        statement = (
            f"SELECT tableoid, ctid::pg_catalog.text FROM {index.table} {sampled} WHERE {wanted} "  # noqa: S608 - as above
            f"ORDER BY pg_catalog.md5(ctid::pg_catalog.text) LIMIT {asked.queries}"
        )
        found = [(row[0], row[1]) for row in await link.connection.fetch(statement)]
        if len(found) == asked.queries:
            return found
    return found


async def _timed(link: Link, search: _Search, k: int, row: tuple[int, str]) -> tuple[list[float], float]:
    started = time.perf_counter()
    found = await _distances(link, search, k, row)
    return found, time.perf_counter() - started


async def _distances(link: Link, search: _Search, k: int, row: tuple[int, str]) -> list[float]:
    statement = search.statement(k)
    return [record[0] for record in await link.connection.fetch(statement, row[0], _place(row))]


def _place(row: tuple[int, str]) -> tuple[int, int]:
    page, number = re.findall(r"\d+", row[1])
    return int(page), int(number)


# The role, or the database, may have them otherwise.
_EXACTLY = ("enable_seqscan = on", "enable_indexscan = off", "enable_indexonlyscan = off")


async def _exact(link: Link, search: _Search, k: int, row: tuple[int, str]) -> list[float]:
    """Without any index, in a subtransaction, so that the setting goes with it."""
    async with _setting(link, _EXACTLY):
        return sorted(await _distances(link, search, k, row))


class _setting:  # noqa: N801 - used as a function
    """Settings for the length of a block."""

    def __init__(self, link: Link, settings: Sequence[str]) -> None:
        self._link = link
        self._settings = settings

    async def __aenter__(self) -> None:
        await self._link.connection.execute("SAVEPOINT setting")
        for setting in self._settings:
            await self._link.connection.execute(f"SET LOCAL {setting}")

    async def __aexit__(self, *_: object) -> None:
        await self._link.connection.execute("ROLLBACK TO SAVEPOINT setting; RELEASE SAVEPOINT setting")


async def _plan(link: Link, search: _Search, k: int, row: tuple[int, str]) -> str:
    """The index that PostgreSQL searches by, qualified; else what it does instead."""
    page, number = _place(row)
    statement = search.statement(k).replace("$1", f"'{row[0]}'::pg_catalog.oid").replace("$2", f"'({page},{number})'")
    (found,) = json.loads(await link.connection.fetchval(f"EXPLAIN (FORMAT JSON, VERBOSE) {statement}"))
    nodes = list(_nodes(found["Plan"]))
    names = {node["Index Name"] for node in nodes if "Index Name" in node}
    name = search.index.name.rpartition(".")[2].strip('"').replace('""', '"')
    if name in names or (search.index.is_partitioned and names):
        return search.index.name
    return ", ".join(sorted(names)) or next(node["Node Type"] for node in nodes if "Scan" in node["Node Type"])


def _nodes(plan: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The plan of the search itself: not that of the vector that is searched for."""
    if plan.get("Parent Relationship") == "InitPlan":
        return
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


async def _better(  # noqa: PLR0913, PLR0917 - what was measured so far
    link: Link,
    search: _Search,
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
    for setting in await _candidates(link, search.index.method):
        tally = _Tally()
        async with _setting(link, setting):
            for number, (row, known) in enumerate(zip(rows, exact, strict=False), 1):
                say(f"{search.index.name}, {' '.join(setting)}: {number} of {len(exact)}")
                tally.add(*_with(await _timed(link, search, k, row), known))
                if loop.time() > deadline:
                    return chosen
        if tally.recall > best.recall + _LEAST_GAIN or tally.rows > best.rows * (1 + _LEAST_GAIN):
            cost = tally.seconds / before.seconds if before.seconds else 1.0
            best = tally
            told = "; ".join(f"SET {one}" for one in setting)
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
