"""The one way to the database: bounded in time, TLS as the connection string asks, every stall and stranger named."""

from pgvector_ready.database.connection import Database
from pgvector_ready.database.engine import create_engine
from pgvector_ready.database.link import Link

__all__ = ["Database", "Link", "create_engine"]
