"""The two endpoints as FastAPI documents them, and serves them where this router is part of another application."""

from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from pgvector_ready.documents.answer import Answer
from pgvector_ready.documents.documents import AnonymousDocument, DatabaseDocument, ServiceDocument
from pgvector_ready.documents.identity import Documentation, Identity
from pgvector_ready.judgement.facts import Extension, Facts, Server
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning, ProvisioningState
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Provider, Target
from pgvector_ready.paths import DATABASE_PATH, FAILURES, Paths
from pgvector_ready.web.health import Health


def create_router(health: Health) -> APIRouter:
    """The documented routes, answered by `health`."""
    router = APIRouter()

    async def service(request: Request) -> Response:
        """May this process live, may this deploy go live? Never touches the database."""
        return _response(request, await health.answer(request.scope, is_about_database=False))

    async def database(request: Request) -> Response:
        """Is PostgreSQL with pgvector usable right now?"""
        return _response(request, await health.answer(request.scope, is_about_database=True))

    for path, endpoint, document in (
        (health.paths.health, service, ServiceDocument),
        (health.paths.database, database, DatabaseDocument),
    ):
        name = f"{endpoint.__name__}_health"  # one of NAMES
        for method in ("GET", "HEAD"):
            router.add_api_route(
                path,
                endpoint,
                methods=[method],
                name=name,
                tags=TAGS,
                operation_id=f"{method.lower()}_{name}",
                response_class=Response,
                responses={status: _documented(method, status, document) for status in _DESCRIPTIONS},
                # Not parameters of the function, which FastAPI would validate: unknown values are ignored here.
                openapi_extra={"parameters": [_STRICT, _FORMAT]},
            )
        # The contract's own answers to other methods, and to a slash at the end, which would be a redirect.
        for number, (also, methods) in enumerate(((path, _OTHERS), (f"{path}/", ["GET", "HEAD", *_OTHERS]))):
            router.add_api_route(
                also,
                endpoint,
                methods=methods,
                name=name,
                tags=TAGS,
                operation_id=f"other_{number}_{name}",
                include_in_schema=False,
            )
    return router


def _documented(method: str, status: int, document: type[BaseModel]) -> dict[str, Any]:
    if method == "HEAD":
        return {"description": f"{_DESCRIPTIONS[status]} Headers only."}
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {"description": _DESCRIPTIONS[status], "model": document | AnonymousDocument, "content": text}


def with_examples(openapi: dict[str, Any], paths: Paths) -> dict[str, Any]:
    """FastAPI's document with the examples in it, which FastAPI itself would strip of every `null`."""
    for path, examples in ((paths.health, _ABOUT_SERVICE), (paths.database, _ABOUT_DATABASE)):
        for status, example in examples.items():
            content = openapi["paths"][path]["get"]["responses"][str(int(status))]["content"]
            document = example.model_dump(mode="json", by_alias=True)
            content["application/json"]["example"] = document | {"version": openapi["info"]["version"]}
            content["application/health+json"] = content["application/json"]
    return openapi


def _response(request: Request, answer: Answer) -> Response:
    response = Response(b"" if request.method == "HEAD" else answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


# What the two routes are called.
NAMES = frozenset({"service_health", "database_health"})
# Some generators of clients read the first tag of every route.
TAGS: list[str | Enum] = ["health"]
_OTHERS = ["OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"]
_STRICT = {
    "name": "strict",
    "in": "query",
    "schema": {"type": "string"},
    "description": "With `true` a warning is answered as a failure.",
}
_FORMAT = {
    "name": "format",
    "in": "query",
    "schema": {"type": "string"},
    "description": "`text` gives lines that a person reads in a terminal.",
}
_DESCRIPTIONS: dict[int, str] = {
    HTTPStatus.OK: "Yes.",
    HTTPStatus.SERVICE_UNAVAILABLE: "No; `error` says why and what to do next.",
}

# The documented examples come out of the same judgement and the same documents as every answer.
_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_IDENTITY = Identity("a6be012", "staging", "srv-1", started_at=_NOON, documentation=Documentation(FAILURES))
_TARGET = Target(host="db.example.net", port=5432, database="app", user="app", provider=Provider.OTHER)
_FOUND = Facts(
    target=_TARGET,
    observed_at=_NOON,
    latency_ms=2.9,
    server=Server(
        version="17.6",
        is_standby=False,
        is_read_only=False,
        database="app",
        user="app",
        tls="TLSv1.3",
        is_pooled=False,
        fingerprint="3f9ac2d1",
    ),
    extension=Extension("0.8.6", "0.8.6", "public", "public"),
    durations_ms={Step.CONNECTED: 2.1, Step.USABLE: 0.8},
)
_LOST = Facts(
    target=_TARGET,
    observed_at=_NOON,
    latency_ms=1.1,
    failure=Failure.about(Code.CONNECTION_REFUSED, Step.CONNECTED, _TARGET),
)
_DONE = Provisioning(ProvisioningState.CREATED, attempts=1, is_done=True)
_STARTING = Failure.about(Code.STARTING, Step.SERVICE, _TARGET, {"database_path": DATABASE_PATH})


def _observed(facts: Facts, consecutive_failures: int) -> DatabaseDocument:
    observation = Observation(judge(facts, Requirements()), _DONE, _NOON, consecutive_failures)
    return DatabaseDocument.of(observation, _IDENTITY)


_ABOUT_SERVICE: dict[HTTPStatus, BaseModel] = {
    HTTPStatus.OK: ServiceDocument.of(None, _IDENTITY),
    HTTPStatus.SERVICE_UNAVAILABLE: ServiceDocument.of(_STARTING, _IDENTITY),
}
_ABOUT_DATABASE: dict[HTTPStatus, BaseModel] = {
    HTTPStatus.OK: _observed(_FOUND, 0),
    HTTPStatus.SERVICE_UNAVAILABLE: _observed(_LOST, 3),
}
