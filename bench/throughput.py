"""Answers per second: the service, and everything it is compared with, in turns."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.contenders import BARE, CONTENDERS, PATH, ROUTE
from bench.figures import Bound, Figure, at_least, ratios
from bench.load import Load, wrk
from bench.processes import Contender, PinnedService
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH, ServiceProcess

PART = "throughput"
_CONNECTIONS = 32
_OURS = (HEALTH, DATABASE)
# It makes an engine for each request and closes none. With a role of its own it takes only so many of the server's
# hundred connections, or there would be none left for the others, and their answers would be failures.
_LEAKY, _LEAKY_CONNECTIONS = "fastapi-healthz", 40
_BOUNDS: dict[str, Bound] = {BARE: at_least(0.8), ROUTE: at_least(2)}
# Headers that uvicorn adds by itself.
_OF_UVICORN = {"date", "server"}


def measure(folder: Path, rounds: int, seconds: float) -> list[Figure]:
    """The first round warms up and does not count."""
    with PostgresServer() as server, ExitStack() as stack:
        server.create_database("app")
        server.create_role(_LEAKY, f"LOGIN CONNECTION LIMIT {_LEAKY_CONNECTIONS}")
        them = _start(stack, folder, server)
        seen: dict[str, list[Turn]] = {name: [] for name in them}
        for number in range(rounds + 1):
            for name, (process, path) in them.items():
                turn = _turn(process, path, seconds if number else 1)
                seen[name] += [turn] if number else []
    return [*_compared(seen), *_absolute(seen)]


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender's turn in one round."""

    load: Load
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.load.per_second

    @property
    def per_cpu_second(self) -> float:
        """As `per_second` on a core that nobody else uses: what others take meanwhile is not in it."""
        return (self.load.requests - self.load.refused) / self.cpu_seconds


def _turn(process: ServiceProcess, path: str, seconds: float) -> Turn:
    before = machine.cpu_seconds(process.process)
    load = wrk(process.url + path, seconds, _CONNECTIONS)
    return Turn(load, machine.cpu_seconds(process.process) - before)


def _start(stack: ExitStack, folder: Path, server: PostgresServer) -> dict[str, tuple[ServiceProcess, str]]:
    """All of them at once; whoever is not asked is idle. Each with the path it is asked for."""
    url = server.connection_string(database="app")
    service = stack.enter_context(PinnedService(log=folder / "service.log", DATABASE_URL=url))
    service.wait_for(200)
    them: dict[str, tuple[ServiceProcess, str]] = {path: (service, path) for path in _OURS}
    for name, path in [*((BARE, path) for path in _OURS), *((name, "") for name in _OTHERS)]:
        answer = folder / "answer.json"
        if path:
            answer.write_text(_answer(service, path))
        its_url = server.connection_string(_LEAKY, "app") if name == _LEAKY else url
        environment = {"DATABASE_URL": its_url, "ANSWER": str(answer)}
        contender = stack.enter_context(Contender(name, folder / "contenders.log", **environment))
        contender.wait_for(200, PATH)
        them[name + path] = (contender, PATH)
    return them


_OTHERS = [name for name in CONTENDERS if name != BARE]


def _answer(service: ServiceProcess, path: str) -> str:
    answer = service.wait_for(200, path)
    headers = [pair for pair in answer.headers.multi_items() if pair[0] not in _OF_UVICORN]
    return json.dumps({"headers": headers, "body": answer.text})


def _compared(seen: dict[str, list[Turn]]) -> list[Figure]:
    figures = []
    for path in _OURS:
        for name, key in ((BARE, BARE + path), *((other, other) for other in _OTHERS)):
            ours, theirs = seen[path], seen[key]
            wall = ratios((one.per_second for one in ours), (one.per_second for one in theirs))
            figures.append(Figure(PART, path, "", wall, name, _BOUNDS.get(name)))
            if name in _BOUNDS:
                cpu = ratios((one.per_cpu_second for one in ours), (one.per_cpu_second for one in theirs))
                figures.append(Figure(PART, f"{path}, by processor time", "", cpu, name))
    return figures


def _absolute(seen: dict[str, list[Turn]]) -> list[Figure]:
    """For orientation: another machine has others. An answer that is no 2xx does not count, and is told of."""
    figures = []
    for name, turns in seen.items():
        failed = tuple(100 * one.load.refused / max(1, one.load.requests) for one in turns)
        figures.append(Figure(PART, name.replace("bytes/", "bytes: /"), "/s", tuple(one.per_second for one in turns)))
        if any(failed):
            figures.append(Figure(PART, f"{name}: answers that failed", "%", failed))
    return figures
