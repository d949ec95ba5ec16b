"""Alembic histories of other teams, in the shapes that they have: their own env.py, identifiers, tables and folders."""

import textwrap
from pathlib import Path

SYNC_ENV = """
    import os
    from alembic import context
    from sqlalchemy import create_engine

    {before}
    with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
        context.configure(connection=connection, target_metadata=None{arguments})
        with context.begin_transaction():
            context.run_migrations()
"""
ASYNC_ENV = """
    import asyncio
    import os
    from alembic import context
    from sqlalchemy.ext.asyncio import create_async_engine

    def run(connection):
        context.configure(connection=connection{arguments})
        with context.begin_transaction():
            context.run_migrations()

    async def main():
        {before}
        engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()
        await engine.dispose()

    asyncio.run(main())
"""
_REVISION = """
    from alembic import op

    revision = {name!r}
    down_revision = {parent!r}

    def upgrade():
    {upgrade}

    def downgrade():
        pass
"""


def write_history(
    folder: Path,
    revisions: dict[str, str],
    *,
    env: str = SYNC_ENV,
    before: str = "",
    arguments: str = "",
) -> Path:
    """An Alembic folder: each revision follows the one before it, and its value is the body of `upgrade`."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    written = textwrap.dedent(env).format(before=before, arguments=arguments)
    (folder / "env.py").write_text(written)
    parent = None
    for name, upgrade in revisions.items():
        body = textwrap.indent(textwrap.dedent(upgrade), "    ") or "    pass"
        text = textwrap.dedent(_REVISION).format(name=name, parent=parent, upgrade=body)
        (versions / f"{name}_of_theirs.py").write_text(text)
        parent = name
    return folder
