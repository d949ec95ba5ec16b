"""A team's own endpoints: each router stands in `ROUTERS` (docs/add-an-endpoint.md)."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
