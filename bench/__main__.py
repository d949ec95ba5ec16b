"""`make bench`: measure, print the table, write it down.

A benchmark reports and does not gate: it ends with 0 where a bound is missed too, and says so. What it measures depends
on a machine that others may be using, and what must never happen is in `make test`.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import crowds, distance, flatness, inventory, machine, outages, plot, rendering, sharing, start, throughput
from bench.figures import Figure

_ROOT = Path(__file__).parents[1]
_DOCUMENT, _PICTURE = _ROOT / "docs" / "benchmarks.md", _ROOT / "docs" / "images" / "benchmarks.svg"


class Part(StrEnum):
    """What can be run alone."""

    THROUGHPUT = throughput.PART
    SHARING = sharing.PART
    OUTAGES = outages.PART
    CROWDS = crowds.PART
    INVENTORY = inventory.PART
    FLATNESS = flatness.PART
    START = start.PART
    DISTANCE = distance.PART


def main(  # noqa: PLR0913 - an option each
    parts: Annotated[list[Part] | None, typer.Argument(help="Only these; without any, all of them.")] = None,
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="How long each load lasts.")] = 2.0,
    probes: Annotated[int, typer.Option(min=1000, help="Along a path that freezes in every one of them.")] = 3_000,
    folder: Annotated[Path, typer.Option(help="Where the table, the JSON and the picture go.")] = Path("build/bench"),
    publish: Annotated[bool, typer.Option("--publish", help="Put them into docs/benchmarks.md too.")] = False,
) -> None:
    """Measure the service side by side with what it is compared with."""
    # A log has room for the whole table.
    console, described = Console(width=None if sys.stdout.isatty() else 150), machine.describe()
    machine.step_aside()
    figures = _measure(parts or list(Part), rounds, seconds, probes, console)
    folder.mkdir(parents=True, exist_ok=True)
    text = rendering.markdown(figures, described)
    (folder / "figures.json").write_text(rendering.as_json(figures, described))
    (folder / "figures.md").write_text(f"{text}\n")
    plot.draw(figures, folder / "figures.svg")
    if publish:
        _DOCUMENT.write_text(rendering.published(_DOCUMENT.read_text(), text))
        plot.draw(figures, _PICTURE)
    console.print(rendering.table(figures))
    missed = sum(figure.is_reached is False for figure in figures)
    console.print(f"{missed} missed; written to {folder}/figures.json, .md and .svg")


def _measure(parts: Sequence[Part], rounds: int, seconds: float, probes: int, console: Console) -> list[Figure]:
    measures: dict[Part, Callable[[Path], list[Figure]]] = {
        Part.THROUGHPUT: lambda folder: throughput.measure(folder, 2 * rounds, seconds),
        Part.SHARING: lambda folder: sharing.measure(folder, 1, max(10, seconds)),
        Part.OUTAGES: lambda folder: outages.measure(folder, rounds, seconds),
        Part.CROWDS: lambda folder: crowds.measure(folder, min(2, rounds), 5 * seconds),
        Part.INVENTORY: lambda folder: inventory.measure(folder, rounds, 5 * seconds),
        Part.FLATNESS: lambda folder: flatness.measure(folder, probes),
        Part.START: lambda folder: start.measure(folder, 3 * rounds),
        Part.DISTANCE: lambda folder: distance.measure(folder, min(2, rounds), console),
    }
    figures = []
    for part in parts:
        started = time.monotonic()
        with console.status(f"measuring: {part}"), tempfile.TemporaryDirectory(prefix="pgvr-bench-") as folder:
            figures += measures[part](Path(folder))
        console.print(f"{part}: measured in {time.monotonic() - started:.0f} s")
    return figures


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
