"""Whatever else may answer at a URL: a real listener whose answers a test writes by hand."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]


# The pieces to send one by one; then the connection is closed.
Script = Callable[[Request], Iterator[bytes] | bytes]


@dataclass(frozen=True, slots=True)
class Stranger:
    """A listener on 127.0.0.1, and what it was asked."""

    port: int
    requests: list[Request] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def stranger(script: Script, context: ssl.SSLContext | None = None) -> Iterator[Stranger]:
    """It answers every connection as `script` says, under TLS with a `context`, until the block ends."""
    stopping = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if stopping.is_set():
                    return
                with suppress(OSError):  # whoever asked has left
                    _answer(context.wrap_socket(connection, server_side=True) if context else connection, script, it)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        it = Stranger(listener.getsockname()[1])
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield it
        finally:
            stopping.set()
            socket.create_connection(("127.0.0.1", it.port)).close()
            thread.join()


def _answer(connection: socket.socket, script: Script, it: Stranger) -> None:
    with connection:
        connection.settimeout(10)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65_536)
            if not piece:
                return
            head += piece
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        # Who takes it for a proxy asks with the whole URL.
        path = urlsplit(target).path if target.startswith("http") else target
        it.requests.append(Request(method, path, headers))
        answer = script(it.requests[-1])
        for piece in [answer] if isinstance(answer, bytes) else answer:
            connection.sendall(piece)


def http(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An answer as it goes over the wire; `content_type` is the header Content-Type."""
    lines = {
        "Content-Length": str(len(body)),
        **{name.replace("_", "-").title(): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + body
