"""The application's SQLAlchemy engine, over the same way to the database as the probe."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pgvector_ready.database.connection import Database
from pgvector_ready.database.link import PostgresConnection


def create_engine(database: Database) -> AsyncEngine:
    """The application's engine, with a pool of its own that no probe ever takes a connection from."""
    engine = create_async_engine(
        "postgresql+asyncpg://",  # nothing of the connection string: `engine.url` is shown in many places
        pool_size=5,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=300,
        pool_timeout=5,
    )

    async def open_connection() -> PostgresConnection:
        return (await database.connect(is_guarded=False)).connection  # it may ask for anything

    @event.listens_for(engine.sync_engine, "do_connect")
    def provide(_dialect: Dialect, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        parameters["async_creator_fn"] = open_connection
        if database.is_pooled is not False:
            # asyncpg names no statement, since `Database` gives it no cache; SQLAlchemy's own would keep them all the
            # same, while what was prepared through a transaction pooler may lie on somebody else's session afterwards.
            parameters["prepared_statement_cache_size"] = 0

    return engine
