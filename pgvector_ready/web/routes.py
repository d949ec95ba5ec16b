"""The routes of an application that exists, beside the two of ours."""

from collections.abc import Iterator
from typing import Any

from starlette.routing import Match

from pgvector_ready.web.contract import NAMES


def conflict_at(path: str, app: Any) -> str | None:
    """Return a sentence where a route of the application has a path of ours: only the first of the two answers."""
    names = [(_name_of(route), route) for route in _routes_at(path, app)]
    if not names:
        return None
    (first, _), *others = names
    if first not in NAMES:
        return f"{first} answers {path} before pgvector-ready's own route: give Ready another path=…"
    lost = [name for name, route in others if name not in NAMES and _is_literal(route)]
    return f"pgvector-ready's own route answers {path} before {lost[0]}: give Ready another path=…" if lost else None


def _routes_at(path: str, app: Any) -> Iterator[Any]:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": [], "query_string": b""}
    for route in getattr(app, "routes", ()):
        match, _ = route.matches(dict(scope))
        if match is Match.FULL:
            yield _leaf(route, scope)


def _leaf(route: Any, scope: dict[str, Any]) -> Any:
    """Return the route itself, of a router that FastAPI keeps whole, as it does since 2026."""
    while hasattr(route, "original_router") and hasattr(route, "_match"):
        route = route._match(dict(scope))[2]  # noqa: SLF001 - only for a warning, which is the worse without it
    return route


def _name_of(route: Any) -> str:
    return str(getattr(route, "name", "") or type(route).__name__)


def _is_literal(route: Any) -> bool:
    """True if it answers one path only. A route with parameters, or a mount, takes what is left, and loses nothing."""
    return getattr(route, "param_convertors", None) == {}
