"""Makes a PostgreSQL database vector-ready and proves it, continuously and honestly."""

__version__ = "1.0.0"
