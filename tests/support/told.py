"""What an answer must hold to be a help: the right name and step, the next thing to do, and all of it in time."""

import re
from typing import Any

import httpx

from pgvector_ready.judgement.failures import Code, Failure

# What the running test has provoked, each with the seconds to its answer; conftest.py takes it from here.
provoked: list[tuple[str, float]] = []

# On top of the service's own deadline, for a busy machine: only a hang takes longer.
MARGIN_SECONDS = 2.0


def error_in(
    answer: httpx.Response, code: str, step: str, *words: str, sqlstate: str | None = None, within_seconds: float = 4.0
) -> dict[str, Any]:
    """The error in a failing answer, which must be this one, with these words in its message or remedy."""
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    document = answer.json()
    error: dict[str, Any] = document["error"]
    assert (error["code"], error["step"], error["sqlstate"]) == (code, step, sqlstate), error
    said = f"{error['message']} {error['remedy']}"
    assert error["message"].endswith("."), error
    assert "{" not in said, error
    assert "unknown" not in said, error
    assert "secret" not in answer.text
    for word in words:
        assert word in said, error
    assert document["latency_ms"] / 1000 < within_seconds + MARGIN_SECONDS
    assert answer.elapsed.total_seconds() < within_seconds + MARGIN_SECONDS
    failed = [step["step"] for step in document["steps"] if step["state"] == "fail"]
    assert failed == [step], document["steps"]
    record(code, answer)
    return error


def warning_in(answer: httpx.Response, code: str, step: str) -> dict[str, Any]:
    """The step in an answer that is a yes with this warning."""
    assert answer.status_code == httpx.codes.OK, answer.text
    warned: dict[str, Any] = next(found for found in answer.json()["steps"] if found["step"] == step)
    assert (warned["state"], warned["code"]) == ("warn", code), warned
    record(code, answer)
    return warned


def record(code: str, answer: httpx.Response) -> None:
    """Count it, with the seconds of the answer, or of the probe that the answer is of, whichever took longer."""
    probe_ms = answer.json().get("latency_ms") or 0.0
    provoked.append((code, max(answer.elapsed.total_seconds(), probe_ms / 1000)))


def note(failure: Failure | None, seconds: float = 0.0) -> Failure | None:
    """Count a failure that was provoked without a service; returns it."""
    if failure:
        provoked.append((failure.code, seconds))
    return failure


def note_printed(text: str, seconds: float = 0.0) -> None:
    """Count the codes in what a command printed."""
    provoked.extend((code, seconds) for code in Code if re.search(rf"\b{code}: ", text))
