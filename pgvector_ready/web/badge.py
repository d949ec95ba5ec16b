"""A picture for a README or a dashboard: the database is ready, degraded or down."""

from collections.abc import Callable

from fastapi import APIRouter, Response

from pgvector_ready.judgement.report import State
from pgvector_ready.paths import Paths
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.web.contract import TAGS

# The word says it without the colour; white on each colour has a contrast of more than 4.5, as WCAG asks of text.
_WORDS = {
    State.PASS: ("ready", "#2e7d32"),
    State.WARN: ("degraded", "#8a5a00"),
    State.FAIL: ("down", "#b3261e"),
}
_LABEL = "pgvector"
_LETTER, _MARGIN = 7, 6  # widths in pixels; textLength makes every font keep to them
_TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {word}">
<title>{label}: {word}</title>
<rect width="{width}" height="20" rx="3" fill="#444"/>
<path d="M{split} 0h{right_side}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right_side}z" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{margin}" y="14" textLength="{label_width}">{label}</text>
<text x="{word_at}" y="14" textLength="{word_width}">{word}</text>
</g>
</svg>
"""


def _drawn(word: str, colour: str) -> str:
    label_width, word_width = len(_LABEL) * _LETTER, len(word) * _LETTER
    split = label_width + 2 * _MARGIN
    return _TEMPLATE.format(
        label=_LABEL,
        word=word,
        colour=colour,
        margin=_MARGIN,
        label_width=label_width,
        word_width=word_width,
        split=split,
        word_at=split + _MARGIN,
        width=split + word_width + 2 * _MARGIN,
        right_side=word_width + 2 * _MARGIN - 3,  # without the corner's radius
    )


_BADGES = {state: _drawn(word, colour) for state, (word, colour) in _WORDS.items()}


def create_router(readiness: Readiness, paths: Paths, awaken: Callable[[], None]) -> APIRouter:
    """The route; it shows what `readiness` answers to everybody else."""
    router = APIRouter()

    async def badge() -> Response:
        """Always 200: with any other status a page shows a broken picture."""
        awaken()
        await readiness.answers()
        observation = readiness.observation
        state = observation.report.state if observation else State.FAIL
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
        return Response(_BADGES[state], media_type="image/svg+xml", headers=headers)

    router.add_api_route(
        paths.badge, badge, methods=["GET", "HEAD"], tags=TAGS, operation_id="get_badge", include_in_schema=False
    )
    return router
