"""Who is served next: a poll at once, everything else a few at a time."""

import asyncio
from collections import deque

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# How many requests that are no polls begin in one turn of the event loop. A page takes up to a millisecond; between
# two turns the loop looks at its sockets, so a poll waits for about this many of them, however large the crowd is.
_AT_ONCE = 4


class Turns:
    """An ASGI application in front of another one.

    A bound on requests under way would let a few slow ones lock out the rest. This bounds how many begin together, and
    so how long the event loop is away, and costs nobody anything while there is no crowd.
    """

    def __init__(self, app: ASGIApp, polled: frozenset[str]) -> None:
        self._app = app
        self._polled = polled
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._left = _AT_ONCE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"] not in self._polled:
            try:
                await self._turn()
            except asyncio.CancelledError:  # by uvicorn alone, where the process ends before this request has begun
                await PlainTextResponse("Service Unavailable", 503, {"Retry-After": "2"})(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._left == _AT_ONCE:
            loop.call_soon(self._begin)
        if self._left:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _begin(self) -> None:
        """Let the next ones in: once in every turn of the loop, for as long as somebody comes."""
        self._left = _AT_ONCE
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= 1
        if self._left < _AT_ONCE:
            asyncio.get_running_loop().call_soon(self._begin)
