"""Proves pgvector as an application uses it: through its own engine, by statements written like its own."""

from typing import Any

from pgvector.sqlalchemy import Vector
from sqlalchemy import Column, CursorResult, Index, Insert, Integer, MetaData, Select, Table, exc, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import Pool, QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable

from pgvector_ready.database import Link
from pgvector_ready.database.exceptions import PoolExhaustedError, UntrustedError, WrongDistanceError
from pgvector_ready.judgement.facts import Extension, version
from pgvector_ready.judgement.strangers import of_extension
from pgvector_ready.observation import shapes, statements
from pgvector_ready.observation.pgvector import extension_in, fingerprint
from pgvector_ready.observation.strangers import Reach, find_stranger, refuse_strangers
from pgvector_ready.observation.trust import of_use

_HNSW_SINCE = (0, 5, 0)  # pgvector's changelog
# Through another role, or with a search path of its own, an engine may find other things than the probe.
_FACTS = f"SELECT ({statements.FACTS})::pg_catalog.text"


async def prove_for_application(link: Link, engine: AsyncEngine) -> None:
    """Make a vector column, an index, and find a nearest neighbour, through the engine; all of it is rolled back.

    Before that, it looks over `link` for objects of strangers that such statements would meet, and raises
    UntrustedError for one. Raises WrongDistanceError too, and what the driver raises.
    """
    await refuse_strangers(link, Reach.EVENT_TRIGGER, Reach.AHEAD, *_looked_up_with(engine))
    has_better_operators = await find_stranger(link, Reach.OPERATOR) is not None
    async with engine.connect() as connection, connection.begin() as transaction:
        extension = await _extension(connection, link.connection.get_server_version().major)
        await connection.execute(CreateTable(_TABLE))
        if version(extension.installed_version or "") >= _HNSW_SINCE:
            await connection.execute(CreateIndex(_INDEX))
        rows = insert(_TABLE).values([{"id": 1, "embedding": [3, 2, 1]}, {"id": 2, "embedding": [1, 2, 3]}])
        await _execute(connection, rows, written_out=has_better_operators)
        nearest = select(_TABLE.c.id).order_by(_TABLE.c.embedding.l2_distance([1, 2, 3])).limit(1)
        result = await _execute(connection, nearest, written_out=has_better_operators)
        if result.scalar() != 2:  # noqa: PLR2004 - the second row is the one asked for
            raise WrongDistanceError
        await transaction.rollback()


async def _execute(
    connection: AsyncConnection, statement: Insert | Select[Any], *, written_out: bool
) -> CursorResult[Any]:
    """Execute it as an application does, or with its values written out, for which asyncpg looks no type up."""
    if not written_out:
        return await connection.execute(statement)
    text = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    return await connection.exec_driver_sql(str(text))


_OPERATORS: dict[str, Any] = {"embedding": "vector_l2_ops"}
_TABLE = Table(
    "pgvector_ready_proof",
    MetaData(schema="pg_temp"),  # a search path may put another schema before that of the temporary tables
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("embedding", Vector(3)),
    prefixes=["TEMPORARY"],
)
_INDEX = Index("pgvector_ready_proof_hnsw", _TABLE.c.embedding, postgresql_using="hnsw", postgresql_ops=_OPERATORS)


def _looked_up_with(engine: AsyncEngine) -> tuple[Reach, ...]:
    """Return the reach of the driver's own statements: on connecting, all but asyncpg look types up by operators."""
    return () if engine.dialect.driver == "asyncpg" else (Reach.OPERATOR,)


async def _extension(connection: AsyncConnection, major_version: int) -> Extension:
    async def ask(question: str) -> str:
        return str((await connection.exec_driver_sql(question)).scalar())

    facts = _FACTS.format(
        of_use=of_use(major_version), system_identifier=statements.NO_SYSTEM_IDENTIFIER, version_table="NULL"
    )
    extension = await extension_in(shapes.read(shapes.FACTS, await ask(facts)), ask)
    if not extension.is_own and (finding := of_extension(extension)):
        raise UntrustedError(finding)
    return extension


def pool_considered(error: Exception, engine: AsyncEngine) -> Exception:
    """Return the error, or PoolExhaustedError where it comes of waiting for a connection of the engine's pool.

    The server has answered a moment ago: it is not to be blamed for what the application keeps.
    """
    is_timeout = isinstance(error, TimeoutError) and _is_exhausted(engine.pool)
    if not is_timeout and not isinstance(error, exc.TimeoutError):
        return error
    found = PoolExhaustedError()
    found.__cause__ = error
    return found


def _is_exhausted(pool: Pool) -> bool:
    # The bound has no public name; -1 is none.
    return isinstance(pool, QueuePool) and pool.checkedout() >= pool.size() + pool._max_overflow >= pool.size()  # noqa: SLF001


async def fingerprint_through(engine: AsyncEngine) -> str | None:
    """Return the fingerprint of the database that the engine leads to; None where it is kept from its role."""
    async with engine.connect() as connection:
        try:
            row = (await connection.execute(text(statements.IDENTITY))).one()
        except exc.DBAPIError:
            return None
    return fingerprint(str(row.system_identifier), row.database_oid)
