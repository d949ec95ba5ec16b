"""The runbook as a command tells it: each step as soon as it is known, and with the verdict which database it is of."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from pgvector_ready.documents.answer import Manner, about_database, lines_of, lines_of_findings
from pgvector_ready.documents.documents import DatabaseDocument, OfflineDocument
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.places import pgvector_in, where
from pgvector_ready.documents.reasons import why_skipped
from pgvector_ready.documents.wording import wording, words
from pgvector_ready.judgement.failures import RUNBOOK, Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, ProvisioningState
from pgvector_ready.judgement.report import State, Verdict
from pgvector_ready.printable import SENTENCE_LIMIT, printable

_MARKS = {
    State.PASS: ("✓", "green"),
    State.WARN: ("!", "yellow"),
    State.FAIL: ("✗", "red"),
    State.SKIPPED: ("·", "dim"),
}

# Where the server's own sentence says more than ours: what nobody foresaw, what somebody else wrote, a name of theirs.
_WORDS_HELP = frozenset(
    {
        Code.UNEXPECTED_ERROR,
        Code.NOT_POSTGRESQL,
        Code.DATABASE_URL_INVALID,
        Code.LOGIN_NOT_PERMITTED,
        Code.PRELOAD_LIBRARY_FAILED,
        Code.POOLER_ERROR,
        Code.TOO_MANY_CONNECTIONS,
        Code.PGVECTOR_REFUSED,
        Code.PGVECTOR_FILES_INCOMPLETE,
        Code.PGVECTOR_LIBRARY_MISSING,
        Code.PGVECTOR_LIBRARY_MISMATCH,
        Code.PGVECTOR_LIBRARY_OUTDATED,
        Code.PGVECTOR_PERMISSION_DENIED,
    }
)
Redact = Callable[[str], str]


class Speaker(Protocol):
    """Prints a run of the runbook."""

    def begin(self, line: str, *, is_asked_for: bool) -> None:
        """Name the database before anything is asked of it; `is_asked_for` where the environment names it."""

    def tell(self, verdicts: Iterable[Verdict]) -> None:
        """Print the steps known by now, given from the first one on; a step is printed once."""

    def end(self, observation: Observation) -> None:
        """Print the whole result."""


@contextmanager
def speaking(
    console: Console, *, as_json: bool, is_offline: bool = False, enables: bool = False, redact: Redact = str
) -> Iterator[Speaker]:
    """Drawn on a terminal, in plain lines elsewhere, or as the very document that the service answers.

    `redact` takes secrets out of what a server said, which a person reads and no document holds.
    """
    if as_json:
        yield _Document(console, is_offline=is_offline)
    elif console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        # A CI's log may take colours (FORCE_COLOR), and yet cannot be drawn over.
        is_still = console.is_dumb_terminal or not console.file.isatty()
        with Progress(*columns, console=console, transient=True, disable=is_still) as progress:
            yield _Drawing(console, progress, redact, enables=enables)
    else:
        yield _Lines(console, redact, enables=enables)


class _Document:
    """One line of JSON, once everything is known."""

    def __init__(self, console: Console, *, is_offline: bool) -> None:
        self._console = console
        self._is_offline = is_offline

    def begin(self, line: str, *, is_asked_for: bool) -> None:
        """On standard error, and only of a database that nobody named: the output is one document."""
        if not is_asked_for:
            print(line, file=sys.stderr)  # noqa: T201 - the command line's way of speaking

    def tell(self, verdicts: Iterable[Verdict]) -> None:
        """Nothing is written before the end."""

    def end(self, observation: Observation) -> None:
        if self._is_offline:
            body = OfflineDocument.of(observation.report).model_dump_json(by_alias=True)
        else:
            manner = Manner(shows_names=True)
            body = about_database(observation, Identity.of_a_command()).to(manner).body.decode()
        self._console.file.write(f"{body}\n")


class _Lines:
    """Plain lines, each written out at once. A step that has come out otherwise in the end is told again."""

    def __init__(self, console: Console, redact: Redact, *, enables: bool) -> None:
        self._console = console
        self._redact = redact
        self._enables = enables
        self._printed: dict[Step, tuple[State, Code | None]] = {}

    def begin(self, line: str, *, is_asked_for: bool) -> None:
        del is_asked_for
        self._write(line)

    def tell(self, verdicts: Iterable[Verdict]) -> None:
        for verdict in verdicts:
            outcome = (verdict.state, verdict.failure.code if verdict.failure else None)
            if self._printed.get(verdict.step) != outcome:
                self._printed[verdict.step] = outcome
                self._show(verdict)

    def end(self, observation: Observation) -> None:
        self.tell(observation.report.verdicts)
        self._write(*lines_of_findings(observation.report))
        self._sum_up(DatabaseDocument.of(observation, Identity.of_a_command()))

    def _show(self, verdict: Verdict) -> None:
        self._write(*lines_of(verdict), *(f"    {line}" for line in self._words_of(verdict.failure)))

    def _words_of(self, failure: Failure | None) -> list[str]:
        """The server's own sentence, where it helps."""
        if failure is None or not failure.words or failure.code not in _WORDS_HELP:
            return []
        return [f"The server said: {printable(self._redact(failure.words), SENTENCE_LIMIT)}"]

    def _sum_up(self, document: DatabaseDocument) -> None:
        self._write(f"{document.status}: {self._summary(document)}")

    def _summary(self, document: DatabaseDocument) -> str:
        """One line that a person may quote: what came out, where, by which version, and when."""
        error, target = document.error, document.target
        moment = document.observed_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        return "; ".join(
            filter(
                None,
                (
                    f"{error.code} at {error.step}" if error else "",
                    f"{pgvector_in(document)}{self._enabling(document)}",
                    where(document),
                    f"fingerprint {target.fingerprint}" if target.fingerprint else "",
                    f"{document.service} {document.version}, {moment}",
                ),
            )
        )

    def _enabling(self, document: DatabaseDocument) -> str:
        """Tell apart what `check --enable` did and what it found."""
        if not self._enables or document.pgvector.state != "installed":
            return ""
        words = {ProvisioningState.CREATED: " (created now)", ProvisioningState.UPDATED: " (updated now)"}
        return words.get(document.provisioning.state, " (was there)")

    def _write(self, *lines: str) -> None:
        self._console.file.write("".join(f"{line}\n" for line in lines))
        self._console.file.flush()


