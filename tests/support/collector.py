"""An OpenTelemetry collector of a test's own: a real HTTP server that keeps what it is sent, as it is sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.postgres import wait_until


@dataclass
class Collector:
    """What has arrived; `status` is answered, once `may_answer` is set, with a body that may be endless."""

    status: int = 200
    is_endless: bool = False
    bodies: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    may_answer: Event = field(default_factory=Event)
    url: str = ""
    sent: int = 0

    @property
    def batches(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def spans(self) -> list[Span]:
        resources = (resource for batch in self.batches for resource in batch.resource_spans)
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    @property
    def resource(self) -> dict[str, Any]:
        return attributes(self.batches[0].resource_spans[0].resource.attributes)

    def span(self, name: str) -> Span:
        """The one span of this name, once it has arrived."""
        wait_until(lambda: any(span.name == name for span in self.spans))
        (found,) = [span for span in self.spans if span.name == name]
        return found


def attributes(given: Sequence[KeyValue]) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value") for one in given}


@contextmanager
def collecting(*, is_silent: bool = False, is_endless: bool = False, status: int = 200) -> Iterator[Collector]:
    """A collector on a free port; a silent one takes what it is sent and does not answer until it is told to."""
    collector = Collector(status, is_endless)
    if not is_silent:
        collector.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            collector.may_answer.wait()
            self.send_response(collector.status)
            if not collector.is_endless:
                self.send_header("Content-Length", "0")
            self.end_headers()
            with suppress(OSError):  # whoever does not want more has left
                while collector.is_endless:
                    collector.sent += self.wfile.write(bytes(65_536))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    collector.url = f"http://127.0.0.1:{server.server_port}"
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        collector.may_answer.set()
        server.shutdown()
        server.server_close()
        serving.join()
