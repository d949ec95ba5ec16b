"""The application's Alembic history: read, and run."""
