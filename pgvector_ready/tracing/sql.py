"""A span for each statement of a traced request, by the events that SQLAlchemy has for it."""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from sqlalchemy import TextClause, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

_SPAN = "_span_of_this_statement"


def watch(engine: AsyncEngine, tracer: Tracer) -> None:
    """Make the spans with `tracer`; a statement outside a traced request, such as start-up's, has none."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def begin(
        _connection: object, _cursor: object, statement: str, _given: object, context: Any, _many: object
    ) -> None:
        if trace.get_current_span().is_recording():
            attributes = _attributes(statement, context)
            span = tracer.start_span(attributes["db.operation.name"], kind=SpanKind.CLIENT, attributes=attributes)
            setattr(context, _SPAN, span)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(_connection: object, _cursor: object, _statement: str, _given: object, context: Any, _many: object) -> None:
        if span := _taken(context):
            span.end()

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(failed: ExceptionContext) -> None:
        """End the span with the class and the SQLSTATE only: the message repeats the values."""
        if span := _taken(failed.execution_context):
            error = failed.original_exception
            span.set_attribute("error.type", type(error).__name__)
            if sqlstate := getattr(error, "sqlstate", None):
                span.set_attribute("db.response.status_code", sqlstate)
            span.set_status(StatusCode.ERROR)
            span.end()


def _taken(context: object) -> Span | None:
    span: Span | None = getattr(context, _SPAN, None)
    if span:
        delattr(context, _SPAN)
    return span


def _attributes(statement: str, context: Any) -> dict[str, str]:
    """Return the attributes; the text only where SQLAlchemy composed it, since other text may hold values."""
    first = statement.split(maxsplit=1)[0] if statement.strip() else ""
    found = {"db.system.name": "postgresql", "db.operation.name": first.upper() if first.isalpha() else "SQL"}
    composed = getattr(context.compiled, "statement", None)
    if composed is not None and not isinstance(composed, TextClause):
        found["db.query.text"] = statement
    return found
