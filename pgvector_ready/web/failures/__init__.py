"""The page at `/failures`: what each code means and what to do, as docs/failures.md and docs/failures.ja.md have it."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from pgvector_ready.documents.language import Language, preferred
from pgvector_ready.paths import FAILURES
from pgvector_ready.web.contract import TAGS

_FILES = {Language.ENGLISH: "en.html", Language.JAPANESE: "ja.html"}


def create_router() -> APIRouter:
    """The page's route: files that the package brings, and no request to anywhere."""
    folder = files(__name__)
    pages = {language: folder.joinpath(name).read_bytes() for language, name in _FILES.items()}
    headers = {language: _headers(page.decode()) for language, page in pages.items()}
    router = APIRouter()

    async def failures(request: Request) -> Response:
        language = preferred(request.headers.get("accept-language", ""))
        body = b"" if request.method == "HEAD" else pages[language]
        return Response(body, media_type="text/html; charset=utf-8", headers=headers[language])

    router.add_api_route(
        FAILURES, failures, methods=["GET", "HEAD"], tags=TAGS, operation_id="get_failures", include_in_schema=False
    )
    return router


def _headers(page: str) -> dict[str, str]:
    style = b64encode(sha256(page.partition("<style>")[2].partition("</style>")[0].encode()).digest()).decode()
    rest = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return {
        "Cache-Control": "max-age=3600",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style}'; {rest}",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }
