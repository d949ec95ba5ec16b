"""Answers of the server itself, given before a request reaches any application."""

from collections.abc import Iterable
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from pgvector_ready.documents.headers import SAFETY_HEADERS


class Refusal(Exception):  # noqa: N818 - no error: it only gets out of the parser
    """Raised within the parser's callbacks, which know no other way to say no."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def refusal(status: HTTPStatus, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a whole answer with this status, the last one on its connection."""
    body = f"{status.phrase}\n".encode()
    headers = {
        **dict(default_headers),
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": b"%d" % len(body),
        b"connection": b"close",
        **dict(SAFETY_HEADERS),
    }
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % field for field in headers.items()) + b"\r\n" + body
