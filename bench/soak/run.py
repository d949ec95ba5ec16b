"""One run: the servers, the service, the load and the scenario together, and what came of it."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from bench.soak.checker import Bounds, Verdict, Wrong, judge
from bench.soak.cluster import cluster
from bench.soak.load import Load
from bench.soak.observations import Observation
from bench.soak.samples import Recorder, Second
from bench.soak.scenario import Event, Scenario
from bench.soak.truth import Timeline
from tests.support.postgres import wait_until
from tests.support.service import ServiceProcess


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: `events` one by one, each `every_seconds` after the last, or as soon as that is over."""

    events: Sequence[Event]
    every_seconds: float
    rate: int
    connect_timeout_seconds: float = 3.0
    query_timeout_seconds: float = 1.0
    margin_seconds: float = 1.0
    # How often an outage is to be told before it is mended.
    told: int = 3
    is_pinned: bool = False
    commit: str | None = None

    @classmethod
    def of_minutes(cls, minutes: int, rate: int, events: Sequence[Event], commit: str | None) -> "Plan":
        """An event a minute, in turn."""
        return cls(tuple(islice(cycle(events), minutes)), every_seconds=60.0, rate=rate, is_pinned=True, commit=commit)

    @property
    def environment(self) -> dict[str, str]:
        """The service's, but for its database."""
        times = {
            "CONNECT_TIMEOUT_SECONDS": str(self.connect_timeout_seconds),
            "QUERY_TIMEOUT_SECONDS": str(self.query_timeout_seconds),
        }
        return {**times, "GIT_COMMIT": self.commit} if self.commit else times

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.connect_timeout_seconds + self.query_timeout_seconds, self.margin_seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened, and what is wrong with it."""

    seconds: list[Second]
    timeline: Timeline
    verdict: Verdict
    requests: Counter[str]


def perform(plan: Plan, tell: Callable[[str], None]) -> Outcome:
    """The whole of it; `tell` is given a line for each event."""
    with tempfile.TemporaryDirectory() as folder, _cores(is_pinned=plan.is_pinned) as cores, cluster() as pair:
        service = ServiceProcess(log=Path(folder) / "log", DATABASE_URL=pair.url, **plan.environment)
        with service:
            assert service.process is not None
            os.sched_setaffinity(service.process.pid, cores)
            recorder = Recorder(service.process.pid, pair.ports)
            load = Load(service.port, plan.rate, lambda waits: recorder.take(waits, _reported(load)))
            scenario = Scenario(pair, lambda: _reported(load), told=plan.told)
            service.wait_for(200)
            stopped = _play(plan, scenario, load, tell)
            exit_code = service.end()
    tell("judging every answer")
    verdict = judge(load.answers, load.troubles, scenario.timeline, plan.bounds)
    if exit_code:
        verdict.wrong.append(Wrong(time.time(), "SIGTERM", None, f"exit code {exit_code}", "", ""))
    if stopped:
        verdict.wrong.append(Wrong(time.time(), "the run", None, stopped, "", ""))
    requests: Counter[str] = Counter()
    for answer in load.answers:
        requests[str(answer.request)] += len(answer.sent)
    return Outcome(recorder.seconds, scenario.timeline, verdict, requests)


def _play(plan: Plan, scenario: Scenario, load: Load, tell: Callable[[str], None]) -> str | None:
    """Event after event. What kept it from going on is a result, too: what there is until then will be judged."""
    try:
        with load:
            wait_until(lambda: load.latest)
            started = time.monotonic()
            for number, event in enumerate(plan.events):
                # A third of its time comes before each event: healthy answers, too, are to be judged.
                _wait_for(load, started + (number + 1 / 3) * plan.every_seconds)
                begun = time.monotonic()
                scenario.play(event)
                tell(f"{number + 1:3} of {len(plan.events)}: {event.name}, {time.monotonic() - begun:.1f} s")
            _wait_for(load, started + len(plan.events) * plan.every_seconds)
    except (AssertionError, OSError) as error:
        return f"stopped in the phase {scenario.timeline.phases[-1]}: {error}"
    return None


def _wait_for(load: Load, moment: float) -> None:
    load.join(max(0.0, moment - time.monotonic()))
    assert load.is_alive(), "the load has ended"


def _reported(load: Load) -> Observation | None:
    return Observation.read(load.latest.body) if load.latest else None


@contextmanager
def _cores(*, is_pinned: bool) -> Iterator[set[int]]:
    """Those for the service; everything else is moved to the others, where there are any."""
    all_of_them = os.sched_getaffinity(0)
    if not is_pinned or len(all_of_them) == 1:
        yield all_of_them
        return
    first = min(all_of_them)
    os.sched_setaffinity(0, all_of_them - {first})
    try:
        yield {first}
    finally:
        os.sched_setaffinity(0, all_of_them)
