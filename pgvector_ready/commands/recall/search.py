"""A search as it must be written to use an index, and exactly; which indexes are searched, and for which rows."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pgvector_ready.database import Link
from pgvector_ready.judgement.vectors import IndexState, Inventory, VectorIndex
from pgvector_ready.observation import trust
from pgvector_ready.observation.asking import ask
from pgvector_ready.observation.sql import literal, qualified
from pgvector_ready.printable import SENTENCE_LIMIT, printable

# The operator of each class, by the end of its name: pgvector's README, "Indexing".
_OPERATORS = {
    "l2_ops": "<->",
    "ip_ops": "<#>",
    "cosine_ops": "<=>",
    "l1_ops": "<+>",
    "hamming_ops": "<~>",
    "jaccard_ops": "<%>",
}


# A sample of pages that holds so many times the queries is large enough, however full the pages are.
_GENEROUS = 20


class NotMeasuredError(Exception):
    """Nothing could be measured; the text is the one sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The wishes of the command line: which indexes are measured, and how."""

    name: str | None
    where: str | None
    k: int
    queries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Search:
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


async def chosen(link: Link, found: Inventory, asked: Asked) -> list[VectorIndex]:
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
    """The names that a column may be called by: with its schema, or without `public`."""
    return {f"{table}.{index.column}" for table in (index.table, index.table.removeprefix("public."))}


async def _trusted(link: Link, tables: Iterable[str]) -> set[str]:
    """The tables whose owner, and whose schema's owner, is trusted: their indexes' expressions run as this role."""
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


def search_of(index: VectorIndex, found: Inventory, asked: Asked) -> Search:
    """Return how a search has to be written to use this index. Raises NotMeasuredError."""
    operator = next((sign for end, sign in _OPERATORS.items() if index.operator_class.endswith(end)), None)
    if operator is None:
        message = f"{index.name} is of the operator class {index.operator_class}, whose operator is not known here."
        raise NotMeasuredError(message)
    conditions = [f"({one})" for one in (index.condition, asked.where) if one]
    return Search(index, f"OPERATOR({found.schema}.{operator})", " AND ".join(conditions) or "true")


_ESTIMATE = qualified("""\
SELECT pg_catalog.sum(GREATEST(reltuples, 0))::pg_catalog.float8 FROM pg_catalog.pg_class
WHERE oid = $1::pg_catalog.text::pg_catalog.regclass
   OR oid = ANY (SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.text::pg_catalog.regclass))""")


async def rows_to_search_for(link: Link, search: Search, asked: Asked) -> list[tuple[int, str]]:
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


async def distances(link: Link, search: Search, k: int, row: tuple[int, str]) -> list[float]:
    """Return how far the rows are that a search for this one finds, the nearest first."""
    statement = search.statement(k)
    return [record[0] for record in await link.connection.fetch(statement, row[0], _place(row))]


def _place(row: tuple[int, str]) -> tuple[int, int]:
    page, number = re.findall(r"\d+", row[1])
    return int(page), int(number)


# The role, or the database, may have them otherwise.
_EXACTLY = ("enable_seqscan = on", "enable_indexscan = off", "enable_indexonlyscan = off")


async def exact_distances(link: Link, search: Search, k: int, row: tuple[int, str]) -> list[float]:
    """Without any index, in a subtransaction, so that the setting goes with it."""
    async with setting(link, _EXACTLY):
        return sorted(await distances(link, search, k, row))


class setting:  # noqa: N801 - used as a function
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


async def plan_of(link: Link, search: Search, k: int, row: tuple[int, str]) -> str:
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
