"""Documents as bytes: what goes out over HTTP, rendered once for each observation and way of asking."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import chain
from typing import NamedTuple

from pgvector_ready.documents.documents import AnonymousDocument, DatabaseDocument, ServiceDocument
from pgvector_ready.documents.headers import SAFETY_HEADERS, Headers
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.places import pgvector_in, where
from pgvector_ready.documents.reasons import why_skipped
from pgvector_ready.documents.sentences import Text
from pgvector_ready.documents.vectors import MOST_FINDINGS
from pgvector_ready.documents.wording import wording, words
from pgvector_ready.judgement.failures import Failure
from pgvector_ready.judgement.observation import Observation
from pgvector_ready.judgement.report import Report, State, Verdict
from pgvector_ready.paths import DATABASE_PATH

_logger = logging.getLogger(__name__)

COMMON_HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
    *SAFETY_HEADERS,
]
# A failing observation is kept for 1 s (`readiness`); asking sooner than that only gives the same bytes.
_RETRY_AFTER = (b"retry-after", b"2")


# The ways of asking are few, but for an application that is mounted below a path with parameters.
_KEPT = 200


class Manner(NamedTuple):
    """The parts of a request that change the answer."""

    is_strict: bool = False
    is_text: bool = False
    is_health_json: bool = False
    is_anonymous: bool = False
    language: Language = Language.ENGLISH
    # Where the endpoint about the database is, for the answer about the process.
    database_path: str = DATABASE_PATH
    # Tables, columns and indexes are called by their names, in statements too.
    shows_names: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer; HEAD sends all but the body."""

    status: HTTPStatus
    headers: Headers
    body: bytes


class Answers:
    """All answers to one question, each rendered when it is first asked for and kept."""

    def __init__(self, render: Callable[[Manner], Answer], instead: Callable[[], "Answers"] | None = None) -> None:
        self._render = render
        self._instead = instead
        self._rendered: dict[Manner, Answer] = {}

    def to(self, manner: Manner) -> Answer:
        """The answer for this manner; the same object every time."""
        answer = self._rendered.get(manner)
        if answer is None:
            answer = self._rendered_or_instead(manner)
            if len(self._rendered) < _KEPT:
                self._rendered[manner] = answer
        return answer

    def _rendered_or_instead(self, manner: Manner) -> Answer:
        try:
            return self._render(manner)
        except Exception:
            if self._instead is None:
                raise
            _logger.exception("rendering_broke")  # a mistake of ours: fails closed like every other surprise
            return self._instead().to(manner)


def about_service(failure: Failure | None, identity: Identity) -> Answers:
    """Answers to: may this process live, may this deploy go live?"""

    def render(manner: Manner) -> Answer:
        path = manner.database_path
        shown = failure and replace(failure, values={**failure.values, "database_path": path})
        document = ServiceDocument.of(shown, identity, path)
        if manner.is_text:
            lines = [_line("[-]" if shown else "[+]", "service", shown, manner.language)]
            return _answer(_text(document, manner, lines), manner, document.healthy)
        return _answer(_json(document, manner), manner, document.healthy)

    return Answers(render)


def about_database(
    observation: Observation, identity: Identity, instead: Callable[[], Answers] | None = None
) -> Answers:
    """Answers to: is PostgreSQL with pgvector usable right now? `instead` is asked where one cannot be rendered."""

    def render(manner: Manner) -> Answer:
        report = observation.report.strictly() if manner.is_strict else observation.report
        report = report if manner.shows_names else report.without_names()
        asked = replace(observation, report=report)
        document = DatabaseDocument.of(asked, identity, manner.language, shows_names=manner.shows_names)
        if manner.is_text:
            known = "; ".join(filter(None, (where(document, manner.language), pgvector_in(document, manner.language))))
            told = (lines_of(verdict, manner.language) for verdict in report.verdicts)
            more = lines_of_findings(report, manner.language)
            lines = [*([f"    {known}"] if known else []), *chain.from_iterable(told), *more]
            return _answer(_text(document, manner, lines), manner, document.healthy)
        return _answer(_json(document, manner), manner, document.healthy)

    return Answers(render, instead)


def _answer(body: bytes, manner: Manner, is_healthy: bool) -> Answer:  # noqa: FBT001 - private
    if manner.is_text:
        content_type = b"text/plain; charset=utf-8"
    else:
        content_type = b"application/health+json" if manner.is_health_json else b"application/json"
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *COMMON_HEADERS]
    if is_healthy:
        return Answer(HTTPStatus.OK, headers, body)
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, [*headers, _RETRY_AFTER], body)


def _json(document: ServiceDocument | DatabaseDocument, manner: Manner) -> bytes:
    shown = AnonymousDocument.of(document) if manner.is_anonymous else document
    return shown.model_dump_json(by_alias=True).encode()


def _text(document: ServiceDocument | DatabaseDocument, manner: Manner, lines: Iterable[str]) -> bytes:
    """The verdict and `lines`; for anonymous callers the code in their place, as in `AnonymousDocument`."""
    if manner.is_anonymous:
        lines = [f"[-] {document.error.code}"] if document.error else []
    return "".join(f"{line}\n" for line in (document.status, *lines)).encode()


_MORE = Text("and {number} more", "ほかに {number} 件")
_MARKS = {State.PASS: "[+]", State.SKIPPED: "[ ]", State.WARN: "[!]", State.FAIL: "[-]"}


def lines_of(verdict: Verdict, language: Language = Language.ENGLISH) -> list[str]:
    """A step, and below it what there is to know besides."""
    spent = "" if verdict.duration_ms is None else f" {verdict.duration_ms:.1f} ms"
    name = f"{verdict.step}{spent}" if verdict.failure is None else verdict.step
    if verdict.reason:
        name = f"{name}: {why_skipped(verdict.step, verdict.reason, language)}"
    notes = (f"    {words(note, language)}" for note in verdict.notes)
    return [_line(_MARKS[verdict.state], name, verdict.failure, language), *notes]


def lines_of_findings(report: Report, language: Language = Language.ENGLISH) -> list[str]:
    """Return a line for each finding on the vectors that no step tells already; the last line counts the rest."""
    told = {verdict.failure for verdict in report.verdicts if verdict.failure}
    others = [finding for finding in report.findings if finding.failure not in told]
    lines = [
        f"    {_line('[!]', 'accepted' if one.is_accepted else 'also', one.failure, language)}"
        for one in others[:MOST_FINDINGS]
    ]
    more = len(others) - MOST_FINDINGS
    return [*lines, *([f"    {_MORE.in_language(language).format(number=more)}"] if more > 0 else [])]


def _line(mark: str, name: str, failure: Failure | None, language: Language) -> str:
    if failure is None:
        return f"{mark} {name}"
    said = wording(failure, language)
    return f"{mark} {name} {failure.code}: {said.message} → {said.remedy}"
