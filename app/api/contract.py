"""The two endpoints as FastAPI documents them, and as it serves them where the service is mounted below another."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from app.answer import Answer
from app.api.health import Health
from app.report import DATABASE_PATH, HEALTH_PATH, DatabaseDocument, ServiceDocument

Strict = Annotated[bool, Query(description="With `true` a warning is answered as a failure.")]
Format = Annotated[Literal["json", "text"], Query(description="`text` gives lines for a terminal.")]


def create_router(health: Health) -> APIRouter:
    """The documented routes, answered by `health`."""
    router = APIRouter(tags=["health"])

    async def service(request: Request, format: Format = "json") -> Response:  # noqa: A002, ARG001 - the parameter's name
        """May this process live, may this deploy go live? Never touches the database."""
        return _response(await health.answer(request.scope, HEALTH_PATH))

    async def database(request: Request, strict: Strict = False, format: Format = "json") -> Response:  # noqa: A002, ARG001, FBT002 - as above
        """Is PostgreSQL with pgvector usable right now?"""
        return _response(await health.answer(request.scope, DATABASE_PATH))

    for path, endpoint, document in (
        (HEALTH_PATH, service, ServiceDocument),
        (DATABASE_PATH, database, DatabaseDocument),
    ):
        for method in ("GET", "HEAD"):
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                operation_id=f"{method.lower()}_{endpoint.__name__}_health",
                summary=f"Health of the {endpoint.__name__}" + (" (headers only)" if method == "HEAD" else ""),
                response_class=Response,
                responses=_responses(document, method),
            )
    return router


def _responses(document: type[ServiceDocument | DatabaseDocument], method: str) -> dict[int | str, dict[str, Any]]:
    return {}


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response
