"""Alembic's entrance, for `pgvector-ready migrate` and `alembic upgrade head`: over a connection to DATABASE_URL."""

import asyncio
from pathlib import Path

from alembic import context
from sqlalchemy import Connection, text

from app.models import Base
from pgvector_ready.commands.choice import chosen_database
from pgvector_ready.migrations.lock import LOCK_TIMEOUT_SECONDS
from pgvector_ready.migrations.upgrade import connected
from pgvector_ready.observation.statements import LOCK, LOCK_TIMEOUT
from pgvector_ready.settings import Settings, load


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        # Several deploys at once queue here; of six without the lock three fail. `pgvector-ready migrate` holds it.
        if not context.config.attributes.get("is_locked"):
            connection.execute(text(LOCK_TIMEOUT.format(milliseconds=int(LOCK_TIMEOUT_SECONDS * 1000))))
            connection.execute(text(LOCK))
        context.run_migrations()


async def _run_on_own_connection(settings: Settings) -> None:
    async with connected(settings) as connection:
        await connection.run_sync(_run)
        await connection.commit()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with chosen_database(load(), Path.cwd()) as choice:
        asyncio.run(_run_on_own_connection(choice.settings))
