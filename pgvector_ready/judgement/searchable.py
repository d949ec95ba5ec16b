"""Judges an inventory: a rule for each code that keeps vector search from working, or from being fast."""

from collections.abc import Iterator, Sequence

from pgvector_ready.judgement.facts import Facts
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.findings import Found
from pgvector_ready.judgement.models import differences
from pgvector_ready.judgement.phrases import Value
from pgvector_ready.judgement.releases import faults_of
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.vectors import IndexState, Inventory, VectorColumn, VectorIndex, quoted

# From the gravest on: what is wrong at once, what gives wrong results, what is slow, what only costs.
_ORDER = (
    Code.VECTOR_COLUMN_MISSING,
    Code.VECTOR_DIMENSIONS_DIFFER,
    Code.PGVECTOR_CORRUPTS_INDEXES,
    Code.COLLATION_CHANGED,
    Code.VECTOR_INDEX_INVALID,
    Code.VECTOR_INDEX_DIFFERS,
    Code.PGVECTOR_VULNERABLE,
    Code.VECTOR_INDEX_MISSING,
    Code.VECTOR_DIMENSIONS_UNINDEXABLE,
    Code.VECTOR_COLUMN_UNDIMENSIONED,
    Code.VECTOR_INDEX_DUPLICATE,
)
# An application that meets one of these does not work, which is why they may fail a deploy.
OF_MODELS = frozenset({Code.VECTOR_COLUMN_MISSING, Code.VECTOR_DIMENSIONS_DIFFER, Code.VECTOR_INDEX_DIFFERS})
# By type, what HNSW and IVFFlat can index (pgvector's README, "Indexing", of 0.8).
_MOST_DIMENSIONS = {"vector": 2_000, "halfvec": 4_000}
_MOST_BITS = 64_000
_LONGEST_NAME_BYTES = 56
_MOST_OF_HALFVEC = _MOST_DIMENSIONS["halfvec"]


def findings_on(inventory: Inventory, facts: Facts, requirements: Requirements) -> tuple[Found, ...]:
    """Return all that is wrong, the gravest first."""
    found = [
        *_on_indexes(inventory.indexes),
        *_on_columns(inventory, requirements.index_rows),
        *_on_releases(inventory, facts),
        *_on_collation(inventory, facts),
        *(differences(requirements.models, inventory) if requirements.models else ()),
    ]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.code)))


def _on_indexes(indexes: Sequence[VectorIndex]) -> Iterator[Found]:
    for one in indexes:
        if one.is_pgvectors and one.state is IndexState.INVALID:
            yield Found(
                Code.VECTOR_INDEX_INVALID,
                one.table,
                one.column,
                one.name,
                statements=_repair(one),
                case="partitioned" if one.is_partitioned else "leftover" if one.is_leftover else "",
            )
    kept: dict[tuple[object, ...], VectorIndex] = {}
    for one in _by_preference(indexes):
        first = kept.setdefault((one.table, one.operator_class, one.key, one.condition), one)
        if first is not one:
            concurrently = "" if one.is_partitioned else "CONCURRENTLY "
            statements = f"DROP INDEX {concurrently}{one.name};"
            values = {"other": first.name}
            yield Found(Code.VECTOR_INDEX_DUPLICATE, one.table, one.column, one.name, values, statements=statements)


def _repair(index: VectorIndex) -> str:
    if index.is_leftover:
        return f"DROP INDEX CONCURRENTLY {index.name};"
    if not index.is_partitioned:
        return f"REINDEX INDEX CONCURRENTLY {index.name};"
    if not index.leaves or not all(leaf.is_plain for leaf in index.leaves):
        return f"DROP INDEX {index.name}; CREATE INDEX {quoted(index.bare_name)} ON {index.table} {index.definition};"
    statements = []
    for number, leaf in enumerate(index.leaves, 1):
        if leaf.is_attached and not leaf.is_valid:
            statements.append(f"REINDEX INDEX CONCURRENTLY {leaf.index};")
        if leaf.is_attached:
            continue
        name = leaf.index
        if name is None:
            bare_name = quoted(f"{_cut(index.bare_name)}_{number}")
            name = f"{leaf.schema}.{bare_name}"
            statements.append(f"CREATE INDEX CONCURRENTLY {bare_name} ON {leaf.table} {index.definition};")
        statements.append(f"ALTER INDEX {index.name} ATTACH PARTITION {name};")
    attached = [leaf for leaf in index.leaves if leaf.is_attached]
    if len(attached) == len(index.leaves):
        # PostgreSQL looks again whether all are valid.
        statements.append(f"ALTER INDEX {index.name} ATTACH PARTITION {attached[0].index};")
    return " ".join(statements)


def _cut(name: str) -> str:
    """Return the beginning of a name that leaves room for a number: PostgreSQL cuts at 63 bytes."""
    return name.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore")


