"""`Ready`: the two endpoints for an application that exists, and the start-up that makes them true."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi import APIRouter
from pydantic import SecretStr
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from pgvector_ready.arguments import checked_engine, checked_metadata, checked_path, text_of, with_url
from pgvector_ready.database import Database, create_engine
from pgvector_ready.documents.identity import Documentation, Identity
from pgvector_ready.judgement.failures import Failure
from pgvector_ready.judgement.requirements import Requirements, VectorPolicy
from pgvector_ready.judgement.target import NOWHERE, Target
from pgvector_ready.migrations.history import find_history, requirements_for
from pgvector_ready.observation.inspector import Inspector
from pgvector_ready.observation.models import models_of
from pgvector_ready.observation.observer import Misconfigured, Observer
from pgvector_ready.paths import HEALTH_PATH, Paths, own_path
from pgvector_ready.readiness.provisioning import Permissions, Provisioner
from pgvector_ready.readiness.readiness import Observes, Readiness
from pgvector_ready.settings import ConfigurationError, Settings
from pgvector_ready.web import badge, contract, routes
from pgvector_ready.web.health import Health

if TYPE_CHECKING:
    from pgvector_ready.tracing import Traces

_logger = logging.getLogger(__name__)

# How long the first attempt may hold back the listener: a deploy is ready at once where the database is.
_FIRST_ATTEMPT_SECONDS = 3.0

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Any]]


class Ready:
    """Says whether the database of an application is usable, and makes it so at start-up.

    Nothing is opened before a lifespan, or a request where nobody runs one. A wrong argument raises; what is wrong with
    DATABASE_URL is what the endpoints answer. It runs on one event loop at a time, and again after it has ended.
    """

    def __init__(  # noqa: PLR0913 - each is optional
        self,
        database_url: str | SecretStr | URL | None = None,
        *,
        engine: AsyncEngine | None = None,
        migrations: str | Path | None = None,
        metadata: Any = None,
        path: str = HEALTH_PATH,
        settings: Settings | None = None,
    ) -> None:
        """Take what the application has: its engine, its Alembic folder or alembic.ini, its models.

        Raises TypeError, ValueError, or ConfigurationError for what the environment says wrongly.
        """
        self._given_engine = checked_engine(engine)
        self.metadata = checked_metadata(metadata)
        self.settings = with_url(settings, text_of(database_url), self._given_engine)
        paths = Paths(checked_path(path))
        requirements = Requirements()
        self.failure: Failure | None = None
        target: Target = NOWHERE
        try:
            target = self.settings.connection_string.target
            requirements = requirements_for(self.settings, find_history(self.settings, migrations))
            if self.metadata is not None:
                requirements = replace(requirements, models=models_of(self.metadata))
        except ConfigurationError as error:
            if error.failure is None:
                raise
            self.failure = error.failure
        self._requirements = requirements
        of = self.settings
        documentation = Documentation(of.documentation_url)
        self.identity = Identity(of.commit, of.environment, of.instance, datetime.now(UTC), documentation)
        self._token = of.health_token.get_secret_value() if of.health_token else None
        self._readiness = Readiness(Misconfigured(self.failure), target, requirements, self.identity)
        self.health = Health(
            self._readiness,
            target,
            self.identity,
            has_gate=of.startup_gate,
            token=self._token,
            paths=paths,
            awaken=self._awaken,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._entered = 0
        self.answers_first = False
        self._engine: AsyncEngine | None = None
        self._database: Database | None = None
        self._provisioning: asyncio.Task[None] | None = None
        self._traces: Traces | None = None

    # What an application takes of it

    @cached_property
    def router(self) -> APIRouter:
        """Both endpoints and the badge."""
        router = contract.create_router(self.health)
        router.include_router(badge.create_router(self._readiness, self.health.paths, self._awaken))
        return router

    @cached_property
    def page(self) -> APIRouter:
        """The status page for people, at the root, and `/failures`, which says what each code means."""
        from pgvector_ready.web import failures  # noqa: PLC0415 - not every application has them
        from pgvector_ready.web.status.page import create_router  # noqa: PLC0415 - as above

        documentation = self.identity.documentation
        documentation.page = documentation.page or self.settings.own_failures_page
        router = create_router(self._readiness, self.health, self.identity, is_public=self._token is None)
        router.include_router(failures.create_router())
        return router

    @cached_property
    def metrics(self) -> APIRouter:
        """`/metrics` for Prometheus. Raises ImportError without the extra `metrics`."""
        try:
            from pgvector_ready.web.metrics import create_router  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            message = 'The metrics need prometheus-client: pip install "pgvector-ready[metrics]"'
            raise ImportError(message) from error
        return create_router(self._readiness, self.identity, self.health)

    @property
    def engine(self) -> AsyncEngine:
        """The engine that was given, or else one of its own while it runs. Raises RuntimeError before that."""
        engine = self._given_engine or self._engine
        if engine is None:
            message = "Ready has an engine of its own only while it runs, with a DATABASE_URL: use ready.lifespan()"
            raise RuntimeError(message)
        return engine

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Answer both paths before `app` does, its routing, middlewares and authentication included."""
        health, polled, self.answers_first = self.health, self.health.paths.polled, True

        async def answer_first(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and (path := own_path(scope["path"], scope.get("root_path", ""))) in polled:
                await health(scope, path, send)
            else:
                await app(scope, receive, send)

        return answer_first

    @property
    def telemetry(self) -> Any:
        """FastAPI's setting for traces, as OTEL_* variables ask for them; polls are left out (docs/tracing.md)."""
        from pgvector_ready import tracing  # noqa: PLC0415 - only for who asks for it

        if self._traces is None:
            self._traces = tracing.start(self.identity, self.settings.redactor(*tracing.secrets_in()))
        return self._traces.telemetry

    @property
    def is_public(self) -> bool:
        """True if no HEALTH_TOKEN is set, so that everybody may see all."""
        return self._token is None

    # Its life

    def lifespan(self, inner: Lifespan | None = None) -> Lifespan:
        """Return a lifespan around `inner`, for FastAPI or Starlette.

        Handlers of `on_startup` and `on_shutdown` are run too, which FastAPI passes over where it is given a lifespan.
        """
        run = asynccontextmanager(inner) if inspect.isasyncgenfunction(inner) else inner

        @asynccontextmanager
        async def around(app: Any) -> AsyncIterator[dict[str, Any]]:
            self._warn_of_shadow(app)
            async with self.running():
                if run is None:
                    async with _handlers_of(app):
                        yield {"pgvector_ready": self}
                else:
                    async with run(app) as state, _handlers_of(app):
                        yield {**(state or {}), "pgvector_ready": self}

        return around

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Ready"]:
        """Run for the length of a block: start-up in the background, whose first attempt is waited for a little."""
        if self._loop is not asyncio.get_running_loop() or not self._entered:
            await self._start()
        self._entered += 1
        try:
            yield self
        finally:
            self._entered -= 1
            if not self._entered:
                await self._stop()

    def drain(self) -> None:
        """Take no new work: both endpoints say so from now on."""
        self.health.is_draining = True

    def expire(self) -> None:
        """Take the last observation for too old: the next request starts a probe."""
        self._readiness.expire()

    def _awaken(self) -> None:
        """Start where nobody runs a lifespan, such as that of an application which is mounted in another one."""
        if self._loop is not asyncio.get_running_loop():
            self._begin()

    def _begin(self) -> Provisioner | None:
        """Begin on the event loop that runs now; what another one has left behind ended with it."""
        self._loop = asyncio.get_running_loop()
        self.health.is_draining = False
        observer: Observes = Misconfigured(self.failure)
        if self.failure:
            self._readiness.begin(observer)
            return None
        of = self.settings
        database = self._database = Database(of.connection_string, of.connect_timeout_seconds)
        observer = Observer(database, of.query_timeout_seconds, version_table=self._requirements.version_table)
        every_seconds = of.vector_inventory_seconds if of.looks_at_vectors else 0
        self._readiness.begin(observer, Inspector(database, every_seconds, self._requirements.models))
        engine = self._given_engine or create_engine(database)
        self._engine = None if self._given_engine else engine
        if self._traces:
            self._traces.watch(engine)
        is_required = of.vectors is VectorPolicy.REQUIRED
        permissions = Permissions(enable=of.enable_pgvector, update=of.update_pgvector, inspect=is_required)
        provisioner = Provisioner(
            database, engine, self._readiness, permissions, is_engine_given=self._given_engine is not None
        )
        self._provisioning = self._loop.create_task(provisioner.run(), name="provisioning")
        return provisioner

    async def _start(self) -> None:
        if self._loop is asyncio.get_running_loop():  # a request was here first
            return
        self._entered = 0
        if provisioner := self._begin():
            with suppress(TimeoutError):
                await asyncio.wait_for(provisioner.has_tried.wait(), _FIRST_ATTEMPT_SECONDS)

    async def _stop(self) -> None:
        self._loop = None
        if self._provisioning:
            self._provisioning.cancel()
        self._readiness.close()
        if self._database:
            self._database.terminate()  # a frozen server would hold up the farewell of every connection in the pool
        if self._engine:
            await self._engine.dispose()
        self._provisioning = self._database = self._engine = None
        if self._traces:
            await self._traces.close()

    def _warn_of_shadow(self, app: Any) -> None:
        """Say once which route of the application has a path of ours: of the two only the first one answers."""
        middlewares = {getattr(one, "cls", None) for one in getattr(app, "user_middleware", ())}
        if self.middleware in middlewares:
            return
        for path in (self.health.paths.health, self.health.paths.database):
            if detail := routes.conflict_at(path, app):
                _logger.warning("path_taken: %s", detail, extra={"path": path, "detail": detail})


@asynccontextmanager
async def _handlers_of(app: Any) -> AsyncIterator[None]:
    router = getattr(app, "router", None)
    for handler in list(getattr(router, "on_startup", ())):
        await _call(handler)
    try:
        yield
    finally:
        for handler in list(getattr(router, "on_shutdown", ())):
            await _call(handler)


async def _call(handler: Callable[[], Any]) -> None:
    result = handler()
    if inspect.isawaitable(result):
        await result
