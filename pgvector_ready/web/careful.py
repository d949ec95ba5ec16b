"""A middleware that makes browsers careful, for every answer that does not say otherwise."""

from starlette.types import ASGIApp, Receive, Scope, Send

from pgvector_ready.documents.headers import securing


class Careful:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, securing(send) if scope["type"] == "http" else send)
