"""The bundled application, for who has none of their own: one function over the routers of `Ready`."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from pgvector_ready import __doc__ as description
from pgvector_ready import __version__
from pgvector_ready.documents.identity import SERVICE
from pgvector_ready.ready import Ready
from pgvector_ready.settings import Settings
from pgvector_ready.web.careful import make_careful
from pgvector_ready.web.contract import with_examples

# nginx's default for the same; a router or a route that takes uploads sets its own `max_body_size`.
MOST_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings | None = None, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """Return the service with these `routers` besides. Raises ConfigurationError for what the settings say wrongly."""
    ready = Ready(settings=settings)
    app = FastAPI(
        title=SERVICE,
        version=__version__ if ready.is_public else "withheld",
        description=description or "",
        lifespan=ready.lifespan(),
        redirect_slashes=False,
        telemetry=ready.telemetry,
        max_body_size=MOST_BODY_BYTES,
    )
    for router in (ready.page, ready.router, ready.metrics, *routers):
        app.include_router(router)
    app.add_middleware(ready.middleware)
    make_careful(app)
    describe(app, ready)
    app.state.ready = ready
    return app


def describe(app: FastAPI, ready: Ready) -> None:
    """Put the examples into the application's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = with_examples(generate(), ready.health.paths)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way: "Extending OpenAPI"
