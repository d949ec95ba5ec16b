"""Log lines: JSON for machines, columns for people, and no secret in either."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pgvector_ready.printable import printable
from pgvector_ready.redaction import Own, Redactor

# Of these loggers every message without arguments, and every enumerated value, is a word of ours.
_OURS = "pgvector_ready"
# One path, or one sentence of a server's, is never longer in a line; a traceback is as long as a thousand of its lines.
_FIELD_LIMIT = 2_000
# A secret at the end of what is shown is read whole, or it would not be known.
_READ_LIMIT = 8_000
_TRACEBACK_LINES = 1_000

# What every record has anyway: the rest was given by `extra`.
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "color_message", "taskName"}


class _Formatter(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """The line's fields, in order: foreign text redacted, every text printable and bounded."""
        is_ours = record.name.partition(".")[0] == _OURS and not record.args
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": Own(record.msg) if is_ours else record.getMessage(),
            "logger": record.name,
        }
        found |= {key: value for key, value in vars(record).items() if key not in _BUILT_IN}
        shown = {key: self._shown(value) for key, value in found.items()}
        if record.exc_info and record.exc_info[0]:
            shown["exception"] = self._traceback("".join(traceback.format_exception(*record.exc_info)))
        return shown

    def _shown(self, value: object) -> Any:
        match value:
            case bool() | int() | float() | None:
                return value
            case Own() | StrEnum():
                return printable(value, _FIELD_LIMIT)
            case _:
                return printable(self._redact(str(value)[:_READ_LIMIT]), _FIELD_LIMIT)

    def _traceback(self, text: str) -> str:
        lines = self._redact(text).rstrip("\n").split("\n")
        return "\n".join(printable(line, _FIELD_LIMIT) for line in lines[-_TRACEBACK_LINES:])


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, whatever stands in it."""
        return json.dumps(self.fields(record), ensure_ascii=False, separators=(",", ":"))


class ConsoleFormatter(_Formatter):
    """Time, level, event, and what belongs to it, for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, an exception below it."""
        fields = self.fields(record)
        moment, level, event = fields.pop("at")[11:19], fields.pop("level"), fields.pop("event")
        fields.pop("logger")
        exception = fields.pop("exception", "")
        told = "  ".join(f"{key}={value}" for key, value in fields.items())
        return f"{moment} {level:<7} {event}  {told}".rstrip() + (f"\n{exception}" if exception else "")


def configure(style: Literal["json", "console"] | None, level: str, redact: Redactor) -> None:
    """Send every logger of this process, uvicorn's own too, to standard output in one form."""
    if style is None:
        style = "console" if sys.stdout.isatty() else "json"
    formatter = {"json": JsonFormatter, "console": ConsoleFormatter}[style](redact)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).handlers.clear()
