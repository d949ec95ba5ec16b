"""Makes a PostgreSQL database vector-ready and proves it, continuously and honestly."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgvector_ready.ready import Ready
    from pgvector_ready.settings import ConfigurationError, Settings, load

__all__ = ["ConfigurationError", "Ready", "Settings", "__version__", "load"]

__version__ = "2.0.0"

_HOMES = {"Ready": "ready", "ConfigurationError": "settings", "Settings": "settings", "load": "settings"}


def __getattr__(name: str) -> Any:
    """Import on demand: the container's health check, and a module of the judgement, load nothing else."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
