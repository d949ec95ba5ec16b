"""Names the failure, and the statement that ends it, for what is found in place of pgvector or of Alembic's table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pgvector_ready.judgement.facts import Distrust, Extension, Server, Thing, version
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.phrases import Part, Value, phrase


@dataclass(frozen=True, slots=True)
class Finding:
    """A code, and what its sentences speak of."""

    code: Code
    values: Mapping[str, Value]


def of_extension(extension: Extension) -> Finding | None:
    """Return why pgvector is not run, or what may become of it."""
    if extension.replaced:
        return _about(Code.PGVECTOR_REPLACED, extension.replaced, restored(extension.replaced))
    if extension.shadow:
        return _about(Code.PGVECTOR_SHADOWED, extension.shadow, put_aside(extension.shadow))
    if extension.exposed:
        return _about(Code.PGVECTOR_OWNER_UNTRUSTED, extension.exposed, handed_over(extension.exposed))
    return None


def of_table(server: Server) -> Finding | None:
    """Return why the version table is not read, where there is one."""
    table = server.version_table
    if table is None:
        return None
    if table.distrust and table.culprit:
        finding = _about(Code.MIGRATIONS_UNTRUSTED, table.culprit, _trust_again(table.distrust, table.culprit, server))
        reason = phrase(_REASONS[table.distrust], **finding.values)
        return Finding(finding.code, {**finding.values, "table": table.name, "reason": reason})
    if not table.is_readable:
        return Finding(Code.MIGRATIONS_PERMISSION_DENIED, {})
    return Finding(Code.MIGRATIONS_HIDDEN, {"table": table.name}) if table.is_filtered else None


_REASONS = {
    Distrust.KIND: Part.OF_ANOTHER_KIND,
    Distrust.OWNER: Part.OF_A_STRANGER,
    Distrust.SCHEMA: Part.IN_A_STRANGERS_SCHEMA,
    Distrust.INHERITANCE: Part.IN_A_TREE,
    Distrust.RULE: Part.UNDER_A_RULE,
    Distrust.PART: Part.UNDER_A_STRANGERS_PART,
    Distrust.COLUMN: Part.WITHOUT_ITS_COLUMN,
}


def in_the_path(thing: Thing) -> Finding:
    """Return what it is that a statement without schemas would run, or land in."""
    statements = {
        "event trigger": f"ALTER EVENT TRIGGER {thing.name} DISABLE;",
        "schema": handed_over(thing),
    }
    return _about(Code.UNTRUSTED_CODE, thing, statements.get(thing.kind) or put_aside(thing))


def in_the_way(thing: Thing) -> Finding:
    """Return what it is that has a name which pgvector brings along."""
    return _about(Code.PGVECTOR_NAME_TAKEN, thing, put_aside(thing))


def _about(code: Code, thing: Thing, statement: str) -> Finding:
    return Finding(code, {"kind": thing.kind, "object": thing.name, "owner": thing.owner, "statement": statement})


def identifier(name: str | None) -> str:
    """A name as SQL wants it, safe to paste."""
    return '"{}"'.format((name or "unknown").replace('"', '""'))


_BARE = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>\w+))(?:\(.*\))?$')
# Whose kind ALTER TABLE knows as well as their own.
_TABLES = frozenset({"table", "view", "materialized view", "foreign table", "sequence", "index"})


def put_aside(thing: Thing) -> str:
    """Return what gives a thing another name; an operator can have none."""
    if thing.kind in {"operator", "access method"}:
        return f"DROP {thing.kind.upper()} {thing.name};"
    found = _BARE.search(thing.name)
    name = (found["plain"] or found["quoted"].replace('""', '"')) if found else "it"
    kind = "TABLE" if "table" in thing.kind or thing.kind in _TABLES else thing.kind.upper()
    kind = "TYPE" if kind == "COMPOSITE TYPE" else kind
    return f"ALTER {kind} {thing.name} RENAME TO {identifier(f'{name}_aside')};"


def handed_over(thing: Thing) -> str:
    """Return what makes a thing the superuser's who runs it."""
    return f"ALTER {thing.kind.upper()} {thing.name} OWNER TO CURRENT_USER;"


def _trust_again(distrust: Distrust, culprit: Thing, server: Server) -> str:
    match distrust:
        case Distrust.OWNER | Distrust.SCHEMA:
            # A grant that there is already may be of no use, and only changes where it says so.
            of_use = " WITH INHERIT TRUE" if version(server.version)[:1] >= _GRANTS_WITH_OPTIONS_SINCE else ""
            return f"GRANT {identifier(culprit.owner)} TO {identifier(server.user)}{of_use};"
        case Distrust.PART:
            return handed_over(culprit)
        case _:
            return put_aside(culprit)


_GRANTS_WITH_OPTIONS_SINCE = (16,)
_DISTANCES = "l2_distance|vector_negative_inner_product|cosine_distance|l1_distance"
_FUNCTION = re.compile(
    rf"(?P<schema>.*)\.(?:vector_in\(cstring,oid,integer\)|(?P<name>{_DISTANCES})\(.*\.vector,.*\.vector\))"
)


def restored(thing: Thing) -> str:
    """Return what makes a function pgvector's again: in its library these have the same names.

    Anything else is only made anew with the whole extension, which PostgreSQL refuses while something depends on it.
    """
    found = _FUNCTION.fullmatch(thing.name)
    if thing.kind != "function" or found is None:
        return "DROP EXTENSION vector; CREATE EXTENSION vector;"
    returned = "double precision" if found["name"] else f"{found['schema']}.vector"
    return (
        f"CREATE OR REPLACE FUNCTION {thing.name} RETURNS {returned} LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE "
        f"AS '$libdir/vector', '{found['name'] or 'vector_in'}';"
    )
