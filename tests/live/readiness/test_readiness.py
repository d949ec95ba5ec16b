"""One shared, bounded, remembered answer."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from pgvector_ready.database import Database as Connector
from pgvector_ready.documents.answer import Answers, Manner
from pgvector_ready.documents.identity import Identity
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.facts import Extension, Facts, Server
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Provisioning, ProvisioningState
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.target import Provider, Target
from pgvector_ready.observation.observer import Observer
from pgvector_ready.readiness.readiness import HEALTHY_FOR_SECONDS, Observes, Readiness
from tests.conftest import Database
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, Running, running

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target("db.example.net", 5432, "app", "someone", Provider.OTHER)
SERVER = Server("17.6", False, False, "app", "someone", "TLSv1.3", False, "3f9ac2d1")  # noqa: FBT003
WELL = Facts(TARGET, NOON, 1.0, SERVER, Extension("0.8.6", "0.8.6", "public", "public"))
REFUSED = Facts(TARGET, NOON, 1.0, failure=Failure.about(Code.CONNECTION_REFUSED, Step.CONNECTED, TARGET))
SILENT = Facts(TARGET, NOON, 1.0, failure=Failure.about(Code.CONNECT_TIMEOUT, Step.CONNECTED, TARGET))
EMPTY = replace(WELL, extension=Extension("0.8.6"))
IDENTITY = Identity(None, None, None, NOON)


@dataclass
class Scripted:
    """An observer that finds what it is told, when it is let: a real server cannot be held between two lines."""

    facts: Facts | Exception = WELL
    probes: int = 0
    is_released: bool = False
    is_cancelled: bool = False
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_finish.set()

    async def observe(self) -> Facts:
        self.probes += 1
        facts = self.facts
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        if isinstance(facts, Exception):
            raise facts
        return facts

    def release(self) -> None:
        self.is_released = True


@dataclass
class Counting:
    """A real observer, with the number of its probes."""

    observer: Observes
    probes: int = 0

    async def observe(self) -> Facts:
        self.probes += 1
        return await self.observer.observe()

    def release(self) -> None:
        self.observer.release()


@pytest.fixture
async def observer() -> Scripted:
    return Scripted()


@pytest.fixture
async def readiness(observer: Scripted) -> AsyncIterator[Readiness]:
    made = Readiness(observer, TARGET, Requirements(), IDENTITY, now=lambda: asyncio.get_running_loop().time())
    yield made
    made.close()


@pytest.fixture
async def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the loop's clock stand still, and move it by hand."""
    loop = asyncio.get_running_loop()
    moment = loop.time()

    def move(seconds: float) -> None:
        nonlocal moment
        moment += seconds

    monkeypatch.setattr(loop, "time", lambda: moment)
    return move


def document(answers: Answers) -> dict[str, Any]:
    return dict(json.loads(answers.to(Manner()).body))


def code(answers: Answers) -> str | None:
    error = document(answers)["error"]
    return error and str(error["code"])


# One observation for everybody


@pytest.mark.parametrize(("facts", "seconds"), [(WELL, 2.0), (REFUSED, 1.0)], ids=["healthy", "failing"])
async def test_an_observation_is_served_for_its_time_to_live(
    readiness: Readiness, observer: Scripted, advance: Callable[[float], None], facts: Facts, seconds: float
) -> None:
    """Not one probe more within it, and the very same answers; the next request after it starts the next probe."""
    observer.facts = facts
    first = await readiness.answers()

    advance(seconds - 0.001)
    again, probes_within = await readiness.answers(), observer.probes
    advance(0.002)
    anew, probes_after = await readiness.answers(), observer.probes

    assert again is first
    assert anew is not first
    assert (probes_within, probes_after) == (1, 2)


async def test_an_observation_ages_from_the_beginning_of_its_probe(
    readiness: Readiness, observer: Scripted, advance: Callable[[float], None]
) -> None:
    """Whoever waited for a long probe has its answer; what it saw at its beginning is old news for the next one."""
    observer.facts = SILENT
    observer.may_finish.clear()
    waiting = asyncio.create_task(readiness.answers())
    while not observer.probes:
        await asyncio.sleep(0)

    advance(3)
    observer.may_finish.set()
    waited = await waiting
    anew = await readiness.answers()

    assert code(waited) == Code.CONNECT_TIMEOUT
    assert anew is not waited
    assert observer.probes == 2


