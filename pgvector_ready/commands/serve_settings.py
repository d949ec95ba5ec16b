"""The settings of `serve`, which alone listens and writes a log."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from pgvector_ready.settings import Settings, read


class ServeSettings(Settings):
    """The settings of every command, and where to listen and how to log."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    log_format: str | None = None
    log_level: str = "info"

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        """Take an IPv6 address as an URL writes it."""
        inner = value.removeprefix("[").removesuffix("]")
        return inner if value == f"[{inner}]" and ":" in inner else value

    @property
    def style(self) -> Literal["json", "console"] | None:
        """The form of the log; None where the output decides."""
        return _STYLES.get((self.log_format or "").strip().lower())

    @property
    def level(self) -> str:
        """The level of the log, by the name that Python's logging has for it."""
        return _LEVELS.get(self.log_level.strip().lower(), "info")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The variables of the log whose value nobody knows: often a whole team's, for another library."""
        is_known = {
            "LOG_FORMAT": self.log_format is None or self.style is not None,
            "LOG_LEVEL": self.log_level.strip().lower() in _LEVELS,
        }
        return tuple(name for name, known in is_known.items() if not known)


_STYLES: Mapping[str, Literal["json", "console"]] = {"json": "json", "console": "console"}
# What other logging libraries call them, too.
_LEVELS = {
    **{name: name for name in ("debug", "info", "warning", "error", "critical")},
    "trace": "debug",
    "warn": "warning",
    "fatal": "critical",
}


def load_for_serve(**given: Any) -> ServeSettings:
    """Return the settings of this process's environment; `given` takes precedence. Raises ConfigurationError."""
    return read(ServeSettings, given)
