"""A database session for the endpoints of the application, from the application's own pool."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request; what it has not committed is rolled back."""
    async with AsyncSession(request.state.pgvector_ready.engine, expire_on_commit=False) as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]