class _Drawing(_Lines):
    """A mark, a colour and a remedy in full for each step, and below them the one that is under way."""

    def __init__(self, console: Console, progress: Progress, redact: Redact, *, enables: bool) -> None:
        super().__init__(console, redact, enables=enables)
        self._progress = progress
        self._under_way: Step | None = None
        self._task = progress.add_task("", visible=False)

    def begin(self, line: str, *, is_asked_for: bool) -> None:
        del is_asked_for
        self._console.print(Text(line), soft_wrap=True)

    def tell(self, verdicts: Iterable[Verdict]) -> None:
        super().tell(verdicts)
        step = next((step for step in RUNBOOK if step not in self._printed), None)
        if step is not self._under_way:
            self._under_way = step
            self._progress.reset(self._task, description=str(step), visible=step is not None)

    def _show(self, verdict: Verdict) -> None:
        mark, colour = _MARKS[verdict.state]
        failure = verdict.failure
        spent = "" if verdict.duration_ms is None else f"  {verdict.duration_ms:.1f} ms"
        code = f"  {failure.code}" if failure else ""
        reason = f"  {why_skipped(verdict.step, verdict.reason)}" if verdict.reason else ""
        self._console.print(
            Text.assemble((f"{mark} {verdict.step}", colour), (spent, "dim"), (code, colour), (reason, "dim"))
        )
        said = wording(failure) if failure else None
        told = [(said.message, ""), (f"→ {said.remedy}", "bold")] if said else []
        besides = [*(words(note) for note in verdict.notes), *self._words_of(failure)]
        for sentence, style in (*told, *((line, "dim") for line in besides)):
            self._console.print(Padding(Text(sentence, style=style), (0, 0, 0, 4), expand=False))

    def _sum_up(self, document: DatabaseDocument) -> None:
        _, colour = _MARKS[State(document.status)]
        told = Text.assemble((document.status, f"bold {colour}"), f"  {self._summary(document)}")
        self._console.print(told, soft_wrap=True)
