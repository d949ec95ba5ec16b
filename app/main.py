"""The application that is deployed: the team's own endpoints, and those that tell whether its database is usable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import api
from app.models import Base
from pgvector_ready import Ready, __version__
from pgvector_ready.service import MOST_BODY_BYTES, describe
from pgvector_ready.web.careful import make_careful


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Begin and end what the team's endpoints need while the application runs."""
    yield


def create_app() -> FastAPI:
    """Return the application; DATABASE_URL and every other setting come from the environment."""
    ready = Ready(metadata=Base)
    app = FastAPI(
        title="pgvector-ready",
        version=__version__ if ready.is_public else "withheld",
        lifespan=ready.lifespan(lifespan),
        redirect_slashes=False,
        telemetry=ready.telemetry,
        max_body_size=MOST_BODY_BYTES,
    )
    for router in (ready.page, ready.router, ready.metrics, *api.ROUTERS):
        app.include_router(router)
    app.add_middleware(ready.middleware)  # last: the two paths are answered before everything else
    make_careful(app)
    describe(app, ready)
    return app
