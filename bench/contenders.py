"""What the service is compared with, each served by the same uvicorn in the same configuration.

    python -m bench.contenders NAME

`PORT` is where, `DATABASE_URL` the database, `ANSWER` the file with the answer that a bare application repeats.
"""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi_health import health
from fastapi_healthchecks.api.router import HealthcheckRouter, Probe
from fastapi_healthchecks.checks.postgres import PostgreSqlCheck
from fastapi_healthz import HealthCheckDatabase, HealthCheckRegistry, health_check_route
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.types import ASGIApp, Receive, Scope, Send

from pgvector_ready.server.server import Server, bind

PATH = "/health"


def bare() -> ASGIApp:
    """Nothing but the answer: as fast as this uvicorn gets."""
    answer = json.loads(Path(os.environ["ANSWER"]).read_text())
    body = answer["body"].encode()
    headers = [(name.encode(), value.encode()) for name, value in answer["headers"]]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def route() -> ASGIApp:
    """What most services have for liveness."""
    app = FastAPI()

    @app.get(PATH)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _sessions() -> async_sessionmaker[AsyncSession]:
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    return async_sessionmaker(create_async_engine(url))


def recipe() -> ASGIApp:
    """What most services have for readiness: a session of the application's pool, and SELECT 1."""
    app, sessions = FastAPI(), _sessions()

    async def open_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session

    @app.get(PATH)
    async def ready(session: Annotated[AsyncSession, Depends(open_session)]) -> dict[str, str]:
        await session.execute(text("SELECT 1"))
        return {"status": "ok"}

    return app


def fastapi_health() -> ASGIApp:
    """Its README: conditions are callables, and may have dependencies."""
    app, sessions = FastAPI(), _sessions()

    async def open_session() -> AsyncIterator[AsyncSession]:
        async with sessions() as session:
            yield session

    async def is_database_online(session: Annotated[AsyncSession, Depends(open_session)]) -> bool:
        await session.execute(text("SELECT 1"))
        return True

    app.add_api_route(PATH, health([is_database_online]))
    return app


def fastapi_healthchecks() -> ASGIApp:
    """Its README: a router with a probe of its own check for PostgreSQL."""
    app = FastAPI()
    check = PostgreSqlCheck.from_url(os.environ["DATABASE_URL"])
    app.include_router(HealthcheckRouter(Probe(name=PATH.strip("/"), checks=[check])))
    return app


def fastapi_healthz() -> ASGIApp:
    """Its README: a registry with its own check by SQLAlchemy, which is synchronous."""
    app, registry = FastAPI(), HealthCheckRegistry()
    registry.add(HealthCheckDatabase(uri=os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")))
    app.add_api_route(PATH, endpoint=health_check_route(registry=registry))
    return app


BARE, ROUTE, RECIPE = "bare ASGI, the same bytes", "FastAPI route, a dict", "usual recipe, SELECT 1"
CONTENDERS: dict[str, Callable[[], ASGIApp]] = {
    BARE: bare,
    ROUTE: route,
    RECIPE: recipe,
    "fastapi-health": fastapi_health,
    "fastapi-healthchecks": fastapi_healthchecks,
    "fastapi-healthz": fastapi_healthz,
}


def main(name: str) -> None:
    """Serve it until the process is killed: its end is nobody's business."""
    host, port = "127.0.0.1", int(os.environ["PORT"])
    with bind(host, port) as listener:
        Server(CONTENDERS[name](), host, port, drain_seconds=0, polled=frozenset({PATH})).run([listener])


if __name__ == "__main__":
    main(sys.argv[1])
