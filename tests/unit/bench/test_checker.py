"""The checker against answers that are true and answers that are not: a soak proves as much as it can find."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench.soak.answers import PLAIN, ROUND, Answer, Request, Trouble
from bench.soak.checker import Bounds, Verdict, Wrong
from bench.soak.checker import judge as compare
from bench.soak.load import Load
from bench.soak.truth import Phase, Timeline
from pgvector_ready.documents.answer import Answer as Sent
from pgvector_ready.documents.answer import Answers, Manner, about_database, about_service
from pgvector_ready.documents.identity import Identity
from pgvector_ready.judgement.facts import Extension, Facts, Server
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Provider, Target
from tests.support.postgres import wait_until
from tests.support.service import DATABASE, HEALTH

# The truth: killed at 10, surely down from 11, started at 20, surely back at 21.
START = 1_700_000_000.0
FINGERPRINT = "3f9ac2d1"
PRIMARY, STANDBY = frozenset({5432}), (5433, FINGERPRINT)
CODES = frozenset({Code.CONNECTION_REFUSED})
KILLED = Timeline(
    FINGERPRINT,
    [
        Phase(START, "", True, PRIMARY),  # noqa: FBT003 - its state
        Phase(START + 10, "killed", None, PRIMARY, CODES | {Code.CONNECTION_LOST}),
        Phase(START + 11, "killed", False, PRIMARY, CODES),  # noqa: FBT003
        Phase(START + 20, "killed", None, PRIMARY, CODES),
        Phase(START + 21, "", True, PRIMARY),  # noqa: FBT003
    ],
)
BOUNDS = Bounds(deadline_seconds=4.0, margin_seconds=1.0)

LIVENESS = next(request for request in ROUND if request.path == HEALTH and request.method == "GET")
HEAD = next(request for request in ROUND if request.path == DATABASE and request.method == "HEAD")
TEXT = Request("GET", f"{DATABASE}?format=text")
STRICT = next(request for request in ROUND if "strict" in request.path and request.method == "GET")
IDENTITY = Identity(None, None, None, datetime.fromtimestamp(START, UTC))
SERVER = Server("18.6", False, False, "app", "app", None, False, FINGERPRINT)  # noqa: FBT003
EXTENSION = Extension("0.8.6", "0.8.6", "public", "public")


def documents(
    at: float,
    code: Code | None = None,
    *,
    since: float | None = None,
    failures: int | None = None,
    server: tuple[int, str] = (5432, FINGERPRINT),
) -> Answers:
    """What the service renders of an observation `at` seconds after the start: healthy, or failing with this code."""
    port, fingerprint = server
    target = Target("127.0.0.1", port, "app", "app", Provider.LOCAL)
    observed_at = datetime.fromtimestamp(START + at, UTC)
    facts = Facts(target, observed_at, 10.0, replace(SERVER, fingerprint=fingerprint), EXTENSION)
    if code:
        facts = Facts(target, observed_at, 10.0, failure=Failure.about(code, Step.CONNECTED, target))
    began_at = datetime.fromtimestamp(START + (at if since is None else since), UTC)
    count = int(code is not None) if failures is None else failures
    return about_database(Observation(judge(facts, Requirements()), Provisioning(), began_at, count), IDENTITY)


def given(answers: Answers, request: Request, *moments: tuple[float, float]) -> Answer:
    """Received by the load, to requests that were sent and answered at these moments."""
    manner = Manner(is_strict="strict=true" in request.path, is_text="format=text" in request.path)
    sent = answers.to(manner)
    headers = {name.decode(): value.decode() for name, value in sent.headers}
    answer = Answer(request, sent.status, headers, b"" if request.method == "HEAD" else sent.body)
    for sent_at, received_at in moments:
        answer.sent.append(START + sent_at)
        answer.received.append(START + received_at)
    return answer


def told(at: float, code: Code | None = None, *, request: Request = PLAIN, wait: float = 0.02, **more: Any) -> Answer:
    """The answer to whoever asked first, and `wait` seconds later had it."""
    return given(documents(at, code, **more), request, (at, at + wait))


REFUSED = Code.CONNECTION_REFUSED
LIVE = given(about_service(None, IDENTITY), LIVENESS, (1, 1.01), (15, 15.01))
TRUE = [
    LIVE,
    told(2),
    told(4.1, since=2),
    told(4.1, since=2, request=STRICT),
    told(4.1, since=2, request=HEAD),
    told(4.1, since=2, request=TEXT),
    told(12, REFUSED),
    told(13.1, REFUSED, since=12, failures=2),
    told(13.1, REFUSED, since=12, failures=2, request=STRICT),
    told(13.1, REFUSED, since=12, failures=2, request=HEAD),
    told(13.1, REFUSED, since=12, failures=2, request=TEXT),
    told(22),
]


def check(*answers: Answer, troubles: tuple[Trouble, ...] = (), timeline: Timeline = KILLED) -> Verdict:
    return compare(answers, troubles, timeline, BOUNDS)


def changed(answer: Answer, **changes: Any) -> Answer:
    return replace(answer, **changes)


def test_true_answers_are_true() -> None:
    verdict = check(*TRUE)

    assert verdict.wrong == []
    assert verdict.answers == len(TRUE) + 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(told(10.5), id="healthy while it is being changed"),
        pytest.param(told(10.5, REFUSED), id="failing while it is being changed"),
        pytest.param(told(9.995), id="healthy, asked just before the change"),
        pytest.param(told(9.995, Code.CONNECTION_LOST), id="failing, asked just before the change"),
        pytest.param(told(19.995, REFUSED), id="failing, asked just before it came back"),
        pytest.param(told(20.995, REFUSED), id="failing, asked just before it was surely back"),
    ],
)
def test_while_it_changes_either_may_have_been_seen(answer: Answer) -> None:
    assert check(answer).wrong == []


HEALTHY, FAILING = told(4), told(15, REFUSED)
TOO_MUCH = HEALTHY.body.replace(b'"error":null', b'"error":null,"healthy":true')
WORDY = HEALTHY.body.replace(b'"user":"app"', b'"user":"app:secret"')
WRONG = [
    pytest.param([told(15)], "healthy while the database was down", id="healthy in an outage"),
    pytest.param(
        [told(15, request=STRICT)], "healthy while the database was down", id="strict, and healthy in an outage"
    ),
    pytest.param([told(4, REFUSED)], "failing while the database was usable", id="failing while all is well"),
    pytest.param([told(15, Code.INVALID_PASSWORD)], "invalid_password is not what was wrong", id="another code"),
    pytest.param([told(4, server=(5432, "00000000"))], "another database's fingerprint", id="another database"),
    pytest.param([told(4, server=STANDBY)], "healthy at a server that was not the primary", id="another server"),
    pytest.param(
        [told(15, REFUSED, server=STANDBY)],
        "failing at a server that was not the primary",
        id="another server's failure",
    ),
    pytest.param([given(documents(2), PLAIN, (2, 2.1), (5.5, 5.6))], "stale", id="remembered for too long"),
    pytest.param([given(documents(15, REFUSED), PLAIN, (17.5, 17.6))], "stale", id="a failure remembered for too long"),
    pytest.param([told(4, wait=5.5)], "took longer than the deadline", id="a poller that waits too long"),
    pytest.param(
        [LIVE, given(about_service(None, IDENTITY), LIVENESS, (15, 20.5))],
        "took longer than the deadline",
        id="liveness that waits too long",
    ),
    pytest.param(
        [HEALTHY, given(documents(4, REFUSED), HEAD, (4.1, 4.2))], "not what was known at that time", id="another HEAD"
    ),
    pytest.param(
        [FAILING, given(documents(15, Code.DISK_FULL), TEXT, (15.1, 15.2))],
        "not what was known at that time",
        id="another text",
    ),
    pytest.param(
        [HEALTHY, told(4, since=3)], "a field changes between two answers of one observation", id="two bodies"
    ),
    pytest.param(
        [HEALTHY, told(4, since=3, request=STRICT)], "two answers about one observation differ", id="two documents"
    ),
    pytest.param([HEALTHY, told(6.1, since=5)], "since does not change exactly with healthy", id="since moves"),
    pytest.param(
        [FAILING, told(16.1, REFUSED, since=15, failures=1)], "consecutive_failures does not count", id="no counting"
    ),
    pytest.param([told(4, failures=3)], "consecutive_failures is 0 exactly when healthy", id="failures of the healthy"),
    pytest.param([told(4, since=5)], "since is later than observed_at", id="since in the future"),
    pytest.param([HEALTHY, told(4.5, since=4)], "a probe before the last one's time to live was over", id="too early"),
    pytest.param(
        [changed(FAILING, status=200)], "status code, healthy, status and error do not agree", id="200 for fail"
    ),
    pytest.param([changed(HEALTHY, status=500)], "a status that is neither 200 nor 503", id="500"),
    pytest.param([changed(HEALTHY, body=TOO_MUCH)], "healthy and status do not occur exactly once", id="healthy twice"),
    pytest.param([changed(HEALTHY, body=b"{}")], "not the documented keys in the documented order", id="no keys"),
    pytest.param([changed(HEALTHY, body=b"healthy")], "no JSON", id="no JSON"),
    pytest.param([changed(HEALTHY, body=HEALTHY.body[:-1])], "Content-Length is not the body's", id="cut short"),
    pytest.param([changed(HEALTHY, body=WORDY)], "the password in the body", id="the password"),
    pytest.param([changed(FAILING, headers=HEALTHY.headers)], "Retry-After stands on every 503", id="no Retry-After"),
    pytest.param([changed(HEALTHY, headers={"content-length": "1"})], "cache-control is not no-store", id="no headers"),
    pytest.param([changed(LIVE, status=503)], "liveness not 200", id="liveness fails"),
]


@pytest.mark.parametrize(("answers", "why"), WRONG)
def test_a_wrong_answer_is_found(answers: list[Answer], why: str) -> None:
    verdict = check(*answers)

    assert any(wrong.why.startswith(why) for wrong in verdict.wrong), verdict.wrong


def test_a_wrong_answer_is_kept_with_all_there_is_to_know_and_counted_as_often_as_it_was_given() -> None:
    lie = given(documents(15), PLAIN, (15, 15.02), (15.1, 15.11), (15.2, 15.21))

    verdict = check(lie)

    (wrong,) = verdict.wrong
    why, truth = "healthy while the database was down", "down (killed); 0.020 s"
    body = lie.body.decode()
    assert wrong == Wrong(START + 15, f"GET {DATABASE}", 200, why, truth, body, answers=3)
    assert verdict.wrong_answers == 3


def test_no_answer_is_a_wrong_answer() -> None:
    verdict = check(troubles=(Trouble(START + 15, PLAIN, "the connection was closed"),))

    assert [(wrong.why, wrong.truth) for wrong in verdict.wrong] == [("the connection was closed", "down (killed)")]


def test_a_held_connection_may_go_on_for_as_long_as_is_documented() -> None:
    codes = frozenset({Code.INVALID_PASSWORD})
    down = Phase(START, "password changed", False, PRIMARY, codes, unnoticed_seconds=60)  # noqa: FBT003
    timeline = Timeline(FINGERPRINT, [down])

    assert check(told(59), timeline=timeline).wrong == []
    assert check(told(59, Code.INVALID_PASSWORD), timeline=timeline).wrong == []
    assert [wrong.why for wrong in check(told(61), timeline=timeline).wrong] == ["healthy while the database was down"]


# Servers that lie


class Pretender(BaseHTTPRequestHandler):
    """Answers well-formed and in time, healthy whatever the database does."""

    protocol_version = "HTTP/1.1"
    liveness = about_service(None, IDENTITY)
    since = 0.0
    known: tuple[float, Answers] = (0.0, liveness)
    lock = threading.Lock()

    def do_GET(self) -> None:
        answer = self.answer()
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name.decode(), value.decode())
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(answer.body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def answer(self) -> Sent:
        manner = Manner(is_strict="strict=true" in self.path, is_text="format=text" in self.path)
        return (self.observe() if self.path.startswith(DATABASE) else self.liveness).to(manner)

    def observe(self) -> Answers:
        kind, now = type(self), time.time() - START
        with self.lock:
            kind.since = kind.since or now
            if now > kind.known[0]:
                kind.known = (now + 2.02, documents(now, since=kind.since))
            return kind.known[1]

    def log_message(self, *_: object) -> None:
        """Silent."""


class Hanger(Pretender):
    """Hangs up without a word."""

    def do_GET(self) -> None:
        self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - http.server's name


@contextmanager
def serving(kind: type[Pretender]) -> Iterator[int]:
    kind.known, kind.since = (0.0, kind.liveness), 0.0
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def soaked(kind: type[Pretender], *, is_usable: bool) -> Verdict:
    """A few hundred requests to such a server, while the database is so."""
    timeline = Timeline(FINGERPRINT, [Phase(START, "", is_usable, PRIMARY, CODES)])
    seconds: list[object] = []
    with serving(kind) as port, Load(port, 200, seconds.append) as load:
        wait_until(lambda: len(seconds) >= 3)
    return compare(load.answers, load.troubles, timeline, Bounds(deadline_seconds=4.0, margin_seconds=10.0))


def test_a_server_that_says_healthy_is_right_as_long_as_that_is_so() -> None:
    verdict = soaked(Pretender, is_usable=True)

    assert verdict.wrong == []
    assert verdict.answers > 100


def test_a_server_that_says_healthy_in_an_outage_is_caught() -> None:
    verdict = soaked(Pretender, is_usable=False)

    assert {wrong.why for wrong in verdict.wrong} == {"healthy while the database was down"}
    assert verdict.wrong_answers > 50


def test_a_server_that_hangs_up_is_caught() -> None:
    verdict = soaked(Hanger, is_usable=True)

    assert {wrong.why for wrong in verdict.wrong} == {"the connection was closed"}
    assert verdict.wrong_answers == verdict.answers > 0
