"""What is kept of a run, as plain JSON: the report and the plot are made of this and nothing else."""

import platform
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import mean
from typing import Any

from bench.soak.observations import Observation
from bench.soak.run import Outcome, Plan
from bench.soak.samples import Latency, Memory, Second
from bench.soak.truth import Phase
from pgvector_ready import __version__

_KEPT = 100  # wrong answers, in full
Record = dict[str, Any]


def record(plan: Plan, outcome: Outcome, postgresql: str) -> Record:
    """All moments in it are seconds since its beginning."""
    started = outcome.seconds[0].at - 1
    verdict, seconds = outcome.verdict, outcome.seconds
    return {
        "about": {
            "began_at": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
            "seconds": len(seconds),
            "rate": plan.rate,
            "achieved_rate": round(mean(second.answers for second in seconds), 1),
            "version": __version__,
            "commit": plan.commit,
            "python": platform.python_version(),
            "postgresql": postgresql,
            "deadline_seconds": plan.bounds.deadline_seconds,
            "margin_seconds": plan.bounds.margin_seconds,
        },
        "answers": verdict.answers,
        "requests": dict(sorted(outcome.requests.items())),
        "observations": len(verdict.observations),
        "wrong_answers": verdict.wrong_answers,
        "wrong": [{**asdict(wrong), "at": round(wrong.at - started, 3)} for wrong in verdict.wrong[:_KEPT]],
        "memory": memory(seconds),
        "events": [_shifted(event, started) for event in events(outcome.timeline.phases, verdict.observations)],
        "truth": [[round(phase.begins_at - started, 3), phase.is_usable] for phase in outcome.timeline.phases],
        "reported": [[round(one.ends_at - started, 3), one.is_healthy] for one in _changes(verdict.observations)],
        "seconds": _columns(seconds, started),
    }


def is_good(record: Record) -> bool:
    """Whether nothing is wrong with the run."""
    return record["wrong_answers"] == 0 and record["memory"]["is_flat"] is not False


def memory(seconds: list[Second]) -> Record:
    """`is_flat` is None where the run was too short to say."""
    found = Memory.of([second.resident_mib for second in seconds])
    is_judged = len(seconds) >= Memory.JUDGED_FROM_MINUTES * 60
    return {
        "second_fifth_mib": found.second_fifth_mib,
        "last_fifth_mib": found.last_fifth_mib,
        "growth_mib": found.growth_mib,
        "tolerance_mib": Memory.TOLERANCE_MIB,
        "is_flat": found.is_flat if is_judged else None,
    }


def events(phases: list[Phase], observations: list[Observation]) -> Iterator[Record]:
    """For each, when the service noticed it and when it was ready again, in seconds after that was so."""
    for index, phase in enumerate(phases):
        following = phases[index + 1 :]
        if not phase.event or (index and phases[index - 1].event):
            continue
        mended_at = next((later.begins_at for later in following if later.is_usable), None)
        seen = [one for one in observations if one.ends_at > phase.begins_at]
        failed = [one for one in seen if not one.is_healthy and (not mended_at or one.begins_at < mended_at)]
        # A probe that waits for a silent database sees it come back before the scenario can.
        since = failed[-1].ends_at if failed else mended_at
        ready = next((one for one in seen if mended_at and since and one.ends_at > since and one.is_healthy), None)
        failing = [one for one in seen if not one.is_healthy and not (ready and one.ends_at > ready.ends_at)]
        yield {
            "name": phase.event,
            "at": phase.begins_at,
            "lasted_seconds": mended_at and round(mended_at - phase.begins_at, 2),
            "noticed_seconds": round(failing[0].ends_at - phase.begins_at, 2) if failing else None,
            "ready_again_seconds": round(max(0, ready.ends_at - mended_at), 2) if ready and mended_at else None,
            "codes": list(dict.fromkeys(one.code for one in failing)),
        }


def _shifted(event: Record, started: float) -> Record:
    return {**event, "at": round(event["at"] - started, 3)}


def _changes(observations: list[Observation]) -> Iterator[Observation]:
    last: bool | None = None
    for one in observations:
        if one.is_healthy is not last:
            yield one
        last = one.is_healthy


def _columns(seconds: list[Second], started: float) -> dict[str, list[float | None]]:
    def of(name: str) -> list[float | None]:
        return [getattr(second, name) for second in seconds]

    def latency(name: str, share: str) -> list[float | None]:
        found: list[Latency] = [getattr(second, name) for second in seconds]
        return [getattr(one, share) for one in found]

    plain = ("liveness_answers", "readiness_answers", "resident_mib", "files", "threads", "sessions")
    shares = [(name, share) for name in ("liveness", "readiness") for share in ("p50", "p99", "max")]
    return {
        "at": [round(second.at - started, 1) for second in seconds],
        **{name: of(name) for name in plain},
        **{f"{name}_{share}_ms": latency(name, share) for name, share in shares},
    }
