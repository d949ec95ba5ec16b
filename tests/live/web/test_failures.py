"""`/failures`, and the address of a code's section in an answer."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import ASGITransport

from pgvector_ready import Ready
from tests.conftest import Database
from tests.support.postgres import free_port
from tests.support.service import running

NOWHERE = "postgresql://app:secret@127.0.0.1:{}/app"


async def test_the_page_is_served_in_the_language_that_is_asked_for(database: Database) -> None:
    async with running(database.url) as service:
        english, japanese = [
            await service.client.get("/failures", headers={"accept-language": language})
            for language in ("en", "ja,en;q=0.5")
        ]
        head = await service.client.head("/failures")
        page = await service.client.get("/")

    assert '<h2 id="connection_refused">' in english.text
    assert '<html lang="ja">' in japanese.text
    assert (head.status_code, head.content) == (200, b"")
    for answer in (english, japanese):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert answer.headers["vary"] == "Accept-Language"
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        ({}, "/failures"),
        ({"render_external_url": "https://a.onrender.com"}, "https://a.onrender.com/failures"),
        ({"railway_public_domain": "a.up.railway.app"}, "https://a.up.railway.app/failures"),
        (
            {"documentation_url": "https://docs.example.com/f", "render_external_url": "https://a.onrender.com"},
            "https://docs.example.com/f",
        ),
    ],
)
async def test_an_answer_leads_to_the_section_of_its_code(settings: dict[str, Any], page: str) -> None:
    async with running(NOWHERE.format(free_port()), startup_gate=False, **settings) as service:
        answer = await service.until("connection_refused")
        drawn = await service.client.get("/", headers={"host": "evil.example"})

    assert answer.json()["error"]["documentation"] == f"{page}#connection_refused"
    assert "evil.example" not in drawn.text


async def test_a_guest_without_the_page_promises_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE.format(free_port()))
    ready = Ready()
    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(ready.router)

    async with ready.running(), httpx.AsyncClient(transport=ASGITransport(app), base_url="http://a") as client:
        answer = await client.get("/api/v1/health/db")

    assert answer.json()["error"]["documentation"] is None