def _by_preference(indexes: Sequence[VectorIndex]) -> list[VectorIndex]:
    """The indexes that searches use, the one to keep first: an HNSW index before an IVFFlat one, then by name."""
    used = [one for one in indexes if one.is_pgvectors and one.state is IndexState.VALID and not one.is_attached]
    return sorted(used, key=lambda one: (one.method != "hnsw", one.name))


def _on_columns(inventory: Inventory, least_rows: int) -> Iterator[Found]:
    unfinished = {(one.table, one.column) for one in inventory.indexes if one.state is IndexState.INVALID}
    for one in inventory.columns:
        if one.rows is None or one.unindexed_rows < least_rows or one.type == "bit":
            continue
        if (one.table, one.name) in unfinished:  # told already, with what finishes it
            continue
        rows: dict[str, Value] = {"rows": round(one.unindexed_rows)}
        most = _MOST_DIMENSIONS.get(one.type)
        if one.type in _MOST_DIMENSIONS and one.dimensions is None:
            statements = _give_dimension(one, inventory.schema)
            yield Found(Code.VECTOR_COLUMN_UNDIMENSIONED, one.table, one.name, values=rows, statements=statements)
        elif most and one.dimensions and one.dimensions > most:
            values: dict[str, Value] = {**rows, "dimensions": one.dimensions, "type": one.type}
            index = _around(one, inventory)
            case = "" if index else "halfvec"
            yield Found(
                Code.VECTOR_DIMENSIONS_UNINDEXABLE, one.table, one.name, values=values, statements=index, case=case
            )
        else:
            made = f"{one.name} {inventory.schema}.{one.type}_cosine_ops"
            yield Found(Code.VECTOR_INDEX_MISSING, one.table, one.name, values=rows, statements=_create(one, made))


def _give_dimension(column: VectorColumn, schema: str) -> str:
    """Return what gives the column the dimension of its vectors; it fails where they have several."""
    asked = f"{schema}.vector_dims({column.name})"
    text = f"ALTER TABLE {column.table} ALTER COLUMN {column.name} TYPE {schema}.{column.type}".replace("'", "''")
    form = f"'{text.replace('%', '%%')}(%s)'"
    source = f"FROM {column.table} WHERE {column.name} IS NOT NULL LIMIT 1"
    found = f"SELECT pg_catalog.format({form}, {asked}) {source}"
    return f"DO $do$ BEGIN EXECUTE ({found}); END $do$;"


def _around(column: VectorColumn, inventory: Inventory) -> str | None:
    """Return the index on an expression that gets around the limit; None where this pgvector has none."""
    schema, name, dimensions = inventory.schema, column.name, column.dimensions or 0
    if not inventory.has_halfvec:
        return None
    if dimensions <= _MOST_OF_HALFVEC:
        return _create(column, f"({name}::{schema}.halfvec({dimensions})) {schema}.halfvec_cosine_ops")
    if dimensions <= _MOST_BITS:
        bits = f"{schema}.binary_quantize({name})::pg_catalog.bit({dimensions})"
        return _create(column, f"({bits}) {schema}.bit_hamming_ops")
    return None


def _create(column: VectorColumn, indexed: str) -> str:
    concurrently = "" if column.is_partitioned else "CONCURRENTLY "
    return f"CREATE INDEX {concurrently}ON {column.table} USING hnsw ({indexed});"


def _on_releases(inventory: Inventory, facts: Facts) -> Iterator[Found]:
    """Judge the release of the library that is loaded, or of the files where the server does not tell."""
    server, extension = facts.server, facts.extension
    release = extension and (extension.library_version or extension.available_version)
    if server is None or extension is None or not release:
        return
    case = "" if extension.library_version else "files"
    for fault in faults_of(release, is_32_bit=server.is_32_bit):
        values = {"release": release, "fault": fault.name, "fixed": fault.fixed}
        if fault.method is None:
            yield Found(fault.code, values=values, case=case)
            continue
        touched = [one for one in inventory.indexes if one.method == fault.method and not one.is_partitioned]
        if touched:
            statements = " ".join(f"REINDEX INDEX CONCURRENTLY {one.name};" for one in touched)
            yield Found(fault.code, values=values, statements=statements, case=case)


def _on_collation(inventory: Inventory, facts: Facts) -> Iterator[Found]:
    now, recorded = inventory.collation_now, inventory.collation_recorded
    if now and recorded and now != recorded and facts.server:
        name = '"{}"'.format(facts.server.database.replace('"', '""'))
        statements = f"REINDEX DATABASE CONCURRENTLY {name}; ALTER DATABASE {name} REFRESH COLLATION VERSION;"
        yield Found(Code.COLLATION_CHANGED, values={"now": now, "recorded": recorded}, statements=statements)
