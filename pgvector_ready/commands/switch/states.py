"""The states of a switch, with a sentence each: what Render holds, and what the service runs with."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

VARIABLE = "DATABASE_URL"
# The value from before the last switch, kept where the value itself is kept: no secret ever reaches a disk of ours.
PREVIOUS = "PREVIOUS_DATABASE_URL"
# There while a switch is unfinished: the id of the newest deploy from before DATABASE_URL was changed. Any later
# deploy carries the new value; where there is none, none was started.
UNFINISHED = "DATABASE_SWITCH_AFTER"


class Stage(StrEnum):
    """The stage that a switch has reached."""

    UNTOUCHED = "untouched"
    PREPARED = "prepared"
    CUT_OFF_BEFORE = "cut_off_before"
    REMEMBERING = "remembering"
    SETTING = "setting"
    SET = "set"
    STARTING = "starting"
    DEPLOYING = "deploying"
    PROVEN = "proven"
    MOVED = "moved"
    MOVED_WITHOUT_WAY_BACK = "moved_without_way_back"
    NOTHING_TO_PUT_BACK = "nothing_to_put_back"
    REFUSED = "refused"
    BACK = "back"
    BACK_UNPROVEN = "back_unproven"
    NOT_BACK = "not_back"


_GO_ON = "Run the same command again to go on from here, or with --rollback to go back."
_DASHBOARD = f"Set {VARIABLE} in Render's dashboard and deploy"

_SENTENCES: Mapping[Stage, str] = {
    Stage.UNTOUCHED: "Nothing was changed.",
    Stage.PREPARED: "The new database was made ready; the service was not changed.",
    Stage.CUT_OFF_BEFORE: f"An earlier run was cut off and is unfinished; this one changed nothing. {_GO_ON}",
    Stage.REMEMBERING: f"{VARIABLE} was not changed, and the service runs as before.",
    Stage.SETTING: (
        f"{VARIABLE} was just being changed; no deploy was started, so the service runs as before. {_GO_ON}"
    ),
    Stage.SET: f"{VARIABLE} is changed, and no deploy was started: the service runs as before. {_GO_ON}",
    Stage.STARTING: f"{VARIABLE} is changed, and a deploy was just being started. {_GO_ON}",
    Stage.DEPLOYING: f"{VARIABLE} is changed, and deploy {{deploy}} was last seen {{status}}. {_GO_ON}",
    Stage.PROVEN: f"{{service}} runs as it should; {UNFINISHED} is still to be removed. Run the same command again.",
    Stage.MOVED: f"{{service}} runs with the new database. {PREVIOUS} holds the value from before.",
    Stage.MOVED_WITHOUT_WAY_BACK: (
        f"{{service}} runs with the new database. The value from before is not in {PREVIOUS}: there is no way back."
    ),
    Stage.NOTHING_TO_PUT_BACK: (
        f"{VARIABLE} held the new value before this run, and there is none from before to put back."
    ),
    Stage.REFUSED: f"{VARIABLE} holds the value from before; no deploy was started, so the service runs as before.",
    Stage.BACK: f"{VARIABLE} holds the value from before, and {{service}} runs with it.",
    Stage.BACK_UNPROVEN: (
        f"{VARIABLE} holds the value from before, but that is not proven to run: {{failure}} "
        "{service} runs what Render last found healthy: see its events and log in Render's dashboard, "
        "then run this again with --rollback."
    ),
    Stage.NOT_BACK: (
        f"Render did not keep the value from before in {VARIABLE}, which holds {{held}}; {PREVIOUS} holds "
        f"{{previous}}. {{service}} runs as before until its next deploy. {_DASHBOARD}, "
        "or run this again with --rollback."
    ),
}


@dataclass(frozen=True, slots=True)
class State:
    """A stage with the values of its sentence; `str()` is the sentence."""

    stage: Stage
    service: str = ""
    deploy: str = ""
    status: str = ""
    failure: str = ""
    held: str = ""
    previous: str = ""

    def __str__(self) -> str:
        """Return the sentence."""
        return _SENTENCES[self.stage].format(
            service=self.service,
            deploy=self.deploy,
            status=self.status,
            failure=self.failure,
            held=self.held,
            previous=self.previous,
        )
