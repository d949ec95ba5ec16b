"""The one way to the database: bounded in time, TLS as the connection string asks, every stall and stranger named."""

from app.database.connection import Database
from app.database.engine import create_engine
from app.database.link import Link

__all__ = ["Database", "Link", "create_engine"]
