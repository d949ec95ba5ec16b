"""Log lines: JSON for machines, columns for people, and no secret in either."""

import json
import logging
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pgvector_ready.background import Writer, text_stream
from pgvector_ready.pace import ALIKE_LINES, ALL_LINES, Pace
from pgvector_ready.printable import printable
from pgvector_ready.redaction import Own, Redactor

# Of these loggers every message is a word of ours up to the colon, and so is every enumerated value. What follows the
# colon is for the formatters of others, who show no `extra`; here it is a field of its own.
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
        is_ours = record.name.partition(".")[0] == _OURS
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": Own(str(record.msg).partition(":")[0]) if is_ours else record.getMessage(),
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


class Output(logging.Handler):
    """Formats and redacts where something is logged, and leaves the writing to a thread.

    So no secret ever waits in the queue, a value is shown as it was at that moment, and the queue's size is known; a
    line costs 30 microseconds, and `Pace` bounds how many there are.
    """

    def __init__(self, *writers: Writer) -> None:
        super().__init__()
        self._writers = writers
        self._writer = writers[0]
        self._pace = Pace()
        # The handler's own lock is held by whoever waits in `flush` for the thread that counts.
        self._counting = threading.RLock()
        self._reported_lost = 0
        self._writer.when_written = self._report

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line, or count it."""
        try:
            with self._counting:
                left_out, is_admitted = self._pace.take_left_out(record.created), self._pace.admits(record)
            if left_out:
                self._writer.put(self._line_about(left_out, _TOO_MANY))
            if is_admitted:
                self._writer.put(self._encoded(record))
        except Exception:  # noqa: BLE001 - as every handler of logging's
            self.handleError(record)

    def flush(self) -> None:
        """Write how many lines were left out so far, and wait a moment for what is not written yet."""
        with self._counting:
            left_out = self._pace.take_left_out()  # of the last second of a process nobody would hear otherwise
        if left_out:
            self._writer.put(self._line_about(left_out, _TOO_MANY))
        for writer in self._writers:
            writer.flush()

    def _report(self) -> None:
        """Say in one line how many are missing: called by the writer's thread, when it can write."""
        with self._counting:
            left_out = self._pace.take_left_out(time.time())
        lost = sum(writer.lost for writer in self._writers)
        for number, reason in ((left_out, _TOO_MANY), (lost - self._reported_lost, _NOT_READ)):
            if number:
                self._writer.write(self._line_about(number, reason))
        self._reported_lost = lost

    def _line_about(self, number: int, reason: str) -> bytes:
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, "log_lines_left_out", None, None)
        vars(record).update(count=number, detail=reason)
        return self._encoded(record)

    def _encoded(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")


_TOO_MANY = f"more than {ALIKE_LINES} alike, or {ALL_LINES} in all, within a second"
_NOT_READ = "the log was not read fast enough, or could not be written"


def configure(style: Literal["json", "console"] | None, level: str, redact: Redactor) -> None:
    """Send every logger of this process, uvicorn's and Python's own too, to standard output in one form.

    From now on neither it nor anything that is printed waits for a reader.
    """
    if style is None:
        style = "console" if sys.stdout and sys.stdout.isatty() else "json"
    output, errors = Writer(1), Writer(2)
    handler = Output(output, errors)
    handler.setFormatter({"json": JsonFormatter, "console": ConsoleFormatter}[style](redact))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    for noisy in ("uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).handlers.clear()
    sys.stdout, sys.stderr = text_stream(output), text_stream(errors)
