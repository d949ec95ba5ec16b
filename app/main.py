"""The application that is deployed: the service, with a team's own endpoints."""

from fastapi import FastAPI

from app import api
from pgvector_ready.service import create_app as create_service
from pgvector_ready.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Return the service with the routers of `app.api`. Raises ConfigurationError."""
    return create_service(settings, api.ROUTERS)
