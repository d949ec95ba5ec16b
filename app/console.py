"""The runbook on a terminal: a mark, a colour and a remedy for each step."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from app.answer import Manner, about_database, where
from app.report import DatabaseDocument, Identity, Observation, OfflineDocument, StepDocument
from app.runbook import State

_MARKS = {
    State.PASS: ("✓", "green"),
    State.WARN: ("!", "yellow"),
    State.FAIL: ("✗", "red"),
    State.SKIPPED: ("·", "dim"),
}


def speak(observation: Observation, console: Console, *, as_json: bool, is_offline: bool = False) -> None:
    """Say it: drawn on a terminal, in plain lines elsewhere, or as the very document that the service answers."""
    if is_offline and as_json:
        console.file.write(f"{OfflineDocument.of(observation.report).model_dump_json(by_alias=True)}\n")
        return
    identity = Identity.of_a_command()
    if console.is_terminal and not as_json:
        show(DatabaseDocument.of(observation, identity), console)
        return
    body = about_database(observation, identity).to(Manner(is_text=not as_json)).body.decode()
    console.file.write(body if body.endswith("\n") else f"{body}\n")


def show(document: DatabaseDocument, console: Console) -> None:
    """Draw it; what is wrong in full below its step."""
    if document.target.host is not None:
        console.print(Text(where(document), style="bold"))
    for step in document.steps:
        _show_step(step, console)
    _, colour = _MARKS[State(document.status)]
    console.print(Text(document.status, style=f"bold {colour}"))


def _show_step(step: StepDocument, console: Console) -> None:
    mark, colour = _MARKS[step.state]
    spent = "" if step.duration_ms is None else f"  {step.duration_ms:.1f} ms"
    console.print(Text.assemble((f"{mark} {step.step}", colour), (spent, "dim"), (f"  {step.code or ''}", colour)))
    told = [
        (step.message, ""),
        (f"→ {step.remedy}" if step.remedy else None, "bold"),
        *((note, "dim") for note in step.notes),
    ]
    for sentence, style in told:
        if sentence:
            console.print(Padding(Text(sentence, style=style), (0, 0, 0, 4)))
