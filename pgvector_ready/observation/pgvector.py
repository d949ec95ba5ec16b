"""The SQL: what a database says of itself and of pgvector, the proof that it works, and what enables it."""

import contextlib
import csv
import hashlib
import json
from typing import Any

import asyncpg
from pgvector.sqlalchemy import Vector
from sqlalchemy import Column, Index, Integer, MetaData, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateIndex, CreateTable

from pgvector_ready.database import Link
from pgvector_ready.judgement.facts import Extension, Server, version

# Every fact in one row. `{system_identifier}` is one of the two below.
FACTS = """\
SELECT pg_catalog.json_build_object(
    'version', pg_catalog.current_setting('server_version'),
    'is_standby', pg_catalog.pg_is_in_recovery(),
    'is_read_only', pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
    'database', pg_catalog.current_database(),
    'database_oid', (SELECT oid FROM pg_catalog.pg_database
                     WHERE datname = pg_catalog.current_database()),
    'user', current_user,
    'migrations_table', CASE WHEN pg_catalog.has_table_privilege(pg_catalog.to_regclass('alembic_version'), 'SELECT')
                             THEN pg_catalog.to_regclass('alembic_version')::pg_catalog.text END,
    'hides_migrations', NOT pg_catalog.has_table_privilege(pg_catalog.to_regclass('alembic_version'), 'SELECT'),
    'may_create_temporary_tables', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY'),
    'system_identifier', {system_identifier},
    'available_version', (SELECT default_version FROM pg_catalog.pg_available_extensions
                          WHERE name = 'vector'),
    'installed_version', (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'),
    'schema', (SELECT nspname FROM pg_catalog.pg_extension AS e
               JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE extname = 'vector'),
    'quoted_schema', (SELECT pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_extension AS e
               JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE extname = 'vector')
)"""
# Open to every role by default; some providers keep it to themselves.
SYSTEM_IDENTIFIER = "(SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system())"
NO_SYSTEM_IDENTIFIER = "NULL"

# A distance with a known answer, the root of 8: named in full, and as an application writes it, which only works where
# this role's search_path finds it. Loading the library is part of the proof.
PROOF = """\
SELECT ('[1,2,3]'::{schema}.vector OPERATOR({schema}.<->) '[3,2,1]'::{schema}.vector)::pg_catalog.float8,
       ('[1,2,3]'::vector <-> '[3,2,1]'::vector)::pg_catalog.float8,
       {revisions}"""
REVISIONS = "(SELECT pg_catalog.json_agg(version_num) FROM {table})"
NO_REVISIONS = "NULL"
PROVEN_DISTANCE = 8**0.5

# Without it nearly all of several sessions at once fail with 23505. A lock of the transaction: one of the session would
# stay behind in a pooler. The key is "pgvecrdy" in ASCII.
LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(8099572632681342073)"
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '{milliseconds}ms'"
ENABLE = "CREATE EXTENSION IF NOT EXISTS vector"
UPDATE = "ALTER EXTENSION vector UPDATE"

_HNSW_SINCE = (0, 5, 0)  # pgvector's changelog


class WrongDistanceError(Exception):
    """The database calculates, and wrongly."""


async def observe(link: Link) -> tuple[Server, Extension]:
    """What the server says of itself and of pgvector, in one round trip.

    Two, where the server's identity is kept from this role.
    """
    try:
        found = await _ask(link, FACTS.format(system_identifier=SYSTEM_IDENTIFIER))
    except asyncpg.InsufficientPrivilegeError:
        found = await _ask(link, FACTS.format(system_identifier=NO_SYSTEM_IDENTIFIER))
    facts = json.loads(found[0])
    identity = facts["system_identifier"]
    server = Server(
        version=facts["version"],
        is_standby=facts["is_standby"],
        is_read_only=facts["is_read_only"],
        database=facts["database"],
        user=facts["user"],
        may_create_temporary_tables=facts["may_create_temporary_tables"],
        migrations_table=facts["migrations_table"],
        hides_migrations=bool(facts["hides_migrations"]),
        tls=link.tls,
        is_pooled=link.is_pooled,
        fingerprint=identity and fingerprint(identity, facts["database_oid"]),
    )
    return server, Extension(**{name: facts[name] for name in Extension.__slots__})


def fingerprint(system_identifier: str, database_oid: object) -> str:
    """The same for two services that share one database, by whatever way; tells nothing else about it.

    A physical copy has the same: a standby, which after a failover is the database, but also a snapshot or a branch.
    """
    return hashlib.sha256(f"{system_identifier}/{database_oid}".encode()).hexdigest()[:8]


async def prove(link: Link, server: Server, extension: Extension) -> frozenset[str] | None:
    """One distance, two ways, and in the same round trip the database's revisions, None where it has no table of them.

    Raises the server's error, or WrongDistanceError.
    """
    table = server.migrations_table
    revisions = REVISIONS.format(table=table) if table else NO_REVISIONS
    *distances, found = await _ask(link, PROOF.format(schema=extension.quoted_schema, revisions=revisions))
    if any(abs(float(distance) - PROVEN_DISTANCE) > 1e-6 for distance in distances):  # noqa: PLR2004 - float8 in text
        raise WrongDistanceError
    if table is None:
        return None
    return frozenset(json.loads(found) if found else ())


async def _ask(link: Link, query: str) -> list[str]:
    """The one row of `query`, in exactly one round trip.

    COPY is the only statement whose rows asyncpg takes by the simple protocol: nothing is prepared, which costs a round
    trip of its own and does not survive a transaction pooler.
    """
    received = bytearray()

    async def keep(data: bytes) -> None:
        received.extend(data)

    await link.connection.copy_from_query(query, output=keep, format="csv")
    return next(csv.reader([received.decode()]))


async def enable(link: Link, *, update: bool, lock_timeout_seconds: float) -> None:
    """Create the extension, or update it, under the advisory lock; that somebody else just did so is success."""
    with contextlib.suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError):
        async with link.connection.transaction():
            await link.connection.execute(LOCK_TIMEOUT.format(milliseconds=int(lock_timeout_seconds * 1000)))
            await link.connection.execute(LOCK)
            await link.connection.execute(UPDATE if update else ENABLE)


async def prove_for_application(engine: AsyncEngine, extension: Extension) -> None:
    """What an application does, through its own engine: a vector column, an index, a nearest neighbour; rolled back."""
    table = Table(
        "pgvector_ready_proof",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("embedding", Vector(3)),
        prefixes=["TEMPORARY"],
    )
    index = Index("pgvector_ready_proof_hnsw", table.c.embedding, postgresql_using="hnsw", postgresql_ops=_OPERATORS)
    nearest = select(table.c.id).order_by(table.c.embedding.l2_distance([1, 2, 3])).limit(1)
    async with engine.connect() as connection, connection.begin() as transaction:
        await connection.execute(CreateTable(table))
        if version(extension.installed_version or "") >= _HNSW_SINCE:
            await connection.execute(CreateIndex(index))
        await connection.execute(insert(table), [{"embedding": [3, 2, 1]}, {"embedding": [1, 2, 3]}])
        if await connection.scalar(nearest) != 2:  # noqa: PLR2004 - the second row is the one asked for
            raise WrongDistanceError
        await transaction.rollback()


_OPERATORS: dict[str, Any] = {"embedding": "vector_l2_ops"}
