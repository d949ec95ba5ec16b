"""One look at the catalogue: every column of vectors, their indexes, and what an application's models name."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import TypeAdapter

from pgvector_ready.database import Link
from pgvector_ready.judgement.vectors import (
    FoundColumn,
    FoundTable,
    IndexState,
    Inventory,
    Leaf,
    Models,
    VectorColumn,
    VectorIndex,
)
from pgvector_ready.observation import shapes
from pgvector_ready.observation.asking import ask_rows
from pgvector_ready.observation.sql import literal, qualified

_T = TypeVar("_T")

# Of the columns with most rows; the rest are counted. With their indexes they stay far below what a connection takes.
MOST_COLUMNS = 1_000
MOST_INDEXES = 500

_COLLATION_SINCE = 15
_COLLATION = qualified("""\
pg_catalog.json_build_object(
        'recorded', (SELECT datcollversion FROM pg_catalog.pg_database WHERE oid = (SELECT oid FROM here)),
        'now', pg_catalog.pg_database_collation_actual_version((SELECT oid FROM here)))""")

# A type is pgvector's where the extension has brought it; an access method that is not PostgreSQL's own is pgvector's
# or another extension's. A build is known by the lock that it holds on its table; VACUUM and ANALYZE hold it too, and
# PostgreSQL shows everybody whose they are. `{schemas}`, `{tables}` and `{columns}` are what the models name. The
# answer comes in rows, since what a server may send at once is bounded (`database.framing`).
_INVENTORY = qualified("""\
WITH here AS (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), pgvector AS (
    SELECT oid, extnamespace FROM pg_catalog.pg_extension WHERE extname = 'vector'
), types AS (
    SELECT t.oid, t.typname FROM pgvector AS e
    JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
     AND d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
    JOIN pg_catalog.pg_type AS t ON t.oid = d.objid
    WHERE t.typname = ANY ('{{vector,halfvec,sparsevec}}'::pg_catalog.name[])
), methods AS (
    SELECT oid, amname FROM pg_catalog.pg_am
    WHERE amtype = 'i' AND NOT amname = ANY ('{{btree,hash,gist,gin,brin,spgist}}'::pg_catalog.name[])
), approximate AS (
    SELECT i.*, m.amname, c.relname, c.relkind, c.relpages, c.relnamespace, c.reloptions,
           i.indkey[0] AS attnum
    FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN methods AS m ON m.oid = c.relam
    WHERE c.relpersistence <> 't'
), attributes AS (
    SELECT a.attrelid, a.attnum, a.attname, b.type, b.typmod,
           COALESCE((SELECT typname FROM types WHERE oid = b.type), 'bit') AS typname
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS type,
                               CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS typmod) AS b
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND (b.type = ANY (SELECT oid FROM types)
           OR (b.type = 'pg_catalog.bit'::pg_catalog.regtype
               AND a.attrelid = ANY (SELECT indrelid FROM approximate)
               AND EXISTS (SELECT FROM approximate AS i WHERE i.indrelid = a.attrelid AND i.attnum = a.attnum)))
), columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.typname, a.typmod, c.relkind, c.reltuples, c.relname, n.nspname,
           COALESCE(pg_catalog.pg_partition_root(c.oid)::pg_catalog.oid, c.oid) AS root,
           COALESCE(pg_catalog.has_schema_privilege(n.oid, 'USAGE')  -- NULL of what was dropped meanwhile
                    AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS is_readable
    FROM attributes AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = ANY ('{{r,p,m}}'::pg_catalog."char"[]) AND c.relpersistence <> 't'
    ORDER BY c.relkind = 'p' DESC, c.reltuples DESC LIMIT {most_columns}
), indexes AS (
    SELECT a.*, COALESCE((SELECT pg_catalog.min(d.refobjsubid) FROM pg_catalog.pg_depend AS d
                          JOIN attributes AS v ON v.attrelid = a.indrelid AND v.attnum = d.refobjsubid
                          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = a.indexrelid
                            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                            AND d.refobjid = a.indrelid), a.attnum::pg_catalog.int4) AS searched
    FROM approximate AS a WHERE a.indrelid = ANY (SELECT attrelid FROM columns)
    ORDER BY a.indisvalid, a.relpages DESC LIMIT {most_indexes}
), vacuums(pid) AS (
    SELECT pid FROM pg_catalog.pg_stat_progress_vacuum
    UNION ALL SELECT pid FROM pg_catalog.pg_stat_progress_analyze
), locked AS (
    SELECT DISTINCT relation FROM pg_catalog.pg_locks
    WHERE locktype = 'relation' AND database = (SELECT oid FROM here)
      AND mode = ANY ('{{ShareUpdateExclusiveLock,ShareLock,AccessExclusiveLock}}'::pg_catalog.text[])
      AND NOT pid = ANY (SELECT pid FROM vacuums)
)
SELECT 'database', pg_catalog.json_build_object(
    'schema', (SELECT extnamespace::pg_catalog.regnamespace FROM pgvector),
    'has_halfvec', EXISTS (SELECT FROM types WHERE typname = 'halfvec'),
    'is_standby', pg_catalog.pg_is_in_recovery(),
    'block_size', pg_catalog.current_setting('block_size'),
    'total', (SELECT pg_catalog.count(*) FROM attributes),
    'collation', {collation})
