"""The arguments of `Ready`, checked at once: a wrong one is refused in one sentence."""

from typing import Any

from pydantic import SecretStr
from sqlalchemy import URL, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from pgvector_ready.paths import HEALTH_PATH
from pgvector_ready.settings import Settings, load


def checked_path(path: object) -> str:
    """Return where the two endpoints shall be. Raises TypeError or ValueError."""
    if not isinstance(path, str):
        message = f"path must be text such as {HEALTH_PATH}"
        raise TypeError(message)
    if not path.startswith("/") or path.endswith("/") or any(mark in path for mark in "{}?# "):
        message = f"path must begin with / and end without one, as {HEALTH_PATH} does, and hold no parameter"
        raise ValueError(message)
    return path


def checked_engine(engine: object) -> AsyncEngine | None:
    """Return the application's engine. Raises TypeError or ValueError."""
    if engine is None:
        return None
    if not isinstance(engine, AsyncEngine):
        message = (
            "engine must be SQLAlchemy's AsyncEngine, whatever its driver; leave it out where yours is not: "
            "the proof at start-up then uses one of its own"
        )
        raise TypeError(message)
    if engine.dialect.name != "postgresql":
        message = "engine must lead to PostgreSQL"
        raise ValueError(message)
    return engine


def checked_metadata(metadata: Any) -> MetaData | None:
    """Return the MetaData of what was given. Raises TypeError."""
    found = getattr(metadata, "metadata", metadata)
    if found is not None and not isinstance(found, MetaData):
        message = "metadata must be a MetaData of SQLAlchemy or a declarative base"
        raise TypeError(message)
    return found


def text_of(database_url: object) -> str | None:
    """Return the connection string as text, whatever type it has. Raises TypeError."""
    match database_url:
        case None | str():
            return database_url
        case SecretStr():
            return database_url.get_secret_value()
        case URL():
            return database_url.render_as_string(hide_password=False)
        case _ if hasattr(database_url, "unicode_string") or hasattr(database_url, "unicode_host"):
            return str(database_url)  # pydantic's PostgresDsn
        case _:
            message = "database_url must be text, a SecretStr, or a URL of SQLAlchemy or pydantic"
            raise TypeError(message)


def with_url(settings: Settings | None, url: str | None, engine: AsyncEngine | None) -> Settings:
    """Return the settings, with the URL that was given; else their own, or else the engine's. Raises TypeError."""
    if settings is not None and not isinstance(settings, Settings):
        message = "settings must be pgvector_ready.Settings, such as load() returns"
        raise TypeError(message)
    settings = settings or load(**({} if url is None else {"database_url": url}))
    if url is None and settings.database_url is None and engine is not None:
        url = engine.url.render_as_string(hide_password=False)
    if url is None or (settings.database_url and settings.database_url.get_secret_value() == url):
        return settings
    copied = settings.model_copy(update={"database_url": SecretStr(url)})
    copied.__dict__.pop("connection_string", None)  # was read of the other one
    return copied
