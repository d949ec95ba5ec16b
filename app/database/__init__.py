"""The one way to the database: bounded in time, TLS as the connection string asks, every stall and stranger named."""

from app.database.connection import Database, Link
from app.database.engine import create_engine

__all__ = ["Database", "Link", "create_engine"]
