"""What a database says of itself and of pgvector, the proof that it works, and what enables it."""

import contextlib
import csv
import hashlib
import json
from dataclasses import replace
from typing import Any

import asyncpg
from pgvector.sqlalchemy import Vector
from sqlalchemy import Column, Index, Integer, MetaData, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateIndex, CreateTable

from pgvector_ready.database import Link
from pgvector_ready.database.errors import WrongDistanceError
from pgvector_ready.judgement.facts import Extension, FoundTable, Server, version
from pgvector_ready.judgement.requirements import USUAL_VERSION_TABLE, VersionTable
from pgvector_ready.observation import found, statements, trust
from pgvector_ready.observation.sql import literal

_HNSW_SINCE = (0, 5, 0)  # pgvector's changelog


async def observe(link: Link, table: VersionTable = USUAL_VERSION_TABLE) -> tuple[Server, Extension]:
    """What the server says of itself and of pgvector, in one round trip.

    Another one where the server's identity is kept from this role; and where something is found before pgvector's type
    or operators, after which there is no proof.
    """
    try:
        facts = json.loads(await _ask(link, _facts(link, table, statements.SYSTEM_IDENTIFIER)))
    except asyncpg.InsufficientPrivilegeError:
        facts = json.loads(await _ask(link, _facts(link, table, statements.NO_SYSTEM_IDENTIFIER)))
    identity = facts["system_identifier"]
    server = Server(
        version=facts["version"],
        is_standby=facts["is_standby"],
        is_read_only=facts["is_read_only"],
        database=facts["database"],
        user=facts["user"],
        may_create_temporary_tables=facts["may_create_temporary_tables"],
        version_table=found.version_table(facts["version_table"]),
        tls=link.tls,
        is_pooled=link.is_pooled,
        fingerprint=identity and fingerprint(identity, facts["database_oid"]),
    )
    extension = found.extension(facts["available_version"], facts["extension"])
    if oids := found.shadow(facts["extension"]):
        shadow = json.loads(await _ask(link, statements.DESCRIPTION.format(**oids)))
        extension = replace(extension, shadow=found.thing(shadow))
    return server, extension


def _facts(link: Link, table: VersionTable, system_identifier: str) -> str:
    return statements.FACTS.format(
        of_use=_of_use(link),
        system_identifier=system_identifier,
        version_table=statements.oid_of_table(table.name, table.schema),
    )


def _of_use(link: Link) -> str:
    return trust.of_use(link.connection.get_server_version().major)


def fingerprint(system_identifier: str, database_oid: object) -> str:
    """The same for two services that share one database, by whatever way; tells nothing else about it.

    A physical copy has the same: a standby, which after a failover is the database, but also a snapshot or a branch.
    """
    return hashlib.sha256(f"{system_identifier}/{database_oid}".encode()).hexdigest()[:8]


async def prove(link: Link, server: Server, extension: Extension) -> tuple[Server, frozenset[str] | None]:
    """One distance, and in the same round trip the database's revisions, None where it shows none.

    The server is the one given, unless more was found out of its version table. Raises the server's error, or
    WrongDistanceError.
    """
    table = server.version_table if server.version_table and server.version_table.shows_revisions else None
    asked = _revisions(link, table) if table else statements.NO_REVISIONS
    distance, revisions, part = await _ask_row(link, statements.PROOF.format(schema=extension.quoted_schema, **asked))
    if not abs(float(distance) - statements.PROVEN_DISTANCE) <= 1e-6:  # noqa: PLR2004 - float8 in text; NaN is not within
        raise WrongDistanceError
    if table and part:
        return replace(server, version_table=found.with_part(table, json.loads(part))), None
    return server, frozenset(json.loads(revisions) if revisions else ()) if table else None


async def read_revisions(link: Link, server: Server, table: FoundTable) -> tuple[Server, frozenset[str] | None]:
    """Return the revisions that a version table shows, without the proof; the server as `prove` does."""
    asked = statements.NO_REVISIONS | _revisions(link, table)
    revisions, part = await _ask_row(link, statements.READING.format(**asked))
    if part:
        return replace(server, version_table=found.with_part(table, json.loads(part))), None
    return server, frozenset(json.loads(revisions) if revisions else ())


def _revisions(link: Link, table: FoundTable) -> dict[str, str]:
    """The parts of the proof's statement that read the revisions."""
    revisions = statements.REVISIONS.format(table=table.name)
    if not table.has_triggers:
        return {**statements.NO_REVISIONS, "revisions": revisions}
    oid = f"{literal(table.name)}::pg_catalog.regclass"
    return {
        "given": trust.GIVEN.format(of_use=_of_use(link), version_table=oid),
        "revisions": trust.UNLESS_FOREIGN.format(revisions=revisions),
        "part": trust.FOREIGN_PART,
    }


async def _ask(link: Link, query: str) -> str:
    """The one value of `query`."""
    return (await _ask_row(link, query))[0]


async def _ask_row(link: Link, query: str) -> list[str]:
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
            await link.connection.execute(statements.LOCK_TIMEOUT.format(milliseconds=int(lock_timeout_seconds * 1000)))
            await link.connection.execute(statements.LOCK)
            await link.connection.execute(statements.UPDATE if update else statements.ENABLE)


async def prove_for_application(engine: AsyncEngine, extension: Extension) -> None:
    """What an application does, through its own engine: a vector column, an index, a nearest neighbour; rolled back."""
    table = Table(
        "pgvector_ready_proof",
        MetaData(schema="pg_temp"),  # a search path may put another schema before that of the temporary tables
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("embedding", Vector(3)),
        prefixes=["TEMPORARY"],
    )
    index = Index("pgvector_ready_proof_hnsw", table.c.embedding, postgresql_using="hnsw", postgresql_ops=_OPERATORS)
    nearest = select(table.c.id).order_by(table.c.embedding.l2_distance([1, 2, 3])).limit(1)
    async with engine.connect() as connection, connection.begin() as transaction:
        await connection.execute(CreateTable(table))
        if version(extension.installed_version or "") >= _HNSW_SINCE:
            await connection.execute(CreateIndex(index))
        await connection.execute(insert(table), [{"id": 1, "embedding": [3, 2, 1]}, {"id": 2, "embedding": [1, 2, 3]}])
        if await connection.scalar(nearest) != 2:  # noqa: PLR2004 - the second row is the one asked for
            raise WrongDistanceError
        await transaction.rollback()


_OPERATORS: dict[str, Any] = {"embedding": "vector_l2_ops"}
