"""Makes browsers careful, by every answer that does not say otherwise."""

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from pgvector_ready.documents.headers import securing


def make_careful(app: Starlette) -> None:
    """Wrap the whole application: a middleware stands inside of what answers 500 and 413, and would miss those."""
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: _Careful(build())  # type: ignore[method-assign]  # it has no other outermost place


class _Careful:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, securing(send) if scope["type"] == "http" else send)
