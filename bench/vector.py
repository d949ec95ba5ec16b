"""A plot as a small SVG file."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The letters stay letters, which the reader's browser draws. As outlines they are most of the file.
# With a salt of our own, the same figures give the same file.
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    "svg.hashsalt": "pgvector-ready",
}
_GEOMETRY = re.compile(r'(?<= )(?:d|x|y|transform)="[^"]*"')
_FRACTION = re.compile(r"-?\d+\.\d+")
_LINES = re.compile(r"(?:[ML] [-\d.]+ [-\d.]+\s+)+")


def save(figure: "Figure", path: Path) -> None:
    """Written without a date, and with every coordinate rounded to a tenth of a point, which nobody sees."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    path.write_text(_GEOMETRY.sub(_shortened, drawn.getvalue()))


def _shortened(attribute: re.Match[str]) -> str:
    rounded = _FRACTION.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), attribute[0])
    # What follows the first point of a line is a line without the letter L, too.
    return _LINES.sub(lambda line: line[0].replace("\nL", ""), rounded).replace(' \n"', '"')
