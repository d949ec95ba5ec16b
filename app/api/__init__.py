"""What the service answers over HTTP; a team's own endpoints are added here (docs/add-an-endpoint.md)."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
