"""The service with a team's own endpoints, for tests of what happens around them: `python -m tests.support.team`."""

import asyncio
import os
import sys

from fastapi import APIRouter, HTTPException
from opentelemetry import trace
from sqlalchemy import column, func, literal, select, table, text

from app import api
from app.api.session import Session
from pgvector_ready.__main__ import main

router = APIRouter(prefix="/team")
DOCUMENTS = table("documents", column("id"), column("title"))


@router.get("/modules")
async def modules() -> list[str]:
    """What this process has imported of OpenTelemetry's SDK and exporters."""
    return sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")))


@router.get("/items/{item}")
async def items(item: str) -> str:
    return item


@router.get("/missing")
async def missing() -> None:
    raise HTTPException(404)


@router.get("/broken")
async def broken() -> None:
    """An exception whose message, and a span of the team's own whose everything, holds every secret there is."""
    secret = f"{os.environ['DATABASE_URL']} {os.environ['HEALTH_TOKEN']}"
    tracer = trace.get_tracer("team")
    with tracer.start_as_current_span(f"team {secret}", attributes={"one": secret, "some": [secret, secret]}) as span:
        span.add_event(secret, {"what": secret})
        raise RuntimeError(secret)


@router.get("/sql")
async def sql(session: Session, title: str) -> int | None:
    await session.execute(text(f"SELECT '{title}', CAST(:title AS text)").bindparams(title=title))
    return await session.scalar(select(literal(1)).where(literal(title) == title))


@router.get("/failing-sql")
async def failing_sql(session: Session, title: str) -> None:
    await session.execute(select(DOCUMENTS).where(DOCUMENTS.c.title == title))


@router.get("/cancelled-sql")
async def cancelled_sql(session: Session) -> str:
    try:
        async with asyncio.timeout(0.05):
            await session.execute(select(func.pg_sleep(30)))
    except TimeoutError:
        return "too slow"
    return "slept"


if __name__ == "__main__":
    if "WITHOUT_THE_EXTRA" in os.environ:
        sys.modules["opentelemetry.sdk"] = None  # type: ignore[assignment] # Python's way to say that there is none
    api.ROUTERS = (router,)
    main()
