"""A soak in short: its events at a low rate, and not one answer wrong."""

import json

import pytest

from bench.soak.__main__ import REPOSITORY
from bench.soak.observations import ROUNDING_SECONDS, Observation
from bench.soak.record import events, record
from bench.soak.report import write
from bench.soak.run import Plan, perform
from bench.soak.scenario import DROP, FAIL_OVER, FREEZE_BOTH, NEW_PASSWORD, RESTART, TERMINATE
from bench.soak.truth import Phase
from tests.support.service import HEALTH

# The database answers late where seven others have the processor: only a wrong answer or a hang is to fail here.
SHORT = Plan(
    # The others are made of the same acts, and tests/provoked has each of them; `make soak` plays all.
    events=[RESTART, FAIL_OVER, TERMINATE, DROP, NEW_PASSWORD, FREEZE_BOTH],
    every_seconds=0.0,
    rate=100,
    connect_timeout_seconds=1.5,
    query_timeout_seconds=2.0,
    margin_seconds=20.0,
    told=1,
)


@pytest.mark.timeout(400)
def test_no_answer_is_wrong_while_the_database_is_broken_in_every_way() -> None:
    outcome = perform(SHORT, print)

    played = list(events(outcome.timeline.phases, outcome.verdict.observations))
    assert outcome.verdict.wrong == []
    assert [event["name"] for event in played] == [event.name for event in SHORT.events]
    assert [event["name"] for event in played if not event["codes"]] == [TERMINATE.name]
    assert all(event["ready_again_seconds"] is not None for event in played)
    assert outcome.requests[f"GET {HEALTH}"] > 0
    assert "none of them wrong" in write(record(SHORT, outcome, "18.6"))


def test_the_report_is_what_the_command_writes_of_its_own_data() -> None:
    kept = json.loads((REPOSITORY / "docs" / "soak.json").read_text())

    assert (REPOSITORY / "docs" / "soak.md").read_text() == write(kept)


@pytest.mark.parametrize(
    ("healthy_from", "healthy_until", "seconds"),
    [(7.0, 7.9, 0.0), (7.0, 8.5, 0.5), (9.0, 9.25, 1.25)],
    ids=["before the scenario knew", "while it waited", "afterwards"],
)
def test_ready_again_is_when_the_first_healthy_probe_after_the_failing_ones_ended(
    healthy_from: float, healthy_until: float, seconds: float
) -> None:
    """Frozen at 2, thawed a moment before 8, when the scenario has seen it usable."""
    phases = [
        Phase(0, "", True, frozenset()),  # noqa: FBT003 - its state
        Phase(2, "frozen", None, frozenset()),
        Phase(2.1, "frozen", False, frozenset()),  # noqa: FBT003
        Phase(7.8, "frozen", None, frozenset()),
        Phase(8, "", True, frozenset()),  # noqa: FBT003
    ]

    def observed(begins_at: float, ends_at: float, code: str | None = None) -> Observation:
        latency = ends_at - begins_at - ROUNDING_SECONDS
        return Observation(begins_at, latency, code is None, code, 5432, None, begins_at, int(code is not None))

    seen = [observed(1, 1.1), observed(3, 4, "query_timeout"), observed(4, 7, "connect_timeout")]

    (event,) = events(phases, [*seen, observed(healthy_from, healthy_until), observed(12, 12.1)])

    assert event["ready_again_seconds"] == seconds
    assert (event["noticed_seconds"], event["codes"]) == (2.0, ["query_timeout", "connect_timeout"])
