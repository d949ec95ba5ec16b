"""HTML from values: whatever is not markup already is escaped on its way in."""

from html import escape
from urllib.parse import quote


class Html(str):
    """Markup; every other text is text."""

    __slots__ = ()


def html(text: str) -> Html:
    """The text as markup: escaped, unless it is markup already."""
    return text if isinstance(text, Html) else Html(escape(text))


def together(*parts: str | None) -> Html:
    """The parts, one after the other; None is left out."""
    return Html("".join(html(part) for part in parts if part is not None))


def tag(name: str, *children: str | None, **attributes: str | None) -> Html:
    """An element. `class_` is the attribute class, `aria_label` aria-label; what is None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{together(*children)}</{name}>")


# Each state has a shape of its own: nobody has to tell green from red.
_SHAPES = {
    "pass": "M3.5 8.5 6.5 11.5 12.5 4.5",
    "skipped": "M4.5 8H11.5",
    "warn": "M8 3V9M8 12.4V12.6",
    "fail": "M4.2 4.2 11.8 11.8M11.8 4.2 4.2 11.8",
}
_COLOURS = {"pass": "#1a7f4b", "skipped": "#5c6370", "warn": "#8a5a00", "fail": "#b3261e"}


def icon(state: str) -> Html:
    """The state's shape; decoration, since the word stands beside it."""
    path = tag("path", d=_SHAPES[state])
    return tag("svg", path, class_=f"icon {state}", viewBox="0 0 16 16", aria_hidden="true")


def favicon(state: str) -> str:
    """The icon as an image in a URL, for the browser's tab."""
    circle = f'<circle cx="8" cy="8" r="8" fill="{_COLOURS[state]}"/>'
    stroke = 'fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
    drawn = f'{circle}<path d="{_SHAPES[state]}" {stroke}/>'
    return "data:image/svg+xml," + quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{drawn}</svg>')
