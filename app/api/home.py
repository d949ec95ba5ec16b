"""The page at `/`: where to look."""

from fastapi import APIRouter, Response

from app.report import DATABASE_PATH, HEALTH_PATH

router = APIRouter()

_PAGE = f"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>pgvector-ready</title>
<h1>pgvector-ready</h1>
<ul>
<li><a href="{HEALTH_PATH}">{HEALTH_PATH}</a>: may this process live, may this deploy go live?</li>
<li><a href="{DATABASE_PATH}">{DATABASE_PATH}</a>: is PostgreSQL with pgvector usable right now?
(<a href="{DATABASE_PATH}?format=text">as text</a>)</li>
<li><a href="/docs">/docs</a>: both, documented</li>
</ul>
</html>
"""


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def home() -> Response:
    """A page with links; HEAD is what Render's port probe sends."""
    return Response(_PAGE, media_type="text/html", headers={"Cache-Control": "no-store"})
