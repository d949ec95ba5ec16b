"""docs/commands.md shows what the commands say today."""

import re
from dataclasses import dataclass, field

import pytest

from pgvector_ready.commands.switch.run import Order, Relocation
from pgvector_ready.commands.switch.steps import Timing
from tests.support.postgres import PostgresServer
from tests.support.recordings import SCENES, Stage, recorded, staging

RECORDED = recorded()
# At Render's pace they take a minute: what they say is compared at another.
SLOW = {"To another database", "A deploy that fails", "Killed in the middle, and run again"}
ANY_ORDER = "Six at once"
PACE = Timing(poll_seconds=0.02, wait_seconds=20, backoff_seconds=0.02, verify_seconds=10)


def folded(shown: str) -> str:
    """Without the figures and fingerprints, which differ from run to run, and which therefore break lines elsewhere."""
    return re.sub(r"\s+", " ", re.sub(r"\b[0-9a-f]{8}\b|\d+(?:\.\d+)*", "0", shown))


def test_every_scene_is_in_the_document() -> None:
    assert list(RECORDED) == list(SCENES)


def test_of_six_at_once_it_is_as_recorded_whoever_was_first(server: PostgresServer) -> None:
    shown = SCENES[ANY_ORDER](Stage(server))

    assert sorted(map(folded, shown.splitlines())) == sorted(map(folded, RECORDED[ANY_ORDER].splitlines()))


@pytest.mark.parametrize("title", [title for title in SCENES if title not in {*SLOW, ANY_ORDER}])
def test_a_recording_is_what_is_shown_today(server: PostgresServer, title: str) -> None:
    shown = SCENES[title](Stage(server))

    assert folded(shown) == folded(RECORDED[title])


@dataclass(slots=True)
class Said:
    """What stays on the screen of a switch."""

    lines: list[str] = field(default_factory=list)
    last: str = ""

    def say(self, sentence: str) -> None:
        self.lines.append(sentence)

    complain = say

    def progress(self, sentence: str) -> None:
        if sentence != self.last:
            self.lines.append(f"  0:00:00  {sentence}")
        self.last = sentence

    def ask(self, question: str) -> bool | None:
        raise AssertionError(question)


@pytest.mark.parametrize(
    ("title", "script"),
    [
        pytest.param("To another database", (), id="success"),
        pytest.param("A deploy that fails", ("build_in_progress", "build_failed"), id="failure"),
    ],
)
def test_a_switch_says_what_was_recorded(server: PostgresServer, title: str, script: tuple[str, ...]) -> None:
    said = Said()
    with staging(Stage(server)) as (_, service, environment):
        if script:
            service.scripts.append(script)

        Relocation(Order(service="staging", yes=True), environment, said, PACE).run()

    _, _, shown = RECORDED[title].rpartition("$ pgvector-ready switch --service staging --yes")
    assert folded("\n".join(said.lines)) in folded(shown)
