"""Reads what a database says of itself and of pgvector, and proves that pgvector calculates."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import asyncpg

from pgvector_ready.database import Link
from pgvector_ready.database.crashes import Standing
from pgvector_ready.database.exceptions import WrongDistanceError
from pgvector_ready.judgement.facts import Extension, FoundTable, Server
from pgvector_ready.judgement.requirements import USUAL_VERSION_TABLE, VersionTable
from pgvector_ready.observation import found, shapes, statements, trust
from pgvector_ready.observation.asking import ask, ask_row
from pgvector_ready.observation.sql import literal, oid_of_table

# Asks one question of one value.
Ask = Callable[[str], Awaitable[str]]


async def observe(link: Link, table: VersionTable = USUAL_VERSION_TABLE) -> tuple[Server, Extension]:
    """Return what the server says of itself and of pgvector, in one round trip.

    Another one where the server's identity is kept from this role; and where something is found before pgvector's type
    or operators, after which there is no proof.
    """
    try:
        facts = shapes.read(shapes.FACTS, await ask(link, _facts(link, table, statements.SYSTEM_IDENTIFIER)))
    except asyncpg.InsufficientPrivilegeError:
        facts = shapes.read(shapes.FACTS, await ask(link, _facts(link, table, statements.NO_SYSTEM_IDENTIFIER)))
    identity = facts["system_identifier"]
    server = Server(
        version=facts["version"],
        is_standby=facts["is_standby"],
        is_read_only=facts["is_read_only"],
        database=facts["database"],
        user=facts["user"],
        may_create_temporary_tables=facts["may_create_temporary_tables"],
        version_table=found.version_table(facts["version_table"]),
        collation_version=facts["collation_version"],
        is_musl=facts["is_musl"],
        is_32_bit=facts["is_32_bit"],
        tls=link.tls,
        is_pooled=link.is_pooled,
        fingerprint=identity and fingerprint(identity, facts["database_oid"]),
    )
    return server, await extension_in(facts, partial(ask, link))


async def extension_in(facts: shapes.FoundFacts, ask: Ask) -> Extension:
    """pgvector as the facts have it; asks what it is that is found before it, where something is."""
    extension = found.extension(facts["available_version"], facts["extension"])
    if oids := found.shadow(facts["extension"]):
        shadow = shapes.read(shapes.THING, await ask(statements.DESCRIPTION.format(**oids)))
        extension = replace(extension, shadow=found.thing(shadow))
    return extension


def _facts(link: Link, table: VersionTable, system_identifier: str) -> str:
    return statements.FACTS.format(
        of_use=_of_use(link),
        system_identifier=system_identifier,
        version_table=oid_of_table(table.name, table.schema),
    )


def _of_use(link: Link) -> str:
    return trust.of_use(link.connection.get_server_version().major)


def fingerprint(system_identifier: str, database_oid: object) -> str:
    """Return eight digits, equal for two services on one database, however they reach it. They tell nothing else of it.

    A physical copy has the same: a standby, which after a failover is the database, but also a snapshot or a branch.
    """
    return hashlib.sha256(f"{system_identifier}/{database_oid}".encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of calculating a distance whose answer is known, and what was seen on the way."""

    # The one given, unless more was found out of its version table.
    server: Server
    # None where the database shows none.
    revisions: frozenset[str] | None
    # None where the server does not tell.
    library_version: str | None


async def prove(link: Link, server: Server, extension: Extension) -> Proof:
    """Calculate one distance, and in that round trip read the revisions and the library's version.

    Raises the server's error, or WrongDistanceError.
    """
    table = server.version_table if server.version_table and server.version_table.shows_revisions else None
    asked = _revisions(link, table) if table else statements.NO_REVISIONS
    tells = link.connection.get_server_version().major >= statements.LIBRARY_SINCE
    library = statements.LIBRARY if tells else statements.NO_LIBRARY
    proof = statements.PROOF.format(schema=extension.quoted_schema, library=library, **asked)
    distance, revisions, part, version = await ask_row(link, proof, values=4)
    if not abs(shapes.read_number(distance) - statements.PROVEN_DISTANCE) <= 1e-6:  # noqa: PLR2004 - float8 in text; NaN is not within
        raise WrongDistanceError
    loaded = shapes.read_version(version) if version else None
    if table and part:
        part_of_a_stranger = shapes.read(shapes.THING, part)
        return Proof(replace(server, version_table=found.with_part(table, part_of_a_stranger)), None, loaded)
    return Proof(server, _read(revisions) if table else None, loaded)


async def read_revisions(link: Link, table: FoundTable) -> frozenset[str]:
    """Return what stands in a table that shows its revisions; nothing, while a stranger's part stands on it."""
    asked = _revisions(link, table)
    revisions = await ask(link, f"{asked['given']}SELECT {asked['revisions']}")
    return _read(revisions)


def _read(revisions: str) -> frozenset[str]:
    return frozenset(one or "" for one in shapes.read(shapes.REVISIONS, revisions or "[]"))


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


async def standing(link: Link) -> Standing:
    """Return since when the server runs, and since when without a crash."""
    started_ago, recovered_ago = await ask_row(link, statements.STANDING, values=2)
    return Standing(shapes.read_number(started_ago), shapes.read_number(recovered_ago))
