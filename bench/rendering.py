"""The figures as a table on the terminal, as JSON, and as Markdown."""

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from bench.figures import Figure, shown

_BEGIN, _END = "<!-- begin: figures -->", "<!-- end: figures -->"


def _mark(figure: Figure) -> str:
    return {True: "reached", False: "MISSED", None: ""}[figure.is_reached]


def _cells(figure: Figure) -> tuple[str, ...]:
    first, third = figure.quartiles
    worst = f"{shown(min(figure.values))} … {shown(max(figure.values))}"
    return (
        figure.name if figure.baseline is None else f"{figure.name} ÷ {figure.baseline}",
        f"{shown(figure.median)} {figure.unit}".strip(),
        f"{shown(first)} … {shown(third)}",
        worst,
        f"{figure.bound} ({figure.bound.judged})" if figure.bound else "",
        _mark(figure),
    )


_HEADS = ("figure", "median", "quartiles", "all", "bound", "")


def table(figures: Sequence[Figure]) -> Table:
    """For the terminal, a section for each part."""
    made = Table(*_HEADS)
    for number, figure in enumerate(figures):
        is_last = number + 1 == len(figures) or figures[number + 1].part != figure.part
        style = "bold red" if figure.is_reached is False else None
        made.add_row(*_cells(figure), style=style, end_section=is_last)
    return made


def markdown(figures: Sequence[Figure], machine: dict[str, Any]) -> str:
    """For docs/benchmarks.md."""
    described = ", ".join(f"{name} {value}" for name, value in machine.items())
    lines = [f"Measured on: {described}."]
    for part in dict.fromkeys(figure.part for figure in figures):
        lines += ["", f"**{part}**", "", _row(_HEADS), _row("---" for _ in _HEADS)]
        lines += [_row(_cells(figure)) for figure in figures if figure.part == part]
    return "\n".join(lines)


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def published(document: str, text: str) -> str:
    """The document with this text between the two marks in it."""
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    if not rest or not after:
        message = f"the document has no place for the figures: {_BEGIN} … {_END}"
        raise ValueError(message)
    return f"{before}{_BEGIN}\n{text}\n{_END}{after}"


def as_json(figures: Sequence[Figure], machine: dict[str, Any]) -> str:
    """Everything, every single measurement included."""
    rows = [
        {
            "part": figure.part,
            "name": figure.name,
            "unit": figure.unit,
            "baseline": figure.baseline,
            "median": figure.median,
            "quartiles": figure.quartiles,
            "values": figure.values,
            "bound": str(figure.bound) if figure.bound else None,
            "judged": figure.bound and figure.bound.judged,
            "is_reached": figure.is_reached,
        }
        for figure in figures
    ]
    return json.dumps({"machine": machine, "figures": rows}, indent=1, ensure_ascii=False) + "\n"
