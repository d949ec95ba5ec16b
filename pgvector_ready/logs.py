"""Log lines: JSON for machines, columns for people, and no secret in either."""

import json
import logging
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

# What every record has anyway: the rest was given by `extra`.
_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "color_message", "taskName"}


class Redactor:
    """Takes secrets out of text in every form they are written in; the longest first, since one may contain another."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The same text with `***` where a secret stood."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text


def _forms(secret: str) -> set[str]:
    """As it is, percent-encoded, and as `repr` writes both: an error told by another one went through it twice.

    Which quotes `repr` escapes depends on the text around, hence the second way.
    """
    forms = {secret, quote(secret, safe="")}
    for _ in range(2):
        forms |= {written for form in forms for written in (repr(form)[1:-1], repr(f"{form}'\"")[1:-4])}
    return forms


class _Formatter(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """The line's fields, in order, every text redacted."""
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        found |= {key: value for key, value in vars(record).items() if key not in _BUILT_IN}
        if record.exc_info and record.exc_info[0]:
            found["exception"] = "".join(traceback.format_exception(*record.exc_info))
        plain = (int, float, bool, type(None))
        return {
            key: value if isinstance(value, plain) else self._shown(key, str(value)) for key, value in found.items()
        }

    def _shown(self, key: str, value: str) -> str:
        """Redacted, but for the names of ours that a short password would be cut out of, and so be told."""
        return value if key in {"at", "level", "logger"} else self._redact(value)


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
        told = "  ".join(f"{key}={_on_one_line(str(value))}" for key, value in fields.items())
        return f"{moment} {level:<7} {event}  {told}".rstrip() + (f"\n{exception}" if exception else "")


def _on_one_line(text: str) -> str:
    """A path may hold anything: whoever asks for it must not write lines of the log, nor command the terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def configure(style: Literal["json", "console"] | None, level: str, secrets: Iterable[str]) -> None:
    """Send every logger of this process, uvicorn's own too, to standard output in one form."""
    if style is None:
        style = "console" if sys.stdout.isatty() else "json"
    formatter = {"json": JsonFormatter, "console": ConsoleFormatter}[style](Redactor(secrets))
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).handlers.clear()
