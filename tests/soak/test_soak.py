"""A soak in short: every event once, at a low rate, and not one answer wrong."""

import json

import pytest

from tests.service import HEALTH
from tests.soak.__main__ import REPOSITORY
from tests.soak.record import events, record
from tests.soak.report import write
from tests.soak.run import Plan, perform
from tests.soak.scenario import EVENTS, HELD_PASSWORD, TERMINATE

# The database answers late where seven others have the processor: only a wrong answer or a hang is to fail here.
SHORT = Plan(
    events=[event for event in EVENTS if event is not HELD_PASSWORD],  # which takes a minute
    every_seconds=0.0,
    rate=100,
    connect_timeout_seconds=1.5,
    query_timeout_seconds=2.0,
    margin_seconds=20.0,
    told=2,
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
