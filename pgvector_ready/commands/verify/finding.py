"""One thing that was checked, and how it came out."""

from dataclasses import dataclass

from pgvector_ready.judgement.report import State

_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Check:
    """A name that never changes, a state (pass, fail or skipped), a sentence, and where it failed what to do next."""

    name: str
    state: State
    message: str
    remedy: str | None = None
    duration_ms: float | None = None

    @property
    def is_skipped(self) -> bool:
        """Whether there was nothing to look at."""
        return self.state is State.SKIPPED


def passed(name: str, message: str, duration_ms: float | None = None) -> Check:
    """It is as it should be."""
    return Check(printable(name), State.PASS, printable(message), duration_ms=duration_ms)


def failed(name: str, message: str, remedy: str) -> Check:
    """It is not."""
    return Check(printable(name), State.FAIL, printable(message), printable(remedy))


def skipped(name: str, message: str) -> Check:
    """Nobody asked for it, or something before it failed."""
    return Check(printable(name), State.SKIPPED, printable(message))


def printable(text: str) -> str:
    """`text` on one line: a stranger's words may hold a terminal's control sequences, or have no end."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST])
