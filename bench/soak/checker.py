"""The judgement: every answer against the truth, against its neighbours in time and against the contract. Pure."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bench.soak.answers import Answer, Trouble
from bench.soak.contract import broken_promises
from bench.soak.observations import ROUNDING_SECONDS, Observation, inconsistencies
from bench.soak.truth import Timeline
from pgvector_ready.judgement.failures import Code


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long an answer may take: the service's own deadline, and what a busy machine may add to it."""

    deadline_seconds: float
    margin_seconds: float


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong answer, and how many were the same."""

    at: float
    request: str
    status: int | None
    why: str
    truth: str
    body: str
    answers: int = 1


@dataclass(slots=True)
class Verdict:
    """What came of it all."""

    answers: int
    observations: list[Observation]
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def wrong_answers(self) -> int:
        return sum(wrong.answers for wrong in self.wrong)


def judge(answers: Iterable[Answer], troubles: Iterable[Trouble], timeline: Timeline, bounds: Bounds) -> Verdict:
    """Compare each one."""
    return _Judge(list(answers), timeline, bounds).judge(list(troubles))


class _Judge:
    def __init__(self, answers: list[Answer], timeline: Timeline, bounds: Bounds) -> None:
        self._answers = answers
        self._timeline = timeline
        self._bounds = bounds
        self._readable = [answer for answer in answers if not list(broken_promises(answer))]
        self._told: dict[float, list[tuple[Answer, Observation]]] = defaultdict(list)
        for answer in self._readable:
            if answer.request.is_document and answer.request.is_about_database:
                observation = Observation.read(answer.body)
                self._told[observation.begins_at].append((answer, observation))
        self._observations = [self._told[at][0][1] for at in sorted(self._told)]
        self._ends = [observation.ends_at for observation in self._observations]

    def judge(self, troubles: list[Trouble]) -> Verdict:
        number = sum(len(answer.sent) for answer in self._answers) + len(troubles)
        verdict = Verdict(number, self._observations)
        for trouble in troubles:
            truth = self._timeline.told(trouble.at, trouble.at)
            verdict.wrong.append(Wrong(trouble.at, str(trouble.request), None, trouble.what, truth, ""))
        for answer in self._answers:
            verdict.wrong += (self._all_of(answer, why) for why in broken_promises(answer))
            verdict.wrong += self._some_of(answer, "took longer than the deadline", self._is_late)
        for answer in self._readable:
            if answer.request.is_about_database and not answer.request.is_document:
                verdict.wrong += self._some_of(answer, "not what was known at that time", self._is_elsewhere(answer))
        verdict.wrong += self._wrong_observations()
        verdict.wrong.sort(key=lambda wrong: wrong.at)
        return verdict

    def _wrong_observations(self) -> Iterator[Wrong]:
        for told in self._told.values():
            for answer, observation in told:
                yield from (self._all_of(answer, why) for why in untruths(observation, self._timeline))
                limit = observation.fresh_until + self._bounds.margin_seconds
                yield from self._some_of(answer, "stale", lambda sent, _, limit=limit: sent > limit)  # type: ignore[misc]
            if len({observation for _, observation in told}) > 1:
                yield self._all_of(told[0][0], "two answers about one observation differ")
            if len({answer.request for answer, _ in told}) < len(told):
                yield self._all_of(told[0][0], "a field changes between two answers of one observation")
        for observation, why in inconsistencies(self._observations):
            yield self._all_of(self._told[observation.begins_at][0][0], why)

    def _is_late(self, sent: float, received: float) -> bool:
        return received - sent > self._bounds.deadline_seconds + self._bounds.margin_seconds

    def _is_elsewhere(self, answer: Answer) -> Callable[[float, float], bool]:
        """Whether no observation that was the last one between these moments leads to such an answer.

        Text and HEAD do not name theirs; but all that ask at one time are given the same.
        """

        def is_elsewhere(sent: float, received: float) -> bool:
            first = max(0, bisect_right(self._ends, sent - ROUNDING_SECONDS) - 1)
            known = self._observations[first : bisect_left(self._ends, received + 2 * ROUNDING_SECONDS)]
            return bool(known) and not any(self._agrees(answer, observation) for observation in known)

        return is_elsewhere

    def _agrees(self, answer: Answer, observation: Observation) -> bool:
        if answer.body:
            return (answer.status == 200, _code_in(answer.body)) == (observation.is_healthy, observation.code)
        same = (
            document
            for document, _ in self._told[observation.begins_at]
            if document.request.path == answer.request.path
        )
        shown = next(((document.status, document.length) for document in same), None)
        return shown in {None, (answer.status, answer.length)}

    def _all_of(self, answer: Answer, why: str) -> Wrong:
        return self._wrong(answer, why, 0, len(answer.sent))

    def _some_of(self, answer: Answer, why: str, is_wrong: Callable[[float, float], bool]) -> Iterator[Wrong]:
        pairs = enumerate(zip(answer.sent, answer.received, strict=True))
        wrong = [index for index, (sent, received) in pairs if is_wrong(sent, received)]
        if wrong:
            yield self._wrong(answer, why, wrong[0], len(wrong))

    def _wrong(self, answer: Answer, why: str, index: int, number: int) -> Wrong:
        sent, received = answer.sent[index], answer.received[index]
        truth = f"{self._timeline.told(sent, received)}; {received - sent:.3f} s"
        return Wrong(sent, str(answer.request), answer.status, why, truth, answer.body.decode(errors="replace"), number)


def untruths(observation: Observation, timeline: Timeline) -> Iterator[str]:
    """What it says that was not so: where the database changed meanwhile, either may have been seen."""
    phases = timeline.during(observation.begins_at, observation.ends_at)
    well = [phase for phase in phases if phase.may_be_healthy(observation.begins_at)]
    ports = frozenset[int]().union(*(phase.ports for phase in phases))
    if observation.fingerprint not in {None, timeline.fingerprint}:
        yield "another database's fingerprint"
    if observation.is_healthy:
        if not well:
            yield "healthy while the database was down"
        elif observation.port not in frozenset[int]().union(*(phase.ports for phase in well)):
            yield "healthy at a server that was not the primary"
        if observation.fingerprint is None:
            yield "healthy without a fingerprint"
    elif all(phase.is_usable for phase in phases):
        yield "failing while the database was usable"
    elif observation.code not in frozenset[Code]().union(*(phase.codes for phase in phases)):
        yield f"{observation.code} is not what was wrong"
    elif isinstance(observation.port, int) and observation.port not in ports:
        yield "failing at a server that was not the primary"


def _code_in(text: bytes) -> str | None:
    failed = next((line for line in text.decode().splitlines() if line.startswith("[-] ")), None)
    return failed.split(" ")[2].rstrip(":") if failed else None
