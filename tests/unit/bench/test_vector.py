"""Plots are small files: a browser loads them with the document, and git keeps every version of them."""

from pathlib import Path
from typing import Any

import pytest

from bench import vector

_IMAGES = Path(__file__).parents[3] / "docs" / "images"


@pytest.mark.parametrize("plot", [pytest.param(path, id=path.stem) for path in sorted(_IMAGES.glob("*.svg"))])
def test_a_committed_plot_has_80_kb_at_the_most(plot: Path) -> None:
    assert plot.stat().st_size <= 80_000


class _Drawn:
    """A figure of matplotlib, which the tests do without: it writes this file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def savefig(self, file: Any, **_: Any) -> None:
        file.write(self._text)


_LINES = [
    pytest.param(
        '<path d="M 1.23 4 \nL 5.56 6 \nL 7 8.04 \n" id="p1.23"/>', '<path d="M 1.2 4  5.6 6  7 8" id="p1.23"/>'
    ),
    pytest.param('<path d="M 0 1 \nQ 2 3 4 5 \nL 6 7 \nz\n"/>', '<path d="M 0 1 \nQ 2 3 4 5 \nL 6 7 \nz\n"/>'),
    pytest.param('<text x="1.25" y="2.96">at 1.25</text>', '<text x="1.2" y="3">at 1.25</text>'),
]


@pytest.mark.parametrize(("drawn", "saved"), _LINES)
def test_coordinates_are_rounded_and_lines_go_without_their_letter(drawn: str, saved: str, tmp_path: Path) -> None:
    figure: Any = _Drawn(drawn)

    vector.save(figure, tmp_path / "plot.svg")

    assert (tmp_path / "plot.svg").read_text() == saved
