"""Enables pgvector: under a lock, into a schema that is trusted, until the catalogue says that it is there."""

import contextlib

import asyncpg

from pgvector_ready.database import Link
from pgvector_ready.database.exceptions import UntrustedError
from pgvector_ready.judgement.strangers import in_the_path, in_the_way
from pgvector_ready.observation import found, shapes
from pgvector_ready.observation.asking import ask, ask_row
from pgvector_ready.observation.sql import qualified
from pgvector_ready.observation.statements import LOCK, LOCK_TIMEOUT
from pgvector_ready.observation.strangers import Reach, refuse_strangers
from pgvector_ready.observation.trust import TRUSTED, of_use

ENABLE = "CREATE EXTENSION IF NOT EXISTS vector{into}"
UPDATE = "ALTER EXTENSION vector UPDATE"
# The installed version, and the one that the server offers; empty where there is none.
VERSIONS = qualified("""\
SELECT (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'),
       (SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector')""")

_SCHEMA = """pg_catalog.json_build_object(
            'kind', 'schema', 'name', pg_catalog.quote_ident(nspname), 'oid', oid,
            'owner', pg_catalog.pg_get_userbyid(nspowner))"""
# The first trusted schema of the search path, one that this role may create in before one that it may not; and the one
# that PostgreSQL would take, which is the first: "$user" may have been made by anybody who may make a schema.
SCHEMAS = qualified(f"""\
WITH RECURSIVE {TRUSTED}
SELECT (SELECT {_SCHEMA}
        FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS p(name, position)
        JOIN pg_catalog.pg_namespace ON nspname = p.name
        WHERE nspowner = ANY (SELECT oid FROM trusted) AND oid <> 11  -- pg_catalog (pg_namespace.dat)
        ORDER BY pg_catalog.has_schema_privilege(oid, 'CREATE') DESC, p.position LIMIT 1),
       (SELECT {_SCHEMA} FROM pg_catalog.pg_namespace WHERE nspname = pg_catalog.current_schema())""")  # noqa: S608 - of constants
# The extension's schema, in which an update's script finds things first, where its owner is not trusted.
UNTRUSTED_SCHEMA = qualified(f"""\
WITH RECURSIVE {TRUSTED}
SELECT (SELECT {_SCHEMA} FROM pg_catalog.pg_namespace
        WHERE oid = ANY (SELECT extnamespace FROM pg_catalog.pg_extension WHERE extname = 'vector')
          AND NOT nspowner = ANY (SELECT oid FROM trusted))""")  # noqa: S608 - of constants

# What has a name in that schema, or in the database, which every release of pgvector gives to something of its own.
IN_THE_WAY = qualified("""\
SELECT (SELECT pg_catalog.json_build_object('kind', i.type, 'name', i.identity,
                                            'owner', pg_catalog.pg_get_userbyid(o.owner))
FROM (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, oid AS objid,
           relowner AS owner, relnamespace AS schema
    FROM pg_catalog.pg_class WHERE relname = ANY ('{{vector,halfvec,sparsevec}}'::pg_catalog.name[])
                               AND relkind = ANY ('{{r,p,v,m,f,c}}'::pg_catalog."char"[])
    UNION ALL
    SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner, typnamespace
    FROM pg_catalog.pg_type WHERE typname = ANY ('{{vector,halfvec,sparsevec}}'::pg_catalog.name[]) AND typrelid = 0
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner, pronamespace
    FROM pg_catalog.pg_proc
    WHERE proname = ANY ('{{array_to_vector,array_to_halfvec,array_to_sparsevec}}'::pg_catalog.name[])
    UNION ALL
    SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, oid, 10, {schema}  -- whose owner is always a superuser
    FROM pg_catalog.pg_am WHERE amname = ANY ('{{hnsw,ivfflat}}'::pg_catalog.name[])
) AS o CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) AS i
WHERE o.schema = {schema} LIMIT 1)""")

# Something is there already: a table, a type or a function, or a row that another session made at the same moment.
_THERE_ALREADY = (
    asyncpg.DuplicateObjectError,
    asyncpg.DuplicateFunctionError,
    asyncpg.DuplicateTableError,
    asyncpg.UniqueViolationError,
)


async def enable(link: Link, *, update: bool, lock_timeout_seconds: float) -> None:
    """Create the extension, or update it; if somebody else has just done so, that is success too.

    Raises the server's error, or UntrustedError for what a stranger has put in the way: an event trigger, a schema, or
    something by a name that pgvector needs.
    """
    schema = None
    try:
        async with link.connection.transaction():
            await link.connection.execute(LOCK_TIMEOUT.format(milliseconds=int(lock_timeout_seconds * 1000)))
            await link.connection.execute(LOCK)
            await refuse_strangers(link, Reach.EVENT_TRIGGER)
            schema = await (_old_schema(link) if update else _new_schema(link))
            into = f" WITH SCHEMA {schema['name']}" if schema else ""
            await link.connection.execute(UPDATE if update else ENABLE.format(into=into))
    except asyncpg.PostgresError as error:
        if await _is_done(link, update=update):
            return
        if schema and isinstance(error, _THERE_ALREADY):
            await _refuse_what_is_there(link, schema["oid"], error)
        raise


async def _new_schema(link: Link) -> shapes.FoundSchema | None:
    """Return the schema to create in; None where the search path has none, which PostgreSQL's own error then tells."""
    trusted, first = await ask_row(link, SCHEMAS.format(of_use=_of_use(link)), values=2)
    if first and not trusted:
        raise UntrustedError(in_the_path(found.thing(shapes.read(shapes.THING, first))))
    return shapes.read(shapes.SCHEMA, trusted) if trusted else None


async def _old_schema(link: Link) -> None:
    if untrusted := await ask(link, UNTRUSTED_SCHEMA.format(of_use=_of_use(link))):
        raise UntrustedError(in_the_path(found.thing(shapes.read(shapes.THING, untrusted))))


def _of_use(link: Link) -> str:
    return of_use(link.connection.get_server_version().major)


async def _is_done(link: Link, *, update: bool) -> bool:
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        installed, available = await ask_row(link, VERSIONS, values=2)
        return installed == available if update else bool(installed)
    return False


async def _refuse_what_is_there(link: Link, schema: str, error: Exception) -> None:
    if thing := await ask(link, IN_THE_WAY.format(schema=schema)):
        raise UntrustedError(in_the_way(found.thing(shapes.read(shapes.THING, thing)))) from error
