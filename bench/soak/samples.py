"""What the service's process holds and how it answers, second by second."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import time

from bench.soak.load import Waits
from bench.soak.observations import Observation

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_ESTABLISHED = "01"  # include/net/tcp_states.h


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; None where nothing was answered."""

    p50: float | None
    p99: float | None
    max: float | None

    @classmethod
    def of(cls, waits: list[float]) -> "Latency":
        if not waits:
            return cls(None, None, None)
        ordered = sorted(waits)
        ranks = (len(ordered) // 2, min(len(ordered) - 1, len(ordered) * 99 // 100), -1)
        return cls(*(round(ordered[rank] * 1000, 2) for rank in ranks))


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the run."""

    at: float
    liveness_answers: int
    readiness_answers: int
    liveness: Latency
    readiness: Latency
    resident_mib: float
    files: int
    threads: int
    sessions: int
    is_reported_healthy: bool | None

    @property
    def answers(self) -> int:
        return self.liveness_answers + self.readiness_answers


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds; `sessions` counts its connections to these ports of this machine, frozen ones included."""

    resident_mib: float
    files: int
    threads: int
    sessions: int

    @classmethod
    def of(cls, pid: int, ports: frozenset[int]) -> "Held":
        process = Path(f"/proc/{pid}")
        pages = int((process / "statm").read_text().split()[1])
        threads, files = (len(list((process / name).iterdir())) for name in ("task", "fd"))
        return cls(round(pages * _PAGE_BYTES / 2**20, 2), files, threads, _sessions(process, ports))


def _sessions(process: Path, ports: frozenset[int]) -> int:
    rows = [line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:]]
    return sum(row[3] == _ESTABLISHED and int(row[1].partition(":")[2], 16) in ports for row in rows)


@dataclass(slots=True)
class Recorder:
    """Takes a sample each second; `reported` is the last observation that was told."""

    pid: int
    ports: frozenset[int]
    seconds: list[Second] = field(default_factory=list)

    def take(self, waits: Waits, reported: Observation | None) -> None:
        held = Held.of(self.pid, self.ports)
        second = Second(
            at=round(time(), 3),
            liveness_answers=len(waits[False]),
            readiness_answers=len(waits[True]),
            liveness=Latency.of(waits[False]),
            readiness=Latency.of(waits[True]),
            resident_mib=held.resident_mib,
            files=held.files,
            threads=held.threads,
            sessions=held.sessions,
            is_reported_healthy=reported.is_healthy if reported else None,
        )
        self.seconds.append(second)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory is flat when the last fifth of the run holds no more than the second fifth, by their medians.

    The first fifth is warming up; a median is not moved by a single sample.
    """

    second_fifth_mib: float
    last_fifth_mib: float

    # Python's allocator gives memory back by arenas of 1 MiB (Objects/obmalloc.c): less than two are no trend.
    TOLERANCE_MIB = 2.0
    # In a shorter run not every kind of event has been met by the end of the second fifth.
    JUDGED_FROM_MINUTES = 15

    @classmethod
    def of(cls, resident_mib: Sequence[float]) -> "Memory":
        fifth = max(1, len(resident_mib) // 5)
        return cls(median(resident_mib[fifth : 2 * fifth] or resident_mib), median(resident_mib[-fifth:]))

    @property
    def growth_mib(self) -> float:
        return round(self.last_fifth_mib - self.second_fifth_mib, 2)

    @property
    def is_flat(self) -> bool:
        return self.growth_mib <= self.TOLERANCE_MIB
