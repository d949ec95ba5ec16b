"""Alembic's migrations: what `pgvector-ready migrate` and `alembic upgrade head` run."""
