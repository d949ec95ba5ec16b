"""The catalogue's answers, as facts: whose the things are that were found, and why one is not to be trusted."""

from dataclasses import replace

from pgvector_ready.judgement.facts import Distrust, Extension, FoundTable, Thing
from pgvector_ready.observation.shapes import FoundExtension, FoundThing, FoundVersionTable
from pgvector_ready.printable import NAME_LIMIT, printable

_TEXTS = frozenset({25, 1042, 1043})  # text, bpchar and varchar: pg_type.dat
_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "i": "index",
    "I": "index",
    "c": "composite type",
}


def thing(found: FoundThing) -> Thing:
    """An object as it may be shown: it is called whatever somebody wanted."""
    kind, name, owner = (printable(found[key] or "", NAME_LIMIT) for key in ("kind", "name", "owner"))
    return Thing(kind, name, owner)


def extension(available_version: str | None, found: FoundExtension | None) -> Extension:
    """pgvector as it is there, and what of it is no longer its own."""
    if found is None:
        return Extension(available_version)
    functions, operators = found["functions"] or [], found["operators"] or []
    is_whole = len(functions) == len(operators) + 1 > 1 and len({one["library"] for one in functions}) == 1
    the_type: FoundThing = {"kind": "type", "name": f"{found['quoted_schema']}.vector", "owner": None}
    replaced: FoundThing | None = next((one for one in functions if not one["is_c"]), None if is_whole else the_type)
    exposed = next((one for one in functions if not one["is_trusted"]), None)
    return Extension(
        available_version,
        found["version"],
        found["schema"],
        found["quoted_schema"],
        is_found=found["found_type"] is not None,
        replaced=thing(replaced) if replaced else None,
        exposed=thing(exposed) if exposed else None,
    )


def shadow(found: FoundExtension | None) -> dict[str, str] | None:
    """The oids, by their catalogue, of what this role finds before pgvector's type or one of its operators."""
    if found is None or found["found_type"] is None or found["type"] is None:
        return None
    if found["found_type"] != found["type"]:
        return {"type": found["found_type"], "operator": "0"}
    others = (one["found"] for one in found["operators"] or () if one["found"] not in {None, one["own"]})
    other = next(others, None)
    return {"type": "0", "operator": other} if other else None


def version_table(found: FoundVersionTable | None) -> FoundTable | None:
    """Alembic's table, and the first reason not to touch it."""
    if found is None:
        return None
    table = thing({"kind": _KINDS.get(found["kind"], "relation"), "name": found["name"], "owner": found["owner"]})
    schema = thing({"kind": "schema", "name": found["schema"], "owner": found["schema_owner"]})
    reasons = (
        (found["kind"] != "r", Distrust.KIND, table),
        (not found["is_owner_trusted"], Distrust.OWNER, table),
        (not found["is_schema_trusted"], Distrust.SCHEMA, schema),
        (found["is_inherited"], Distrust.INHERITANCE, table),
        (found["has_rules"], Distrust.RULE, table),
        (found["column_type"] not in _TEXTS, Distrust.COLUMN, table),
    )
    distrust, culprit = next(((reason, culprit) for is_so, reason, culprit in reasons if is_so), (None, None))
    return FoundTable(
        found["name"],
        distrust,
        culprit,
        is_readable=found["is_readable"],
        is_filtered=found["is_filtered"],
        has_triggers=found["has_triggers"],
    )


def with_part(table: FoundTable, part: FoundThing) -> FoundTable:
    """The table with what stands on it of a stranger's."""
    return replace(table, distrust=Distrust.PART, culprit=thing(part))
