"""The run as a picture: aligned panels over time, with every event in all of them."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import vector
from bench.soak.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GOOD, _BAD, _CHANGING = "#2e9e5b", "#d1495b", "#c9c9c9"
_LIVENESS, _READINESS = "#30638e", "#e08e1b"
_POINTS = 240  # of a line, enough to show every peak; a point for each second of half an hour makes a file of 300 kB
_STATES = {True: _GOOD, False: _BAD, None: _CHANGING}


def draw(record: Record, path: Path) -> None:
    """As SVG, whose bytes depend on the record alone."""
    # In the group `bench`, which only those need who draw.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({**vector.STYLE, "font.size": 8, "path.simplify_threshold": 0.5})
    from matplotlib.figure import Figure  # noqa: PLC0415

    heights = [2, 3, 1.5, 1.5, 1]
    figure = Figure(figsize=(11, 10), layout="constrained")
    panels: list[Axes] = list(figure.subplots(5, 1, sharex=True, gridspec_kw={"height_ratios": heights}))
    for panel, fill in zip(panels, (_answers, _latencies, _memory, _held, _states), strict=True):
        panel.set_xlim(0, record["seconds"]["at"][-1] / 60)
        fill(panel, record)
        panel.grid(visible=True, axis="y", alpha=0.3)
        _mark_events(panel, record)
    _name_events(panels[0], record)
    panels[-1].set_xlabel(f"minutes (each point is the worst of {_bin(record)} s)")
    vector.save(figure, path)


def _mark_events(panel: "Axes", record: Record) -> None:
    across, heights = _broken(((event["at"], event["at"]) for event in record["events"]), 0, 1)
    panel.plot(across, heights, transform=panel.get_xaxis_transform(), color=_BAD, alpha=0.35, linewidth=0.8)


def _name_events(panel: "Axes", record: Record) -> None:
    top = panel.get_ylim()[1]
    for event in record["events"]:
        panel.text(event["at"] / 60, top, f" {event['name']}", rotation=60, fontsize=7, va="bottom", ha="left")


def _bin(record: Record) -> int:
    return -(-len(record["seconds"]["at"]) // _POINTS)


def _minutes(record: Record) -> list[float]:
    return [at / 60 for at in record["seconds"]["at"][:: _bin(record)]]


def _column(record: Record, name: str, worst: Callable[[list[Any]], Any] = max) -> list[Any]:
    values, width = record["seconds"][name], _bin(record)
    bins = ([value for value in values[at : at + width] if value is not None] for at in range(0, len(values), width))
    return [worst(seen) if seen else float("nan") for seen in bins]


def _answers(panel: "Axes", record: Record) -> None:
    columns = [_column(record, name, min) for name in ("liveness_answers", "readiness_answers")]
    labels = ["/api/v1/health", "/api/v1/health/db"]
    panel.stackplot(_minutes(record), *columns, labels=labels, colors=[_LIVENESS, _READINESS], alpha=0.7)
    panel.set_ylabel("answers per second")
    panel.set_ylim(bottom=0)
    panel.legend(loc="lower right", ncols=2)


def _latencies(panel: "Axes", record: Record) -> None:
    for name, path, colour in (("readiness", "/health/db", _READINESS), ("liveness", "/health", _LIVENESS)):
        for share, width in (("max", 0.5), ("p99", 1.2)):
            values = _column(record, f"{name}_{share}_ms")
            panel.plot(_minutes(record), values, color=colour, linewidth=width, label=f"{path} {share}")
    panel.axhline(
        record["about"]["deadline_seconds"] * 1000, color="black", linestyle="--", linewidth=0.8, label="deadline"
    )
    panel.set_yscale("log")
    panel.set_ylabel("latency, ms")
    panel.legend(loc="upper right", ncols=5)


def _memory(panel: "Axes", record: Record) -> None:
    values = _column(record, "resident_mib")
    panel.plot(_minutes(record), values, color=_LIVENESS)
    panel.set_ylim(0, max(values) * 1.25)
    panel.set_ylabel("resident memory, MiB")


def _held(panel: "Axes", record: Record) -> None:
    labels = {"files": "open files", "threads": "threads", "sessions": "connections to PostgreSQL"}
    for (name, label), colour in zip(labels.items(), (_LIVENESS, _READINESS, _GOOD), strict=True):
        panel.plot(_minutes(record), _column(record, name), color=colour, label=label, linewidth=1)
    panel.set_ylim(bottom=0)
    panel.set_ylabel("held by the service")
    panel.legend(loc="center right", ncols=3)


def _states(panel: "Axes", record: Record) -> None:
    end = record["seconds"]["at"][-1]
    for row, name in enumerate(("reported", "truth")):
        changes = record[name]
        spans = [(at, until, state) for (at, state), (until, _) in pairwise([*changes, (end, None)])]
        for state, colour in _STATES.items():
            across, heights = _broken(((at, until) for at, until, shown in spans if shown is state), row, row)
            panel.plot(across, heights, color=colour, linewidth=14, solid_capstyle="butt")
    panel.set_ylim(-0.5, 1.5)
    panel.set_yticks([0, 1], ["reported", "true"])
    panel.set_ylabel("state")


def _broken(spans: Iterable[tuple[float, float]], begin: float, end: float) -> tuple[list[float], list[float]]:
    """One line with gaps, from `begin` to `end` in each span. A line for each span makes the file twice as large."""
    across = [at / 60 for span in spans for at in (*span, float("nan"))]
    return across, [begin, end, float("nan")] * (len(across) // 3)
