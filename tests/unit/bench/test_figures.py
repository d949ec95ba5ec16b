"""What becomes of measurements: ratios, spread, judgement, and how they are shown."""

import json

import pytest
from rich.console import Console

from bench import rendering
from bench.figures import Bound, Figure, Judged, at_least, at_most, ratios, shown

_MACHINE = {"cores": 2, "Python": "3.11.7"}


def _figure(*values: float, bound: Bound | None = None, baseline: str | None = None, part: str = "speed") -> Figure:
    return Figure(part, "answers", "/s", values, baseline, bound)


def test_a_ratio_is_taken_round_by_round_and_none_of_a_round_without_an_answer() -> None:
    assert ratios([10, 20, 30], [5, 0, 10]) == (2, 3)


def test_a_round_that_only_one_side_has_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1, 2], [1])


_SPREADS = [
    pytest.param((4,), 4, (4, 4), id="one"),
    pytest.param((1, 3), 2, (1.5, 2.5), id="two"),
    pytest.param((5, 1, 4, 2, 3), 3, (2, 4), id="five, in any order"),
]


@pytest.mark.parametrize(("values", "median", "quartiles"), _SPREADS)
def test_spread(values: tuple[float, ...], median: float, quartiles: tuple[float, float]) -> None:
    figure = _figure(*values)

    assert figure.median == median
    assert figure.quartiles == quartiles


_JUDGEMENTS = [
    pytest.param(at_least(0.8), (0.1, 0.8, 0.9), True, id="a ratio by its median"),
    pytest.param(at_least(0.8), (0.7, 0.79, 2.0), False, id="and not by its best"),
    pytest.param(at_most(2), (0.1, 0.2, 2.0), True, id="a promise by its worst"),
    pytest.param(at_most(2), (0.1, 0.2, 2.1), False, id="and not by its median"),
    pytest.param(at_most(1.3, Judged.MEDIAN), (1.2, 1.3, 9.9), True, id="a ratio that must be small"),
    pytest.param(at_most(2), (0.1, float("inf")), False, id="an answer that never came"),
    pytest.param(None, (1.0,), None, id="no bound"),
]


@pytest.mark.parametrize(("bound", "values", "is_reached"), _JUDGEMENTS)
def test_judgement(bound: Bound | None, values: tuple[float, ...], is_reached: object) -> None:
    assert _figure(*values, bound=bound).is_reached is is_reached


@pytest.mark.parametrize(
    ("value", "text"),
    [(46_123.4, "46,123"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123"), (-0.4, "-0.4")],
)
def test_a_number_as_it_is_shown(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_missed_bound_is_shown_plainly_everywhere() -> None:
    figures = [_figure(1, 2, 3, bound=at_most(2), baseline="theirs"), _figure(1, bound=at_most(2), part="start")]
    console = Console(width=150)

    with console.capture() as captured:
        console.print(rendering.table(figures))
    written = rendering.markdown(figures, _MACHINE)
    read = json.loads(rendering.as_json(figures, _MACHINE))

    assert captured.get().count("MISSED") == written.count("MISSED") == 1
    assert "| answers ÷ theirs | 2 /s | 1.5 … 2.5 | 1 … 3 | ≤ 2 (worst) | MISSED |" in written.splitlines()
    assert written.startswith("Measured on: cores 2, Python 3.11.7.\n")
    assert [row["is_reached"] for row in read["figures"]] == [False, True]
    assert read["figures"][0]["values"] == [1, 2, 3]
    assert read["machine"] == _MACHINE


def test_the_document_keeps_everything_but_its_figures() -> None:
    before = "# Title\n<!-- begin: figures -->\nold\n<!-- end: figures -->\nThe rest.\n"

    after = rendering.published(before, "new")

    assert after == before.replace("old", "new")
    assert rendering.published(after, "new") == after


def test_a_document_without_a_place_for_figures_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no place for the figures"):
        rendering.published("# Title\n", "new")
