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
from pgvector_ready.documents.documents import SERVICE, Identity
from pgvector_ready.documents.language import Language, preferred
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.web.health import Health
from pgvector_ready.web.rendered import Rendered
from pgvector_ready.web.status.drawing import draw_footer, draw_main, draw_masthead, draw_title
from pgvector_ready.web.status.history import History
from pgvector_ready.web.status.language import LANGUAGES
from pgvector_ready.web.status.markup import favicon, html


def create_router(readiness: Readiness, health: Health, identity: Identity, *, is_public: bool) -> APIRouter:
    """The page's route; it listens to `readiness` for the recent past.

    Unless `is_public` it shows what everybody may see, for a browser has no way to send the token.
    """
    source = files("pgvector_ready.web.status").joinpath("status.html").read_text("utf-8")
    template, headers = Template(source), _headers(source)
    manner = Manner(is_anonymous=not is_public)
    history, rendered = History(), Rendered()
    readiness.listeners.append(history.remember)
    router = APIRouter()

    async def page(request: Request) -> Response:
        if request.method == "HEAD":  # Render's port probe, which asks only whether somebody listens
            return _without_body(headers)
        # The answer that everybody shares: a page costs the database nothing that a poll does not.
        answers = readiness.draining() if health.is_draining else await readiness.answers()
        language = preferred(request.headers.get("accept-language", ""))
        root_path, at = request.scope.get("root_path", ""), f"{datetime.now(UTC):%H:%M:%S} UTC"
        body = rendered.get((answers, at), (language, root_path), lambda: draw(answers, language, at, root_path))
        return Response(body, media_type="text/html", headers=headers)

    def draw(answers: Answers, language: Language, at: str, root_path: str) -> bytes:
        document, words = loads(answers.to(manner._replace(language=language)).body), LANGUAGES[language]
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
            "footer": draw_footer(root_path, words),
        }
        return template.substitute({name: html(part) for name, part in parts.items()}).encode()

    router.add_api_route("/", page, methods=["GET", "HEAD"], include_in_schema=False)
    return router


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
