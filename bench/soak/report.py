"""The report in docs/soak.md, written from the record alone."""

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench.soak.record import Record

_TEMPLATE = (Path(__file__).parent / "report.md").read_text()


def write(record: Record) -> str:
    """The whole document."""
    about = record["about"]
    return _TEMPLATE.format(
        **about,
        minutes=f"{about['seconds'] / 60:.0f}",
        verdict=_verdict(record),
        result=_table(("figure", "value"), _result(record)),
        latencies=_table(("per second", "median", "99 % of the seconds", "worst second"), _latencies(record)),
        events=_table(("event", "times", "lasted", "noticed after", "ready again after", "said"), _events(record)),
        requests=_table(("request", "answers"), ((f"`{name}`", f"{n:,}") for name, n in record["requests"].items())),
        wrong=_wrong(record),
    )


def _verdict(record: Record) -> str:
    wrong = record["wrong_answers"]
    answers = f"**{record['answers']:,} answers compared, {f'{wrong:,}' if wrong else 'none'} of them wrong.**"
    memory = record["memory"]
    growth = f"{memory['growth_mib']:+.2f} MiB from the second fifth of the run to the last"
    told = {True: f"Resident memory is flat: {growth}.", False: f"**Resident memory is not flat: {growth}.**"}
    return (
        f"{answers} {told.get(memory['is_flat'], f'Resident memory: {growth}; the run was too short to judge that.')}"
    )


def _result(record: Record) -> Iterable[tuple[str, str]]:
    about, memory, seconds = record["about"], record["memory"], record["seconds"]
    yield "requests per second, asked for", f"{about['rate']:,}"
    yield "answers per second, achieved", f"{about['achieved_rate']:,}"
    yield "answers", f"{record['answers']:,}"
    yield "probes behind them", f"{record['observations']:,}"
    yield "wrong answers", f"{record['wrong_answers']:,}"
    yield "resident memory, second fifth of the run", f"{memory['second_fifth_mib']} MiB"
    yield "resident memory, last fifth of the run", f"{memory['last_fifth_mib']} MiB"
    for name, label in (("files", "open files"), ("threads", "threads"), ("sessions", "connections to PostgreSQL")):
        found = seconds[name]
        yield f"{label}, least and most", f"{min(found)} to {max(found)}"


def _latencies(record: Record) -> Iterable[tuple[str, ...]]:
    for name, path in (("liveness", "/api/v1/health"), ("readiness", "/api/v1/health/db")):
        for share in ("p50", "p99", "max"):
            found = sorted(value for value in record["seconds"][f"{name}_{share}_ms"] if value is not None)
            ranks = (median(found), found[len(found) * 99 // 100], found[-1]) if found else ()
            yield f"`{path}` {share}", *(f"{value:,.1f} ms" for value in ranks)


def _events(record: Record) -> Iterable[tuple[str, ...]]:
    for name in dict.fromkeys(event["name"] for event in record["events"]):
        same = [event for event in record["events"] if event["name"] == name]
        codes = dict.fromkeys(code for event in same for code in event["codes"])
        figures = (_range(same, f"{what}_seconds") for what in ("lasted", "noticed", "ready_again"))
        yield name, str(len(same)), *figures, ", ".join(f"`{code}`" for code in codes) or "stayed healthy"


def _range(events: list[dict[str, Any]], name: str) -> str:
    found = [event[name] for event in events if event[name] is not None]
    if not found:
        return "–"
    return f"{min(found):.1f} s" if len(found) == 1 else f"{min(found):.1f} to {max(found):.1f} s"


def _wrong(record: Record) -> str:
    if not record["wrong"]:
        return "None."
    rows = (
        (f"{one['at']:.1f}", one["request"], one["why"], one["truth"], f"{one['answers']:,}") for one in record["wrong"]
    )
    return _table(("second", "request", "why", "truth", "answers"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
