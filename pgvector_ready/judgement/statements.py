"""The statements that get a stranger's object out of the way, or make pgvector's own what it was."""

import re

from pgvector_ready.judgement.facts import Distrust, FoundTable, Thing


def identifier(name: str | None) -> str:
    """A name as SQL wants it, safe to paste."""
    return '"{}"'.format((name or "unknown").replace('"', '""'))


def put_aside(thing: Thing) -> str:
    """Return what renames a thing, so that its name means the right one again; an operator has no other name."""
    if thing.kind == "operator":
        return f"DROP OPERATOR {thing.name};"
    kind = "TYPE" if thing.kind in {"type", "composite type"} else "TABLE"  # ALTER TABLE takes views and the like too
    name = thing.name.rpartition(".")[2].strip('"')
    return f"ALTER {kind} {thing.name} RENAME TO {identifier(f'{name}_aside')};"


def trust_again(table: FoundTable, user: str | None) -> str:
    """Return what makes a version table one that may be read."""
    culprit = table.culprit or Thing("table", table.name, "")
    match table.distrust:
        case Distrust.OWNER | Distrust.SCHEMA:
            return f"GRANT {identifier(culprit.owner)} TO {identifier(user)};"
        case Distrust.PART:
            return handed_over(culprit)
        case _:
            return put_aside(culprit)


def handed_over(thing: Thing) -> str:
    """Return what makes a thing the superuser's who runs it."""
    return f"ALTER {thing.kind.upper()} {thing.name} OWNER TO CURRENT_USER;"


def restored(thing: Thing) -> str:
    """Return what makes a function pgvector's again: in its library each has the same name, and measures a distance.

    What is not a function was moved or dropped; the extension can only be made anew, which PostgreSQL refuses while
    something depends on it.
    """
    found = re.fullmatch(r"(?P<schema>.*)\.(?P<name>\w+)\(.*\)", thing.name)
    if thing.kind != "function" or found is None:
        return "DROP EXTENSION vector; CREATE EXTENSION vector;"
    returned = f"{found['schema']}.vector" if found["name"] == "vector_in" else "double precision"
    return (
        f"CREATE OR REPLACE FUNCTION {thing.name} RETURNS {returned} LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE "
        f"AS '$libdir/vector', '{found['name']}';"
    )