UNION ALL
SELECT 'locked', pg_catalog.json_build_object('relation', relation::pg_catalog.text)
FROM locked WHERE relation = ANY (SELECT attrelid FROM columns)
UNION ALL
SELECT 'column', pg_catalog.json_build_object(
    'relation', attrelid::pg_catalog.text, 'root', root::pg_catalog.text,
    'table', pg_catalog.quote_ident(nspname) || '.' || pg_catalog.quote_ident(relname),
    'name', pg_catalog.quote_ident(attname), 'type', typname, 'typmod', typmod, 'kind', relkind,
    'rows', reltuples, 'is_readable', is_readable,
    'null_share', (SELECT null_frac FROM pg_catalog.pg_stats AS s WHERE is_readable AND s.schemaname = c.nspname
                   AND s.tablename = c.relname AND s.attname = c.attname AND NOT s.inherited))
FROM columns AS c
UNION ALL
SELECT 'index', pg_catalog.json_build_object(
    'relation', i.indexrelid::pg_catalog.text, 'on', i.indrelid::pg_catalog.text,
    'name', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(i.relname),
    'table', pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname),
    'column', (SELECT pg_catalog.quote_ident(attname) FROM attributes
               WHERE attrelid = i.indrelid AND attnum = i.searched),
    'method', i.amname, 'kind', i.relkind, 'pages', i.relpages,
    'is_valid', i.indisvalid AND i.indisready AND i.indislive,
    'operator_class', (SELECT opcname FROM pg_catalog.pg_opclass WHERE oid = i.indclass[0]),
    'key', pg_catalog.left(pg_catalog.pg_get_indexdef(i.indexrelid, 1, false), 500),
    'condition', pg_catalog.left(pg_catalog.pg_get_expr(i.indpred, i.indrelid), 500),
    'bare_name', i.relname,
    'options', pg_catalog.left(pg_catalog.array_to_string(i.reloptions, ', '), 500),
    'parent', (SELECT inhparent::pg_catalog.text FROM pg_catalog.pg_inherits WHERE inhrelid = i.indexrelid),
    'is_leftover', i.relname::pg_catalog.text ~ '_cc(new|old)[0-9]*$',
    'progress', (SELECT pg_catalog.json_build_array(p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total)
                 FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid LIMIT 1))
FROM indexes AS i
JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
UNION ALL
SELECT 'partition', pg_catalog.json_build_object(
    'relation', c.oid::pg_catalog.text, 'of', i.indexrelid::pg_catalog.text, 'kind', c.relkind,
    'schema', pg_catalog.quote_ident(n.nspname),
    'table', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname))
FROM (SELECT indexrelid, inhrelid FROM indexes JOIN pg_catalog.pg_inherits ON inhparent = indrelid
      WHERE relkind = 'I' AND NOT indisvalid LIMIT {most_columns}) AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT 'wanted', pg_catalog.json_build_object(
    'schema', w.schema, 'name', w.name,
    'table', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
    'column', a.attname, 'quoted', pg_catalog.quote_ident(w.column),
    'typmod', a.atttypmod,
    'type', COALESCE((SELECT typname::pg_catalog.text FROM types WHERE oid = a.atttypid),
                     pg_catalog.format_type(a.atttypid, NULL)))
