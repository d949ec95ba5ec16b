"""One log line for each request; a successful poll leaves none."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pgvector_ready.paths import PAGE, POLLED, own_path
from pgvector_ready.printable import NAME_LIMIT, printable

_logger = logging.getLogger(__name__)

_SILENT = POLLED | {PAGE}
_RETRY = {"Retry-After": "2"}


class AccessLog:
    """An ASGI application around another one; requests to the `polled` paths leave their lines themselves."""

    def __init__(self, app: ASGIApp, polled: frozenset[str] = frozenset()) -> None:
        self._app = app
        self.polled = polled
        # Answers the polled paths where the application would do so first of all: the way there is a third of a poll.
        self.answer: Callable[[Scope, str, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or own_path(scope["path"], scope.get("root_path", "")) in self.polled:
            if self.answer and scope["type"] == "http":
                await self.answer(scope, own_path(scope["path"], scope.get("root_path", "")), send)
            else:
                await self._app(scope, receive, send)
            return
        sending = _logging(scope, send)
        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:  # by uvicorn alone, where the process ends before this request does
            with suppress(RuntimeError):  # half an answer is out already
                await PlainTextResponse("Service Unavailable", 503, _RETRY)(scope, receive, sending)


def log_request(scope: Scope, status: int, duration_ms: float) -> None:
    """The line. Never the query string: people put secrets there."""
    client = scope.get("client")
    _logger.info(
        "request: %s %s answered %s",
        scope["method"],
        printable(scope["path"], NAME_LIMIT),
        status,
        extra={
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(duration_ms, 1),
            "client": client[0] if client else None,
        },
    )


def _logging(scope: Scope, send: Send) -> Send:
    """`send`, with a log line once an HTTP answer is complete."""
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
