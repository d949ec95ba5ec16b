"""What every answer must be, whatever the database does: its code, headers and document agree."""

import json
from collections.abc import Iterator
from typing import Any

from bench.soak.answers import Answer
from pgvector_ready.documents.documents import DatabaseDocument, ServiceDocument
from tests.support.postgres import PASSWORD

_ALWAYS = {"cache-control": "no-store", "x-content-type-options": "nosniff", "access-control-allow-origin": "*"}


def broken_promises(answer: Answer) -> Iterator[str]:
    """Each in a few words."""
    if answer.status not in {200, 503}:
        yield "a status that is neither 200 nor 503"
    if answer.status != 200 and not answer.request.is_about_database:
        yield "liveness not 200, although start-up has succeeded"
    if len(answer.body) != (0 if answer.request.method == "HEAD" else answer.length):
        yield "Content-Length is not the body's"
    if PASSWORD.encode() in answer.body:
        yield "the password in the body"
    yield from _broken_headers(answer)
    if answer.request.is_document:
        yield from _broken_document(answer)
    elif answer.body and (answer.body.partition(b"\n")[0] != b"fail") != (answer.status == 200):
        yield "the first line contradicts the status code"


def _broken_headers(answer: Answer) -> Iterator[str]:
    for name, value in _ALWAYS.items():
        if answer.headers.get(name) != value:
            yield f"{name} is not {value}"
    content_type = "text/plain; charset=utf-8" if "format=text" in answer.request.path else "application/json"
    if answer.headers.get("content-type") != content_type:
        yield f"content-type is not {content_type}"
    if ("retry-after" in answer.headers) != (answer.status == 503):
        yield "Retry-After stands on every 503 and nowhere else"


def _broken_document(answer: Answer) -> Iterator[str]:
    if any(answer.body.count(key) != 1 for key in (b'"healthy":', b'"status":')):
        yield "healthy and status do not occur exactly once"
    try:
        document: dict[str, Any] = json.loads(answer.body)
    except ValueError:
        yield "no JSON"
        return
    kind = DatabaseDocument if answer.request.is_about_database else ServiceDocument
    if list(document) != list(kind.model_fields):
        yield "not the documented keys in the documented order"
        return
    is_well = (document["healthy"], document["status"] != "fail", document["error"] is None)
    if set(is_well) != {answer.status == 200}:
        yield "status code, healthy, status and error do not agree"