FROM ROWS FROM (pg_catalog.unnest({schemas}), pg_catalog.unnest({tables}), pg_catalog.unnest({columns}))
    AS w(schema, name, "column")
JOIN pg_catalog.pg_class AS c ON c.relname = w.name
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = w.column AND NOT a.attisdropped
WHERE c.relkind = ANY ('{{r,p,m,v,f}}'::pg_catalog."char"[])
  AND CASE WHEN w.schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = w.schema END""")


async def take(link: Link, models: Models | None = None) -> Inventory:
    """Return what the catalogue says, in one statement; it waits for no lock. Raises what the driver raises."""
    major = link.connection.get_server_version().major
    wanted = models.columns if models else ()
    question = _INVENTORY.format(
        collation=_COLLATION if major >= _COLLATION_SINCE else "NULL",
        most_columns=MOST_COLUMNS,
        most_indexes=MOST_INDEXES,
        schemas=_array([column.schema for column in wanted]),
        tables=_array([column.table for column in wanted]),
        columns=_array([column.name for column in wanted]),
    )
    return _inventory(_Rows(await ask_rows(link, question, values=2)))


def _array(names: Sequence[str | None]) -> str:
    written = ", ".join("NULL" if name is None else literal(name) for name in names)
    return f"ARRAY[{written}]::pg_catalog.name[]"


class _Rows:
    """The rows of an answer by their kind, each of the shape that it must have."""

    def __init__(self, rows: list[list[str]]) -> None:
        self._rows = rows

    def of(self, kind: str, shape: TypeAdapter[_T]) -> list[_T]:
        """Return the rows of this kind. Raises ProtocolViolationError."""
        return [shapes.read(shape, text) for found, text in self._rows if found == kind]


def _inventory(rows: _Rows) -> Inventory:
    database = rows.of("database", shapes.VECTOR_DATABASE)[0]
    locked = {one["relation"] for one in rows.of("locked", shapes.RELATION)}
    found = {one["relation"]: one for one in rows.of("index", shapes.VECTOR_INDEX)}
    partitions = rows.of("partition", shapes.PARTITION)
    indexes = {
        oid: _index(one, _leaves(one, partitions, found), database, is_locked=one["on"] in locked)
        for oid, one in found.items()
    }
    columns = rows.of("column", shapes.VECTOR_COLUMN)
    helped = {(one["relation"], one["name"]) for one in columns if one["relation"] in locked}
    helped |= {
        (one["on"], one["column"])
        for oid, one in found.items()
        if one["column"] and indexes[oid].state is not IndexState.INVALID
    }
    counted = _columns(columns, helped)
    collation = database["collation"]
    return Inventory(
        observed_at=datetime.now(UTC),
        columns=tuple(counted),
        indexes=tuple(indexes.values()),
        schema=database["schema"] or "public",
        has_halfvec=database["has_halfvec"],
        total=database["total"] if database["total"] > MOST_COLUMNS else len(counted),
        tables=_tables(rows.of("wanted", shapes.WANTED)),
        collation_now=collation and collation["now"],
        collation_recorded=collation and collation["recorded"],
    )


def _tables(wanted: list[shapes.FoundWanted]) -> Mapping[tuple[str | None, str], FoundTable]:
    tables: dict[tuple[str | None, str], FoundTable] = {}
    for one in wanted:
        table = tables.get((one["schema"], one["name"])) or FoundTable(one["table"], {})
        columns = dict(table.columns)
        if one["column"] is not None and one["type"] is not None and one["typmod"] is not None:
            columns[one["column"]] = FoundColumn(one["quoted"], one["type"], _dimensions(one["typmod"]))
        tables[one["schema"], one["name"]] = FoundTable(table.name, columns)
    return tables


def _dimensions(typmod: int) -> int | None:
    return typmod if typmod > 0 else None


def _index(
    one: shapes.FoundIndex, leaves: tuple[Leaf, ...], database: shapes.FoundVectorDatabase, *, is_locked: bool
) -> VectorIndex:
    # A standby does not show who holds a lock on its primary.
    undecided = IndexState.BUILDING if is_locked or database["is_standby"] else IndexState.INVALID
    return VectorIndex(
        name=one["name"],
        table=one["table"],
        column=one["column"],
        method=one["method"],
        state=IndexState.VALID if one["is_valid"] else undecided,
        operator_class=one["operator_class"] or "",
        key=one["key"] or "",
        condition=one["condition"],
        bare_name=one["bare_name"],
        definition=_definition(one, database),
        size_bytes=one["pages"] * int(database["block_size"]),
        is_attached=one["parent"] is not None,
        is_leftover=one["is_leftover"],
        is_partitioned=one["kind"] == "I",
        leaves=leaves,
        progress=_progress(one["progress"]),
    )


def _definition(one: shapes.FoundIndex, database: shapes.FoundVectorDatabase) -> str:
    options = f" WITH ({one['options']})" if one["options"] else ""
    condition = f" WHERE {one['condition']}" if one["condition"] else ""
    operator_class = f"{database['schema']}.{one['operator_class']}"
    return f"USING {one['method']} ({one['key']} {operator_class}){options}{condition}"


def _leaves(
    parent: shapes.FoundIndex, partitions: list[shapes.FoundPartition], indexes: Mapping[str, shapes.FoundIndex]
) -> tuple[Leaf, ...]:
    """The partitions that `parent` is over, each with the index of its own that belongs to it, or that could."""
    return tuple(_leaf(parent, one, indexes) for one in partitions if one["of"] == parent["relation"])


def _leaf(
    parent: shapes.FoundIndex, partition: shapes.FoundPartition, indexes: Mapping[str, shapes.FoundIndex]
) -> Leaf:
    its_own = [one for one in indexes.values() if one["on"] == partition["relation"]]
    is_plain = partition["kind"] == "r"
    for one in its_own:
        if one["parent"] == parent["relation"]:
            return Leaf(
                partition["schema"],
                partition["table"],
                one["name"],
                is_attached=True,
                is_valid=one["is_valid"],
                is_plain=is_plain,
            )
    for one in its_own:
        is_free = one["parent"] is None and one["is_valid"]
        if is_free and (one["method"], one["operator_class"], one["key"], one["condition"]) == (
            parent["method"],
            parent["operator_class"],
            parent["key"],
            parent["condition"],
        ):
            return Leaf(
                partition["schema"],
                partition["table"],
                one["name"],
                is_attached=False,
                is_valid=True,
                is_plain=is_plain,
            )
    return Leaf(partition["schema"], partition["table"], None, is_attached=False, is_valid=False, is_plain=is_plain)


def _progress(counts: list[int | None] | None) -> float | None:
    """Return how much is done, of blocks or else of tuples; None where this role may not see it."""
    blocks_done, blocks_total, tuples_done, tuples_total = counts or [None] * 4
    for done, total in ((blocks_done, blocks_total), (tuples_done, tuples_total)):
        if done is not None and total:
            return min(1.0, done / total)
    return None


def _columns(found: list[shapes.FoundVectorColumn], helped: set[tuple[str, str]]) -> list[VectorColumn]:
    """The columns, those of partitions counted with their root's; `helped` have an index, or get one now."""
    groups: dict[tuple[str, str], list[shapes.FoundVectorColumn]] = defaultdict(list)
    for one in found:
        groups[one["root"], one["name"]].append(one)
    columns = []
    for (root, name), parts in groups.items():
        head = next((one for one in parts if one["relation"] == root), parts[0])
        leaves = [one for one in parts if one["kind"] != "p"]
        columns.append(
            VectorColumn(
                table=head["table"],
                name=name,
                type=head["type"],
                dimensions=_dimensions(head["typmod"]),
                rows=sum(map(_rows, leaves)) if head["is_readable"] else None,
                unindexed_rows=sum(_rows(one) for one in leaves if (one["relation"], name) not in helped),
                is_partitioned=head["kind"] == "p",
            )
        )
    return columns


def _rows(one: shapes.FoundVectorColumn) -> float:
    return max(0.0, one["rows"]) * (1 - (one["null_share"] or 0.0))
