"""The page at `/`: the runbook and the recent past, for people; one document that loads nothing from anywhere."""

import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from json import loads
from string import Template

from fastapi import APIRouter, Request, Response

from pgvector_ready.documents.answer import Answers, Manner
from pgvector_ready.documents.identity import SERVICE, Identity
from pgvector_ready.documents.language import preferred
from pgvector_ready.paths import PAGE
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.web.contract import TAGS
from pgvector_ready.web.health import Health
from pgvector_ready.web.rendered import Rendered
from pgvector_ready.web.status.drawing import draw_footer, draw_main, draw_masthead, draw_title, draw_token
from pgvector_ready.web.status.history import History
from pgvector_ready.web.status.language import LANGUAGES
from pgvector_ready.web.status.markup import favicon, html


def create_router(readiness: Readiness, health: Health, identity: Identity, *, is_public: bool) -> APIRouter:
    """The page's route; it listens to `readiness` for the recent past.

    Unless `is_public` it shows what everybody may see, and a field: the page sends what is written there as the token.
    """
    source = files("pgvector_ready.web.status").joinpath("status.html").read_text("utf-8")
    template, headers = Template(source), _headers(source)
    history, rendered = History(), Rendered()
    readiness.listeners.append(history.remember)
    router = APIRouter()

    async def page(request: Request) -> Response:
        if request.method == "HEAD":  # Render's port probe, which asks only whether somebody listens
            return _without_body(headers)
        health.awaken()
        # The answer that everybody shares: a page costs the database nothing that a poll does not.
        answers = readiness.draining() if health.is_draining else await readiness.answers()
        language = preferred(request.headers.get("accept-language", ""))
        place, at = _place(request), f"{datetime.now(UTC):%H:%M:%S} UTC"
        shows_all = health.shows_all(request.scope)
        manner = Manner(is_anonymous=not shows_all, language=language, shows_names=shows_all and not is_public)
        body = rendered.get((answers, at), (manner, place), lambda: draw(answers, manner, at, place))
        return Response(body, media_type="text/html", headers=headers)

    def draw(answers: Answers, manner: Manner, at: str, place: str) -> bytes:
        document, words = loads(answers.to(manner).body), LANGUAGES[manner.language]
        parts = {
            "lang": words["lang"],
            "title": draw_title(document, identity, words),
            "icon": favicon(document["status"]),
            "at": at,
            "lost": words["lost"],
            "lost_title": f"{words['lost_title']} · {SERVICE}",
            "lost_icon": favicon("skipped"),
            "unscripted": words["unscripted"],
            "masthead": draw_masthead(document, identity),
            "main": draw_main(document, identity, history, words),
            "token": "" if is_public else draw_token(words),
            "footer": draw_footer(place, health.paths, words),
        }
        return template.substitute({name: html(part) for name, part in parts.items()}).encode()

    router.add_api_route(
        PAGE, page, methods=["GET", "HEAD"], tags=TAGS, operation_id="get_status_page", include_in_schema=False
    )
    return router


def _place(request: Request) -> str:
    """The path that the application's own begin with, where it is mounted or the page has a prefix."""
    return str(request.scope["path"]).removesuffix(PAGE)


def _headers(source: str) -> dict[str, str]:
    style, script = (_hash(source, name) for name in ("style", "script"))
    policy = {
        "default-src": "'none'",
        "style-src": style,
        "script-src": script,
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }


def _hash(source: str, name: str) -> str:
    """Of the one element of this name: the browser takes no other."""
    (content,) = re.findall(rf"<{name}>(.*?)</{name}>", source, re.DOTALL)
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


def _without_body(headers: dict[str, str]) -> Response:
    response = Response(media_type="text/html", headers=headers)
    del response.headers["content-length"]  # that of a page which nobody has drawn
    return response
