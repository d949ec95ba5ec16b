"""Traces, where the environment asks for them; otherwise not one module of OpenTelemetry's SDK is imported."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from pgvector_ready.documents.identity import Identity
from pgvector_ready.paths import DATABASE_PATH, HEALTH_PATH, POLLED
from pgvector_ready.redaction import Redactor

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

_logger = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# They come every few seconds, and would bury and bill what a trace is looked at for.
UNTRACED = POLLED | {HEALTH_PATH, DATABASE_PATH}
_OFF: "TelemetryConfig" = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
# What is shorter is no key, and taking it out would mutilate the rest: many send a tenant's number as a header.
_SHORTEST_SECRET = 8


class Traces:
    """Does nothing: used while tracing is off."""

    def __init__(self, telemetry: "TelemetryConfig" = _OFF) -> None:
        self.telemetry = telemetry

    def watch(self, engine: AsyncEngine) -> None:
        """Make a span of each statement that `engine` executes within a traced request."""

    async def close(self) -> None:
        """Send the last spans, for as long as that may hold up the end of the process."""


def start(identity: Identity, redact: Redactor) -> Traces:
    """Return the traces that the environment asks for. A wrong setting is one warning: no trace is worth a deploy."""
    if not _is_asked_for(os.environ):
        return Traces()
    reason = _reason_against(os.environ)
    if reason is None:
        try:
            from pgvector_ready.tracing.export import ExportedTraces  # noqa: PLC0415 - costs a start-up without traces nothing

            return ExportedTraces(identity, redact)
        except ImportError:
            reason = "the extra `otel` is not installed: docs/tracing.md says how"
        except Exception as error:  # noqa: BLE001 - of the SDK's many settings, which it reads itself
            reason = f"OpenTelemetry refused its settings with {type(error).__name__}: {error}"
    _logger.warning("traces_unavailable", extra={"detail": reason})
    return Traces()


def excluding(mounted_at: str = "", paths: frozenset[str] = UNTRACED) -> Callable[[MutableMapping[str, Any]], bool]:
    """Return FastAPI's setting `exclude`, for an application that has these `paths` below the path `mounted_at`."""

    def is_untraced(scope: MutableMapping[str, Any]) -> bool:
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        return path.startswith(mounted_at) and (path.removeprefix(mounted_at).rstrip("/") or "/") in paths

    return is_untraced


def secrets_in(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the keys to the collector: the values of headers, a password or a query string in an address."""
    found: set[str] = set()
    for headers in _all(environment, _HEADERS):
        for header in headers.split(","):
            value = header.partition("=")[2].strip() or header.strip()
            found |= {value, unquote(value), unquote(value).rpartition(" ")[2]}  # Bearer …
    for endpoint in _all(environment, _ENDPOINTS):
        _, _, path = endpoint.partition("://")
        credentials, is_there, _ = path.rpartition("@")
        found |= {credentials.partition(":")[2] or credentials, unquote(credentials)} if is_there else set()
        found.add(path.partition("?")[2])
    return frozenset(secret for secret in found if len(secret) >= _SHORTEST_SECRET)


def _all(environment: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [environment[name] for name in names if environment.get(name)]


def _first(environment: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((value.strip() for value in _all(environment, names)), None)


def _is_asked_for(environment: Mapping[str, str]) -> bool:
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    return bool(_all(environment, _ENDPOINTS)) and not is_disabled and exporter != "none"


def _reason_against(environment: Mapping[str, str]) -> str | None:
    """Return one sentence that shows no value: a header's secret may stand in the wrong place."""
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() not in {"", "otlp"}:
        return "OTEL_TRACES_EXPORTER must be otlp or none"
    if _first(environment, _PROTOCOLS) not in {None, "http/protobuf"}:
        return "only http/protobuf is spoken: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL to it, and the port to 4318"
    is_address = _is_address(_first(environment, _ENDPOINTS) or "")
    return None if is_address else "the endpoint must be an address such as http://collector:4318"


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
