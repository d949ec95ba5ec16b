"""The figures that have a bound, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from bench import vector
from bench.figures import Figure

_LONGEST = 3.0


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Each as a share of its bound: left of the line is within, the bar from the best to the worst measurement."""
    import matplotlib as mpl  # noqa: PLC0415 - of the group `bench`; the tests of the rest do without

    mpl.use("svg")
    mpl.rcParams.update(vector.STYLE)
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after `use`

    rows = [figure for figure in figures if figure.bound][::-1]
    canvas, axes = plt.subplots(figsize=(10, 1 + 0.24 * len(rows)), layout="constrained")
    for number, figure in enumerate(rows):
        shares = [_share(figure, value) for value in figure.values]
        colour = "tab:green" if figure.is_reached else "tab:red"
        axes.plot([min(shares), max(shares)], [number, number], color=colour, linewidth=5, alpha=0.4)
        axes.plot(_share(figure, figure.median), number, "o", color=colour)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [_label(figure) for figure in rows], fontsize=8)
    axes.set_xlim(-0.02, max(1.2, axes.get_xlim()[1]))
    axes.set_xlabel("share of the bound (left of 1 is within; what is better than 0 stands at 0)")
    axes.grid(axis="x", alpha=0.3)
    vector.save(canvas, path)
    plt.close(canvas)


def _share(figure: Figure, value: float) -> float:
    """How much of what it may be, or where it must be large, how much of it is needed; cut off where far out."""
    assert figure.bound is not None
    numbers = (value, figure.bound.limit) if figure.bound.is_upper else (figure.bound.limit, value)
    return max(0.0, min(_LONGEST, numbers[0] / numbers[1] if numbers[1] else _LONGEST))


def _label(figure: Figure) -> str:
    return f"{figure.name} ÷ {figure.baseline}" if figure.baseline else figure.name
