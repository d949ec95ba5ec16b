"""One log line for each request; a successful poll leaves none."""

import logging
import time
from http import HTTPStatus

from starlette.types import Message, Scope, Send

from pgvector_ready.paths import PAGE, POLLED

_logger = logging.getLogger(__name__)

_SILENT = POLLED | {PAGE}


def log_request(scope: Scope, status: int, duration_ms: float) -> None:
    """The line. Never the query string: people put secrets there."""
    client = scope.get("client")
    _logger.info(
        "request",
        extra={
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(duration_ms, 1),
            "client": client[0] if client else None,
        },
    )


def logging_access(scope: Scope, send: Send) -> Send:
    """`send`, with a log line once an HTTP answer is complete."""
    if scope["type"] != "http":
        return send
    started = time.perf_counter()
    status = 0

    async def send_and_log(message: Message) -> None:
        nonlocal status
        await send(message)
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            if scope["path"] in _SILENT and status < HTTPStatus.BAD_REQUEST:
                return
            log_request(scope, status, (time.perf_counter() - started) * 1000)

    return send_and_log
