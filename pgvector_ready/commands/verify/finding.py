"""One thing that was checked, and how it came out."""

from dataclasses import dataclass

from pgvector_ready.judgement.report import State
from pgvector_ready.printable import SENTENCE_LIMIT, printable


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
        """True if there was nothing to look at."""
        return self.state is State.SKIPPED


def passed(name: str, message: str, duration_ms: float | None = None) -> Check:
    """Return a check that came out as it should."""
    return Check(_shown(name), State.PASS, _shown(message), duration_ms=duration_ms)


def failed(name: str, message: str, remedy: str) -> Check:
    """Return a check that did not come out as it should."""
    return Check(_shown(name), State.FAIL, _shown(message), _shown(remedy))


def skipped(name: str, message: str) -> Check:
    """Return a check that nobody asked for, or that something before it made impossible."""
    return Check(_shown(name), State.SKIPPED, _shown(message))


def _shown(text: str) -> str:
    return printable(text, 2 * SENTENCE_LIMIT)  # a sentence of the service within one of ours