async def test_without_a_request_nothing_is_asked(
    readiness: Readiness, observer: Scripted, advance: Callable[[float], None]
) -> None:
    """So that a serverless database can sleep."""
    await readiness.answers()
    advance(3600)
    await asyncio.sleep(0)

    assert readiness.fresh() is None
    assert observer.probes == 1


async def test_whoever_asks_during_a_probe_waits_for_it(readiness: Readiness, observer: Scripted) -> None:
    observer.may_finish.clear()
    callers = [asyncio.create_task(readiness.answers()) for _ in range(200)]
    await asyncio.sleep(0)
    observer.may_finish.set()

    answers = await asyncio.gather(*callers)

    assert observer.probes == 1
    assert len({id(answer) for answer in answers}) == 1


async def test_a_caller_that_goes_away_cancels_nothing(readiness: Readiness, observer: Scripted) -> None:
    """Not even the one whose request started the probe."""
    observer.may_finish.clear()
    first, second = (asyncio.create_task(readiness.answers()) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait({first})
    observer.may_finish.set()
    answers = await second

    assert first.cancelled()
    assert code(answers) is None
    assert (observer.probes, observer.is_cancelled) == (1, False)


async def test_the_probe_goes_on_when_all_callers_are_gone(readiness: Readiness, observer: Scripted) -> None:
    observer.may_finish.clear()
    only = asyncio.create_task(readiness.answers())
    await asyncio.sleep(0)

    only.cancel()
    await asyncio.wait({only})
    observer.may_finish.set()
    answers = await readiness.answers()

    assert code(answers) is None
    assert observer.probes == 1


async def test_an_observation_anew_began_after_it_was_asked_for(readiness: Readiness, observer: Scripted) -> None:
    """What was done to the database before is seen in it: a probe that was under way already does not count."""
    observer.facts = REFUSED
    observer.may_finish.clear()
    stale = asyncio.create_task(readiness.answers())
    while not observer.probes:
        await asyncio.sleep(0)
    observer.facts = WELL
    anew = asyncio.create_task(readiness.observe_anew())
    await asyncio.sleep(0)
    observer.may_finish.set()

    answers, observation = await stale, await anew

    assert code(answers) == "connection_refused"
    assert observation.report.is_healthy
    assert observer.probes == 2


async def test_closing_ends_a_probe_and_lets_go_of_the_connection(readiness: Readiness, observer: Scripted) -> None:
    observer.may_finish.clear()
    waiting = asyncio.create_task(readiness.observe_anew())
    while not observer.probes:
        await asyncio.sleep(0)

    readiness.close()
    with pytest.raises(AssertionError):  # nothing was ever observed
        await waiting

    assert observer.is_cancelled
    assert observer.is_released


async def test_closing_what_was_never_asked_lets_go_too(readiness: Readiness, observer: Scripted) -> None:
    readiness.close()

    assert observer.is_released


async def test_whoever_waits_while_it_is_closed_is_answered_still(readiness: Readiness, observer: Scripted) -> None:
    observer.may_finish.clear()
    waiting = asyncio.create_task(readiness.answers())
    while not observer.probes:
        await asyncio.sleep(0)

    readiness.close()
    observer.may_finish.set()

    assert code(await waiting) is None


# Failing closed


async def test_an_observer_that_raises_fails_closed(
    readiness: Readiness, observer: Scripted, advance: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The detail is in the log and nowhere else; and the next probe may find everything well."""
    observer.facts = RuntimeError("a detail with a secret")

    broken = (await readiness.answers()).to(Manner())
    observer.facts = WELL
    advance(1.001)
    mended = await readiness.answers()

    assert broken.status == 503
    assert json.loads(broken.body)["error"]["code"] == "unexpected_error"
    assert b"detail with" not in broken.body
    assert "a detail with a secret" in caplog.text
    assert code(mended) is None


async def test_failures_are_counted_and_dated(
    readiness: Readiness, observer: Scripted, advance: Callable[[float], None]
) -> None:
    """`since` is when it began to be so, and healthy ones reset the count."""
    seen = []
    for number, facts in enumerate([WELL, REFUSED, SILENT, REFUSED, WELL, WELL]):
        observer.facts = replace(facts, observed_at=NOON + timedelta(seconds=2.001 * number))
        told = document(await readiness.answers())
        seen.append((told["since"][17:19], told["consecutive_failures"]))
        advance(2.001)

    assert seen == [("00", 0), ("02", 1), ("02", 2), ("02", 3), ("08", 0), ("08", 0)]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_moves_the_moments_and_no_duration(
    hours: int,
    readiness: Readiness,
    observer: Scripted,
    advance: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is said to be so since a moment that is still to come, or an hour longer than it is."""
    caplog.set_level(logging.INFO)
    seen = []
    for number, facts in enumerate([WELL, REFUSED, REFUSED, REFUSED, WELL]):
        was_set = timedelta(hours=hours) if number >= 2 else timedelta()
        observer.facts = replace(facts, observed_at=NOON + timedelta(seconds=10 * number) + was_set)
        told = document(await readiness.answers())
        observed_at, since = (datetime.fromisoformat(told[key]) for key in ("observed_at", "since"))
        seen.append((observed_at - since).total_seconds())
        advance(10)

    assert seen == [0, 0, 10, 20, 0]
    assert changes(caplog)[-1] == ("became_ready", 30.0)


async def test_what_cannot_be_rendered_fails_closed(
    readiness: Readiness, observer: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    """Facts are read strictly; and should a document stumble over one all the same, there is an answer with a code."""
    observer.facts = replace(WELL, server=replace(SERVER, version=18))  # type: ignore[arg-type]

    answers = await readiness.answers()

    for manner in (Manner(), Manner(is_strict=True), Manner(is_text=True), Manner(is_health_json=True)):
        assert answers.to(manner).status == 503
    assert code(answers) == "unexpected_error"
    assert "rendering_broke" in {record.message for record in caplog.records}


async def test_what_kept_start_up_from_its_work_is_judged_with(readiness: Readiness, observer: Scripted) -> None:
    denied = Failure.about(Code.PGVECTOR_PERMISSION_DENIED, Step.ENABLED, TARGET)
    observer.facts = EMPTY
    readiness.provisioning = Provisioning(ProvisioningState.FAILED, attempts=3, blocked=denied)

    told = document(await readiness.answers())

    assert told["error"]["code"] == "pgvector_permission_denied"
    assert told["provisioning"] == {"state": "failed", "attempts": 3}


# What is told to those who wait, and to the log


def changes(caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
    records = [record for record in caplog.records if record.name == "pgvector_ready.readiness.readiness"]
    told = [vars(record) for record in records]
    return [(record["msg"].partition(":")[0], record.get("code", record.get("outage_seconds"))) for record in told]


async def test_changes_are_logged_and_a_steady_state_is_silent(
    readiness: Readiness,
    observer: Scripted,
    advance: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    slow = replace(WELL, server=replace(SERVER, tls=None))  # a warning is no change of what matters
    story = [WELL, WELL, slow, WELL, REFUSED, REFUSED, SILENT, SILENT, WELL, slow]

    for number, facts in enumerate(story):
        observer.facts = replace(facts, observed_at=NOON + timedelta(seconds=10 * number))
        await readiness.answers()
        advance(10)

    assert changes(caplog) == [
        ("became_ready", 0.0),
        ("became_unready", "connection_refused"),
        ("became_unready", "connect_timeout"),
        ("became_ready", 40.0),
    ]


async def test_a_new_database_that_is_about_to_be_enabled_is_no_alarm(
    readiness: Readiness, observer: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    observer.facts = EMPTY
    await readiness.observe_anew()
    observer.facts = WELL
    await readiness.observe_anew()

    assert [event for event, _ in changes(caplog)] == ["became_ready"]


async def test_whoever_waits_for_a_change_is_woken_by_one_only(readiness: Readiness, observer: Scripted) -> None:
    woken = []
    for facts in (WELL, WELL, REFUSED, REFUSED, SILENT, WELL):
        observer.facts = facts
        readiness.has_changed.clear()
        await readiness.observe_anew()
        woken.append(readiness.has_changed.is_set())

    assert woken == [True, False, True, False, True, True]


async def test_draining_tells_what_was_known_last(readiness: Readiness, observer: Scripted) -> None:
    nothing = document(readiness.draining())
    await readiness.answers()
    something = document(readiness.draining())

    assert (nothing["error"]["code"], nothing["pgvector"]["state"]) == ("draining", "unknown")
    assert (something["error"]["code"], something["pgvector"]["state"]) == ("draining", "installed")
    assert something["steps"][0]["step"] == "service"
    assert observer.probes == 1


# Against a real server


def count_probes(service: Running) -> Counting:
    """Count from now on."""
    readiness = service.ready._readiness
    counting = Counting(readiness._observer)
    readiness._observer = counting
    return counting


def expire(service: Running) -> None:
    """Let the next request need a probe, without waiting for the time to live to be over."""
    service.ready.expire()


async def test_200_pollers_cost_one_probe(database_with_vector: Database) -> None:
    """All the same answer, byte for byte, over 200 connections."""
    async with running(database_with_vector.url) as service:
        expire(service)
        counting = count_probes(service)
        started = time.monotonic()

        answers = await asyncio.gather(*(service.database() for _ in range(200)))

        most = 1 + (time.monotonic() - started) // HEALTHY_FOR_SECONDS  # on a busy machine it takes several lives
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == counting.probes <= most


async def test_the_liveness_endpoint_never_asks_the_database(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        expire(service)
        counting = count_probes(service)

        answers = [await service.health() for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}
    assert counting.probes == 0


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer, and how long it took."""

    status: int
    code: str | None
    seconds: float


async def timed(service: Running, path: str) -> Timed:
    started = time.monotonic()
    answer = await service.client.get(path)
    error = answer.json()["error"]
    return Timed(answer.status_code, error and error["code"], time.monotonic() - started)


QUICK: dict[str, Any] = {"connect_timeout_seconds": 0.6, "query_timeout_seconds": 0.4}
# What a busy machine may add; without a bound the frozen server would hold everybody for ever.
LATEST_SECONDS = 1.0 + 3.0


async def test_a_frozen_backend_is_given_up_and_the_next_probe_has_a_new_one(database_with_vector: Database) -> None:
    server = database_with_vector.server
    async with running(database_with_vector.url, **QUICK) as service:
        await service.until(None)
        (held, *_) = server.backends(database_with_vector.name)
        expire(service)
        with server.frozen(*server.backends(database_with_vector.name)):
            frozen = await timed(service, DATABASE)
            live = await service.health()
            mended = await service.until(None)
            fresh = server.backends(database_with_vector.name)

    assert (frozen.status, frozen.code) == (503, "query_timeout")
    assert frozen.seconds < LATEST_SECONDS
    assert live.status_code == 200
    assert mended.status_code == 200
    assert set(fresh) - {held}


async def test_a_frozen_server_is_answered_for_within_the_deadline(database_with_vector: Database) -> None:
    """Postmaster and all: first the held connection is silent, then no new one is made; liveness never notices."""
    server = database_with_vector.server
    async with running(database_with_vector.url, **QUICK) as service:
        await service.until(None)
        expire(service)
        with server.frozen():
            silent = await asyncio.gather(*(timed(service, DATABASE) for _ in range(50)))
            expire(service)
            refused, live = await asyncio.gather(timed(service, DATABASE), service.health())
        thawed = await service.until(None)

    # The held connection's silence; a machine so busy that this process was late itself asks once more, anew.
    assert {answer.status for answer in silent} == {503}
    assert {answer.code for answer in silent} <= {"query_timeout", "connect_timeout"}
    assert (refused.status, refused.code) == (503, "connect_timeout")
    assert max(answer.seconds for answer in (*silent, refused)) < LATEST_SECONDS
    assert live.status_code == 200
    assert thawed.status_code == 200


async def test_a_client_that_hangs_up_leaves_the_probe_to_the_others(database_with_vector: Database) -> None:
    """Over real sockets, while the server is frozen: nobody else's wait is cut short or begun again."""
    server = database_with_vector.server
    async with running(database_with_vector.url, **QUICK) as service:
        await service.until(None)
        expire(service)
        counting = count_probes(service)
        with server.frozen():
            await hang_up(service)
            others = await asyncio.gather(*(timed(service, DATABASE) for _ in range(5)))

    assert {(answer.status, answer.code) for answer in others} == {(503, "query_timeout")}
    assert counting.probes == 1


async def hang_up(service: Running) -> None:
    """Ask, and go away without waiting for the answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(service.url).port)
    writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % DATABASE.encode())
    await writer.drain()
    while service.ready._readiness._probing is None or service.ready._readiness._probing.done():
        await asyncio.sleep(0.005)
    writer.transport.abort()


async def test_a_crash_and_the_recovery_are_logged_once_each(
    database_with_vector: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rename = 'ALTER DATABASE "{}" ALLOW_CONNECTIONS {}'
    server, name = database_with_vector.server, database_with_vector.name
    async with running(database_with_vector.url) as service:
        await service.until(None)
        server.execute(rename.format(name, "false"))
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
        await service.until("database_not_accepting")
        expire(service)
        await service.until("database_not_accepting")
        server.execute(rename.format(name, "true"))
        await service.until(None)

    events = [event for event, _ in changes(caplog)]
    assert events == ["became_ready", "became_unready", "became_ready"]
    assert changes(caplog)[1][1] == "database_not_accepting"


def connector(database: Database) -> Connector:
    return Connector(parse(database.url), connect_timeout_seconds=3)


async def gone(database: Database) -> None:
    """Wait until the server has noticed that nobody is connected."""
    while await asyncio.to_thread(database.server.backends, database.name):
        await asyncio.sleep(0.02)


async def test_a_connection_is_kept_between_probes_and_given_back_when_idle(database_with_vector: Database) -> None:
    observer = Observer(connector(database_with_vector), 1.0, max_idle_seconds=0.3)

    await observer.observe()
    first = database_with_vector.server.backends(database_with_vector.name)
    await observer.observe()
    second = database_with_vector.server.backends(database_with_vector.name)
    async with asyncio.timeout(30):
        await gone(database_with_vector)
    facts = await observer.observe()
    observer.release()

    assert len(first) == 1
    assert second == first
    assert facts.failure is None


async def test_a_connection_is_replaced_when_it_is_old(database_with_vector: Database) -> None:
    """A held one stays green while new ones fail: here, since the role may not log in any more."""
    server, name = database_with_vector.server, database_with_vector.name
    plain = Connector(parse(database_with_vector.plain_url), connect_timeout_seconds=3)
    observer = Observer(plain, 1.0, max_age_seconds=0.3)

    before = await observer.observe()
    server.execute(f'ALTER ROLE "{name}" NOLOGIN')
    held = await observer.observe()
    while observer._is_link_usable():
        await asyncio.sleep(0.02)
    replaced = await observer.observe()
    observer.release()

    assert before.failure is held.failure is None
    assert replaced.failure is not None
    assert replaced.failure.code is Code.LOGIN_NOT_PERMITTED


async def test_a_held_connection_found_dead_costs_nobody_a_failure(database_with_vector: Database) -> None:
    """The server ended it between two probes: one retry on a fresh one within the same probe."""
    server: PostgresServer = database_with_vector.server
    observer = Observer(connector(database_with_vector), 1.0)
    await observer.observe()
    (held,) = server.backends(database_with_vector.name)

    server.execute("SELECT pg_terminate_backend(%s, 5000)", held)
    facts = await observer.observe()
    (fresh,) = server.backends(database_with_vector.name)
    observer.release()

    assert facts.failure is None
    assert fresh != held
