"""The fields of a server's error, by whichever driver it came, and whoever wrapped it."""

from collections.abc import Iterator
from typing import Any


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Return the error, those in its group, and what it was raised from or while handling; the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
        waiting.append(link.__cause__ or (None if link.__suppress_context__ else link.__context__))


class Said:
    """An error as a server gave it; every field is empty where no server said anything."""

    def __init__(self, error: BaseException) -> None:
        # The deepest one that came from a server: asyncpg gives its own wrappers a code (08003) and no severity.
        found = next((link for link in reversed(tuple(causes(error))) if _is_of_server(link)), None)
        fields: Any = getattr(found, "diag", found)  # psycopg keeps them apart
        self.sqlstate: str | None = getattr(found, "sqlstate", None)
        # The function of the server's that complains: no language changes it.
        self.routine = _field(fields, "server_source_function", "source_function")
        self.message = _field(fields, "message", "message_primary")
        self.detail = _field(fields, "detail", "message_detail")
        self.hint = _field(fields, "hint", "message_hint")

    @property
    def words(self) -> str:
        """All that it says to a person, for a person alone: it is localised, and holds whatever somebody wrote."""
        return " · ".join(part for part in (self.message, self.detail, self.hint) if part)


def _is_of_server(error: BaseException) -> bool:
    return bool(getattr(error, "severity", None) or getattr(getattr(error, "diag", None), "severity", None))


def _field(fields: object, *names: str) -> str:
    return next((str(value) for name in names if (value := getattr(fields, name, None))), "")
