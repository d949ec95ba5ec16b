"""What every answer says to a browser, whoever gives it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import HTMLResponse

from pgvector_ready import __version__
from pgvector_ready.documents.headers import SAFETY_HEADERS
from tests.conftest import Database
from tests.support.service import DATABASE, HEALTH, Running, running

router = APIRouter(prefix="/team")


@router.get("/number/{number}")
async def number(number: int) -> int:
    return number


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError


@router.get("/forbidden")
async def forbidden() -> None:
    raise HTTPException(403)


@router.post("/text")
async def text(words: list[str]) -> int:
    return len(words)


@router.get("/page")
async def page() -> HTMLResponse:
    return HTMLResponse("<p>hello</p>")


@router.get("/framed")
async def framed() -> Response:
    headers = {"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "default-src 'self'"}
    return HTMLResponse("<p>hello</p>", headers=headers)


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Running]:
    async with running(database.url, routers=[router]) as service:
        yield service


ANSWERS = [
    ("GET", HEALTH, 200),
    ("GET", DATABASE, 200),
    ("HEAD", DATABASE, 200),
    ("OPTIONS", HEALTH, 204),
    ("DELETE", HEALTH, 405),
    ("GET", f"{DATABASE}?format=text", 200),
    ("GET", f"{HEALTH}/badge.svg", 200),
    ("GET", "/", 200),
    ("HEAD", "/", 200),
    ("GET", "/metrics", 200),
    ("GET", "/docs", 200),
    ("GET", "/redoc", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/nothing", 404),
    ("POST", "/", 405),
    ("GET", "/team/number/1", 200),
    ("GET", "/team/number/x", 422),
    ("GET", "/team/broken", 500),
    ("GET", "/team/forbidden", 403),
    ("POST", "/team/text", 422),
    ("GET", "/team/page", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS, ids=[f"{method} {path}" for method, path, _ in ANSWERS])
async def test_every_answer_makes_a_browser_careful(service: Running, method: str, path: str, status: int) -> None:
    answer = await service.client.request(method, path)

    assert answer.status_code == status
    assert_careful(answer)


def assert_careful(answer: httpx.Response) -> None:
    names = [name for name, _ in answer.headers.multi_items()]
    assert len(names) == len(set(names))
    assert not {"server", "x-powered-by"} & set(names)
    assert {name.decode(): value.decode() for name, value in SAFETY_HEADERS}.items() <= answer.headers.items()
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_body_that_is_too_large_too(service: Running) -> None:
    answer = await service.client.post("/team/text", json=["x" * 2_000_000])

    assert answer.status_code == 413
    assert_careful(answer)


async def test_an_endpoint_may_decide_otherwise(service: Running) -> None:
    answer = await service.client.get("/team/framed")

    assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_with_a_token_nothing_tells_an_anonymous_caller_more_than_the_verdict(database: Database) -> None:
    """Wherever it looks: neither the version in use, the commit, the instance, nor anything of the database."""
    identity: dict[str, Any] = {"GIT_COMMIT": "a6be012c", "ENVIRONMENT": "stage-5", "HOSTNAME": "srv-77"}
    paths = (
        *(f"{path}{query}" for path in (HEALTH, DATABASE) for query in ("", "?format=text", "?strict=true")),
        *("/", "/metrics", "/docs", "/redoc", "/openapi.json", f"{HEALTH}/badge.svg", "/nothing"),
    )
    async with running(database.url, health_token="secret", **identity) as service:  # noqa: S106 - an example
        answers = [await service.client.get(path, headers={"Accept": accept}) for path in paths for accept in ACCEPTED]
        told = (await service.client.get(HEALTH, headers={"Authorization": "Bearer secret"})).text

    assert all(word in told for word in identity.values())
    said = "".join(f"{answer.headers}{answer.text}" for answer in answers)
    withheld = (*identity.values(), database.name, str(database.server.port), f'"{__version__}"', "PostgreSQL 1")
    assert [word for word in withheld if word in said] == []


ACCEPTED = ("*/*", "application/health+json", "text/html")
