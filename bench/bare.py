"""What a start is compared with: FastAPI, SQLAlchemy and asyncpg, and one SELECT 1 before the first answer.

    python -m bench.bare

It imports nothing of this project.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://"))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The database answers, or the application does not start."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/api/v1/health")
async def live() -> dict[str, str]:
    """Yes."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning")
