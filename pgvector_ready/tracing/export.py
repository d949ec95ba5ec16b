"""The way out for spans: their sender, the secrets taken out of them, and one log line when nobody takes them."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from io import BytesIO
from threading import Thread
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status
from opentelemetry.util.types import Attributes, AttributeValue
from requests import Response, Session
from requests.adapters import HTTPAdapter
from sqlalchemy.ext.asyncio import AsyncEngine

from pgvector_ready import __version__
from pgvector_ready.documents.identity import SERVICE, Identity
from pgvector_ready.paths import PAGE
from pgvector_ready.redaction import Redactor
from pgvector_ready.tracing import UNTRACED, Traces, excluding
from pgvector_ready.tracing.sql import watch

_logger = logging.getLogger(__name__)

# The exporter's own patience is 10 s; what has not been sent within this is lost, and the process ends in time.
_FLUSH_SECONDS = 1.0
# FastAPI's metrics are /metrics' to give, and its logs would send the messages and stacks of exceptions.
_TELEMETRY: TelemetryConfig = {"metrics": False, "logs": False, "auto_configure": False}
# People put secrets into query strings, so that they are not logged either.
_WITHHELD = frozenset({"url.query", "url.full", "http.url", "http.target"})


class ExportedTraces(Traces):
    """Spans of requests and of their statements, sent by a thread of its own."""

    def __init__(self, identity: Identity, redact: Redactor) -> None:
        self._complaints = _Complaints(redact)
        session = Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, _StatusOnly())
        exporter = _Exporter(OTLPSpanExporter(session=session), redact, self._complaints)
        self._provider = TracerProvider(resource=_resource(identity), shutdown_on_exit=False)
        exclude = excluding(paths=UNTRACED | {PAGE})
        super().__init__({**_TELEMETRY, "tracer_provider": self._provider, "exclude": exclude})
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(self._provider)  # for the spans of a team's own
        for handler in logging.getLogger().handlers:
            handler.addFilter(_name_the_trace)

    def watch(self, engine: AsyncEngine) -> None:
        """See `Traces`."""
        watch(engine, self._provider.get_tracer("pgvector_ready.tracing.sql", __version__))

    async def close(self) -> None:
        """See `Traces`. The SDK's own patience cannot be set, but its thread can be left behind."""
        thread = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        thread.start()
        await asyncio.to_thread(thread.join, _FLUSH_SECONDS)
        if thread.is_alive():
            reason = self._complaints.first or f"no answer within {_FLUSH_SECONDS:g} s"
            _logger.warning("last_traces_lost", extra={"detail": reason})


def _resource(identity: Identity) -> Resource:
    """Return the sender; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what is known here."""
    known: Mapping[str, str | None] = {
        "service.name": SERVICE,
        "service.version": __version__,
        "service.instance.id": identity.instance,
        "deployment.environment.name": identity.environment,
        "deployment.environment": identity.environment,  # its name until 2024, which many still look for
        "vcs.ref.head.revision": identity.commit,
    }
    own = Resource.create({name: value for name, value in known.items() if value})
    return own.merge(OTELResourceDetector().detect())


def _name_the_trace(record: logging.LogRecord) -> bool:
    """Give a line that was written during a traced request the name of its trace; a filter that drops nothing."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id, record.span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return True


class _StatusOnly(HTTPAdapter):
    """Takes the status of a collector's answer and no byte of its body, which may be endless."""

    def send(self, *arguments: Any, **options: Any) -> Response:
        """Send, and close the connection instead of reading the body."""
        response = super().send(*arguments, **{**options, "stream": True})
        response.close()
        response.raw = BytesIO()
        return response


class _Complaints(logging.Handler):
    """Takes the SDK's log lines: every batch that fails would be several of them."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(logging.WARNING)
        self._redact = redact
        self.first: str | None = None
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first since the last success: it has the reason, the later ones are retries."""
        if self.first is None:
            self.first = self._redact(record.getMessage().partition("\n")[0])


class _Exporter(SpanExporter):
    """Sends copies without secrets; logs once when that fails, and once when it succeeds again."""

    def __init__(self, exporter: OTLPSpanExporter, redact: Redactor, complaints: _Complaints) -> None:
        self._exporter = exporter
        self._redact = redact
        self._complaints = complaints
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the copies; return the exporter's result."""
        result = self._exporter.export([self._redacted(span) for span in spans])
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing and not self._is_failing:
            _logger.warning("traces_lost", extra={"detail": self._complaints.first})
        elif self._is_failing and not is_failing:
            _logger.info("traces_sent_again")
        self._is_failing = is_failing
        if not is_failing:
            self._complaints.first = None
        return result

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call] # the SDK has no type for it

    def _redacted(self, span: ReadableSpan) -> ReadableSpan:
        status, events, links = span.status, span.events, span.links
        return ReadableSpan(
            self._redact(span.name),
            context=span.get_span_context(),
            parent=span.parent,
            resource=span.resource,
            attributes=self._attributes(span.attributes),
            events=[Event(self._redact(one.name), self._attributes(one.attributes), one.timestamp) for one in events],
            links=[Link(one.context, self._attributes(one.attributes)) for one in links],
            kind=span.kind,
            status=Status(status.status_code, status.description and self._redact(status.description)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _attributes(self, attributes: Attributes) -> Attributes:
        return {name: self._value(value) for name, value in (attributes or {}).items() if name not in _WITHHELD}

    def _value(self, value: AttributeValue) -> AttributeValue:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Sequence):
            return [self._redact(one) if isinstance(one, str) else one for one in value]
        return value
