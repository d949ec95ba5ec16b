"""Looks for objects of strangers that a statement could run by mistake, before the statement is run."""

from dataclasses import replace
from enum import StrEnum

from pgvector_ready.database import Link
from pgvector_ready.database.exceptions import UntrustedError
from pgvector_ready.judgement.facts import Distrust, Thing
from pgvector_ready.judgement.requirements import VersionTable
from pgvector_ready.judgement.strangers import in_the_path, of_extension, of_table
from pgvector_ready.observation import found, shapes
from pgvector_ready.observation.asking import ask
from pgvector_ready.observation.pgvector import observe
from pgvector_ready.observation.sql import literal, oid_of_table, qualified
from pgvector_ready.observation.trust import PARTS, TRUSTED, of_use


class Reach(StrEnum):
    """The kinds of statements that meet a stranger's object."""

    # Any that changes a schema.
    EVENT_TRIGGER = "event_trigger"
    # Any at all: it has a name of PostgreSQL's, in a schema that the search path puts before pg_catalog.
    AHEAD = "ahead"
    # Those that compare or calculate: it has a name of PostgreSQL's, and types that PostgreSQL's own fit less exactly.
    OPERATOR = "operator"
    # Those that create something.
    SCHEMA = "schema"
    # Those that write into the version table.
    PART = "part"


_DISTRUSTED = "NOT {owner} = ANY (SELECT oid FROM trusted)"
_CATALOGUE = "11"  # the schema pg_catalog (pg_namespace.dat)


def _reached(reach: Reach, catalogue: str, oid: str, owner: str) -> str:
    return f"SELECT '{reach}', 'pg_catalog.{catalogue}'::pg_catalog.regclass::pg_catalog.oid, {oid}, {owner}"


def _ahead(catalogue: str, prefix: str) -> str:
    """The objects of a catalogue whose columns have this prefix."""
    owner = f"x.{prefix}owner"
    return f"""\
    {_reached(Reach.AHEAD, catalogue, "x.oid", owner)}
    FROM path JOIN pg_catalog.{catalogue} AS x ON x.{prefix}namespace = path.oid
    WHERE path.position < (SELECT position FROM path WHERE oid = {_CATALOGUE}) AND {_DISTRUSTED.format(owner=owner)}
      AND EXISTS (SELECT FROM pg_catalog.{catalogue} AS o
                  WHERE o.{prefix}name = x.{prefix}name AND o.{prefix}namespace = {_CATALOGUE})"""  # noqa: S608 - constants


# At most 20 of them, the worst first. An operator whose types fit exactly is taken from any schema of the search path:
# `=` of varchar and varchar is nobody's until somebody makes it.
STRANGERS = qualified(f"""\
WITH RECURSIVE {TRUSTED}, {PARTS}, path AS (
    SELECT n.oid, p.position
    FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY AS p(name, position)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = p.name WHERE n.oid <> pg_catalog.pg_my_temp_schema()
), strangers(reach, classid, objid, owner) AS (
    {_reached(Reach.EVENT_TRIGGER, "pg_event_trigger", "t.oid", "t.owner")}
    FROM (SELECT e.oid, pg_catalog.unnest(ARRAY[e.evtowner, p.proowner]) AS owner
          FROM pg_catalog.pg_event_trigger AS e JOIN pg_catalog.pg_proc AS p ON p.oid = e.evtfoid
          WHERE e.evtenabled <> 'D') AS t
    WHERE {_DISTRUSTED.format(owner="t.owner")}
    UNION ALL
{_ahead("pg_proc", "pro")}
    UNION ALL
{_ahead("pg_operator", "opr")}
    UNION ALL
{_ahead("pg_class", "rel")}
    UNION ALL
{_ahead("pg_type", "typ")}
    UNION ALL
    {_reached(Reach.OPERATOR, "pg_operator", "x.oid", "x.oprowner")}
    FROM path JOIN pg_catalog.pg_operator AS x ON x.oprnamespace = path.oid
    LEFT JOIN pg_catalog.pg_type AS l ON l.oid = x.oprleft
    JOIN pg_catalog.pg_type AS r ON r.oid = x.oprright
    WHERE {_DISTRUSTED.format(owner="x.oprowner")}
      AND COALESCE(l.typnamespace, {_CATALOGUE}) = {_CATALOGUE} AND r.typnamespace = {_CATALOGUE}
      AND EXISTS (SELECT FROM pg_catalog.pg_operator AS o
                  WHERE o.oprname = x.oprname AND o.oprnamespace = {_CATALOGUE})
    UNION ALL
    {_reached(Reach.SCHEMA, "pg_namespace", "n.oid", "n.nspowner")}
    FROM pg_catalog.pg_namespace AS n
    WHERE (n.nspname = pg_catalog.current_schema() OR n.nspname = {{version_schema}})
      AND {_DISTRUSTED.format(owner="n.nspowner")}
    UNION ALL
    SELECT '{Reach.PART}', classid, objid, owner FROM foreign_parts
)
SELECT COALESCE(pg_catalog.json_agg(pg_catalog.json_build_object(
           'reach', reach, 'kind', i.type, 'name', i.identity, 'owner', pg_catalog.pg_get_userbyid(owner))), '[]')
FROM (SELECT reach, classid, objid, owner FROM strangers LIMIT 20) AS s
CROSS JOIN LATERAL pg_catalog.pg_identify_object(s.classid, s.objid, 0) AS i""")  # noqa: S608 - of constants


async def find_stranger(link: Link, *reaches: Reach, table: VersionTable | None = None) -> tuple[Reach, Thing] | None:
    """Return the first stranger's object that statements of these kinds would meet in this session."""
    statement = STRANGERS.format(
        of_use=of_use(link.connection.get_server_version().major),
        version_table=oid_of_table(table.name, table.schema) if table else "NULL",
        version_schema=literal(table.schema) if table and table.schema else "NULL",
    )
    answer = shapes.read(shapes.STRANGERS, await ask(link, statement))
    strangers = ((Reach(one["reach"]), found.thing(one)) for one in answer)
    return next(((reach, thing) for reach, thing in strangers if reach in reaches), None)


async def refuse_strangers(link: Link, *reaches: Reach) -> None:
    """Raise UntrustedError where statements of these kinds would meet a stranger's object."""
    if stranger := await find_stranger(link, *reaches):
        raise UntrustedError(in_the_path(stranger[1]))


async def refuse_for_migrations(link: Link, table: VersionTable) -> None:
    """Raise UntrustedError where migrations, which are anybody's statements, would meet a stranger's object.

    They read and write the version table, create in the first schema of the search path, and compare.
    """
    server, extension = await observe(link, table)
    found_table = server.version_table
    if stranger := await find_stranger(link, *Reach, table=table):
        reach, thing = stranger
        if reach is not Reach.PART or found_table is None:
            raise UntrustedError(in_the_path(thing))
        if found_table.distrust is None:
            server = replace(server, version_table=replace(found_table, distrust=Distrust.PART, culprit=thing))
    if finding := of_table(server) or (None if extension.is_own else of_extension(extension)):
        raise UntrustedError(finding)
