"""The composition root: settings in, a FastAPI application out; the only module that knows every other."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypedDict

from fastapi import APIRouter, FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from pgvector_ready import __doc__ as description
from pgvector_ready import __version__, tracing
from pgvector_ready.database import Database, create_engine
from pgvector_ready.documents.documents import SERVICE, Identity
from pgvector_ready.documents.headers import securing
from pgvector_ready.migrations.history import find_history, requirements_for
from pgvector_ready.observation.observer import Observer
from pgvector_ready.readiness.provisioning import Orders, Provisioner
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.settings import Settings
from pgvector_ready.web import badge, contract, metrics
from pgvector_ready.web.access import logging_access
from pgvector_ready.web.health import PATHS, Health
from pgvector_ready.web.status import page as status_page

_logger = logging.getLogger(__name__)

# How long the first attempt may hold back the listener: a deploy is ready at once where the database is.
_FIRST_ATTEMPT_SECONDS = 3.0

# nginx's default for the same; a router or a route that takes uploads sets its own `max_body_size`.
_MOST_BODY_BYTES = 1024 * 1024

_RETRY = {"Retry-After": "2"}


class State(TypedDict):
    """What the lifespan gives to requests as `request.state`."""

    engine: AsyncEngine
    readiness: Readiness


class Service(FastAPI):
    """FastAPI with the two polled paths answered before its routing, which would cost a third of their speed."""

    health: Health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and (path := _own_path(scope)) in PATHS:
            await self.health(scope, path, send)
        else:
            sending = securing(logging_access(scope, send))
            try:
                await super().__call__(scope, receive, sending)
            except asyncio.CancelledError:  # by uvicorn alone, where the process ends before this request does
                with suppress(RuntimeError):  # half an answer is out already
                    await PlainTextResponse("Service Unavailable", 503, _RETRY)(scope, receive, sending)

    def drain(self) -> None:
        """Take no new work: both endpoints say so from now on."""
        self.health.is_draining = True

    def openapi(self) -> dict[str, Any]:
        """FastAPI's document, made once, with the examples."""
        if self.openapi_schema is None:
            self.openapi_schema = contract.with_examples(super().openapi())
        return self.openapi_schema


def _own_path(scope: Scope) -> str:
    """The path below the one that this service is mounted at."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return path.removeprefix(root) if root else path


def create_app(settings: Settings, routers: Sequence[APIRouter] = ()) -> Service:
    """The service with the team's own `routers`. Raises ConfigurationError; connects to nothing before its lifespan."""
    database = Database(settings.connection_string, settings.connect_timeout_seconds)
    identity = Identity(settings.commit, settings.environment, settings.instance, datetime.now(UTC))
    requirements = requirements_for(settings, find_history(settings))
    observer = Observer(database, settings.query_timeout_seconds, version_table=requirements.version_table)
    readiness = Readiness(observer, database.target, requirements, identity)
    token = settings.health_token.get_secret_value() if settings.health_token else None
    orders = Orders(enable=settings.enable_pgvector, update=settings.update_pgvector)
    traces = tracing.start(identity, settings.redactor(*tracing.secrets_in(os.environ)))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        engine = create_engine(database)
        traces.watch(engine)
        provisioner = Provisioner(database, engine, readiness, orders)
        provisioning = asyncio.create_task(provisioner.run(), name="provisioning")
        with suppress(TimeoutError):
            await asyncio.wait_for(provisioner.has_tried.wait(), _FIRST_ATTEMPT_SECONDS)
        try:
            yield {"engine": engine, "readiness": readiness}
        finally:
            provisioning.cancel()
            readiness.close()
            database.terminate()  # a frozen server would hold up the farewell of every connection in the pool
            await engine.dispose()
            await traces.close()

    service = Service(
        title=SERVICE,
        version=__version__ if token is None else "withheld",
        description=description or "",
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=traces.telemetry,
        max_body_size=_MOST_BODY_BYTES,
    )
    service.health = Health(readiness, database.target, identity, has_gate=settings.startup_gate, token=token)
    own = (
        status_page.create_router(readiness, service.health, identity, is_public=token is None),
        contract.create_router(service.health),
        badge.create_router(readiness),
        metrics.create_router(readiness, identity, service.health),
    )
    for router in (*own, *routers):
        service.include_router(router)
    if os.environ.get("WEB_CONCURRENCY", "1") != "1":
        _logger.info("web_concurrency_ignored", extra={"detail": "one process serves; scale out by instances"})
    return service
