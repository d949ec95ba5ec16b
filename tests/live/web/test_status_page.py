"""The page at `/` over a real socket, without a browser; tests/browser/ has the rest."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from string import Formatter

import pytest

from pgvector_ready.documents.documents import DatabaseDocument
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.language import Language, preferred
from pgvector_ready.documents.sentences import SENTENCES
from pgvector_ready.documents.wording import wording
from pgvector_ready.judgement.facts import Extension, Facts
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.phrases import Part, phrase
from pgvector_ready.judgement.report import Report, State, Verdict
from pgvector_ready.judgement.target import Provider, Target
from pgvector_ready.paths import DATABASE_PATH, Paths
from pgvector_ready.web.status.drawing import draw_footer, draw_main
from pgvector_ready.web.status.history import KEPT, History
from pgvector_ready.web.status.language import LANGUAGES, spell
from pgvector_ready.web.status.remedy import draw_remedy
from tests.conftest import Database
from tests.support.postgres import PostgresServer, free_port
from tests.support.sentences import example
from tests.support.service import Running, running

ENGLISH, JAPANESE = LANGUAGES[Language.ENGLISH], LANGUAGES[Language.JAPANESE]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target(host="db.example.net", port=5432, database="app", user="app", provider=Provider.OTHER)
TOKEN = "secret"  # noqa: S105 - a test's own
VOID = {"meta", "link", "input"}
FRAMING = {"content-length", "transfer-encoding"}
HEADERS = {
    "cache-control": "no-store",
    "content-type": "text/html; charset=utf-8",
    "referrer-policy": "no-referrer",
    "vary": "Accept-Language",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Page(HTMLParser):
    """A page, read: its elements with their attributes, and the text in each."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


async def read(service: Running, **headers: str) -> Page:
    answer = await service.client.get("/", headers=headers)
    assert answer.status_code == 200
    return Page(answer.text)


def observation(*verdicts: Verdict, at: datetime = NOON, latency_ms: float = 2.0) -> Observation:
    facts = Facts(TARGET, observed_at=at, latency_ms=latency_ms)
    return Observation(Report(facts, verdicts), Provisioning(), since=NOON, consecutive_failures=0)


def drawn(observed: Observation, **identity: str) -> str:
    """The main part, for an observation."""
    process = Identity(identity.get("commit"), identity.get("environment"), identity.get("instance"), started_at=NOON)
    document = DatabaseDocument.of(observed, process).model_dump(mode="json", by_alias=True)
    return draw_main(document, process, History(), ENGLISH)


@pytest.fixture
def broken_url() -> str:
    return f"postgresql://app:secret@127.0.0.1:{free_port()}/app"


# As it goes out


async def test_get_and_head_have_the_same_headers(database: Database) -> None:
    """But for the length: HEAD draws nothing, and asks the database nothing."""
    async with running(database.url) as service:
        get, head = await service.client.get("/"), await service.client.head("/")

    own = [
        {name: value for name, value in answer.headers.items() if name not in FRAMING | {"date"}}
        for answer in (get, head)
    ]
    assert own[0] == own[1]
    assert HEADERS.items() <= own[0].items()
    assert (get.status_code, head.status_code, head.content) == (200, 200, b"")


async def test_head_does_not_wait_for_a_database_that_does_not_answer() -> None:
    """Render's port probe only wants to know whether somebody listens."""
    with PostgresServer() as frozen:
        url = frozen.connection_string()
        async with running(url) as service:
            await service.until_latched()
            with frozen.frozen():
                waiting = asyncio.create_task(service.until("query_timeout"))
                head = await service.client.head("/")

                assert head.status_code == 200
                assert not waiting.done()
                await waiting


async def test_the_policy_allows_its_own_style_and_script_and_nothing_else(database: Database) -> None:
    async with running(database.url) as service:
        answer = await service.client.get("/")

    page = Page(answer.text)
    style, script = (
        f"'sha256-{b64encode(sha256(page.texts[name].encode()).digest()).decode()}'" for name in ("style", "script")
    )
    assert answer.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        f"style-src {style}",
        f"script-src {script}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


async def test_nothing_is_loaded_and_nothing_is_inline_that_the_policy_would_refuse(database: Database) -> None:
    async with running(database.url) as service:
        page = await read(service)

    assert len(page.all("style")) == len(page.all("script")) == 1
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {"src", "srcset", "style"} & names
    assert not {name for name in names if name.startswith("on")}
    (icon,) = page.all("link")
    assert (icon["href"] or "").startswith("data:image/svg+xml,")
    assert all((link["href"] or "").startswith("/") for link in page.all("a"))


async def test_pages_share_one_observation(database: Database) -> None:
    """Twenty of them cost the database one probe; two, where an observation's time to live ends in between."""
    async with running(database.url) as service:
        await service.until_latched()

        answers = await asyncio.gather(*(service.client.get("/") for _ in range(20)))

    assert len({answer.content for answer in answers}) <= 2


# What it says


async def test_a_healthy_database(database: Database) -> None:
    async with running(database.url, ENVIRONMENT="staging", GIT_COMMIT="a6be012", HOSTNAME="srv-1") as service:
        await service.until(None)
        page = await read(service)
        document = (await service.database()).json()

    assert page.texts["title"] == "Ready · pgvector-ready staging"
    assert page.texts["h1"] == "Ready"
    assert page.all("html")[0]["lang"] == "en"
    assert "".join(step["step"] for step in document["steps"]) == page.texts["code"]
    for fact in (database.name, document["server"]["version"], document["pgvector"]["installed_version"]):
        assert fact in page.texts["dl"]
    for fact in ("staging", "a6be012", "srv-1", document["target"]["fingerprint"], document["version"]):
        assert fact in page.texts["dl"]
    assert "passed" in page.texts["figcaption"]


async def test_a_failure_is_told_in_full(broken_url: str) -> None:
    async with running(broken_url) as service:
        error = (await service.database()).json()["error"]
        page = await read(service)

    assert page.texts["title"].startswith("Not ready · ")
    assert page.texts["h1"] == "Not ready"
    for told in (error["message"], error["remedy"], error["code"], error["documentation"]):
        assert told in page.texts["main"]
    assert "failed" in page.texts["figcaption"]


async def test_a_warning_is_told_in_its_step(database_with_vector: Database) -> None:
    url = database_with_vector.url

    async with running(url, slow_query_seconds=0.00001) as service:
        answer = await service.until(None)
        page = await read(service)

    slow = next(step for step in answer.json()["steps"] if step["state"] == "warn")
    assert page.texts["h1"] == "Ready, with warnings"
    assert slow["remedy"] in page.texts["li"]


async def test_draining(database: Database) -> None:
    async with running(database.url) as service:
        await service.until(None)
        service.ready.drain()
        page = await read(service)

    assert page.texts["h1"] == "Not ready"
    assert "draining" in page.texts["code"]


async def test_the_password_is_nowhere(broken_url: str) -> None:
    async with running(broken_url) as service:
        answer = await service.client.get("/?password=secret")

    assert "secret" not in f"{answer.headers}{answer.text}"


@pytest.fixture
def nasty(server: PostgresServer) -> Iterator[str]:
    name = "<script>alert('&quot;\"')</script>"
    server.create_database(name.replace('"', '""'))
    yield name
    server.drop_database(name.replace('"', '""'))


async def test_a_value_is_text_whatever_it_holds(server: PostgresServer, nasty: str) -> None:
    url = server.connection_string(database=nasty)

    async with running(url, ENVIRONMENT=nasty, GIT_COMMIT=nasty, HOSTNAME=nasty) as service:
        await service.until(None)
        page = await read(service)

    assert len(page.all("script")) == 1
    assert page.texts["dl"].count(nasty) == 4
    assert nasty in page.texts["title"]
    assert nasty in page.texts["header"]


# To whom


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["anonymous", "with a wrong token"])
async def test_with_a_token_set_it_shows_what_everybody_may_see(broken_url: str, headers: dict[str, str]) -> None:
    async with running(broken_url, health_token=TOKEN, ENVIRONMENT="staging", GIT_COMMIT="a6be012") as service:
        page = await read(service, **headers)

    assert page.texts["title"] == "Not ready · pgvector-ready"
    assert "connection_refused" in page.texts["code"]
    for withheld in ("127.0.0.1", "staging", "a6be012", "Check that"):
        assert withheld not in page.texts["body"]
    assert not page.all("dl")
    assert not page.all("figure")
    assert page.all("input")


async def test_whoever_sends_the_token_sees_all(broken_url: str) -> None:
    async with running(broken_url, health_token=TOKEN, ENVIRONMENT="staging", GIT_COMMIT="a6be012") as service:
        page = await read(service, Authorization=f"Bearer {TOKEN}")

    for shown in ("127.0.0.1", "a6be012", "Check that"):
        assert shown in page.texts["body"]
    assert page.all("dl")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ja", "ja"),
        ("ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("en;q=0.5, ja;q=0.8", "ja"),
        ("EN;Q=0.2,JA;Q=0.3", "ja"),
        ("fr,de;q=0.9,ja;q=0.1", "ja"),
        ("fr", "en"),
        ("*", "en"),
        ("ja;q=0", "en"),
        ("ja;q=loud", "en"),
        ("ja;q=2", "en"),
        ("jam,jav", "en"),
        (";;,=,q", "en"),
    ],
)
async def test_the_language_is_the_one_weighed_highest(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


async def test_in_japanese_so_are_the_sentences_of_a_failure(broken_url: str) -> None:
    async with running(broken_url) as service:
        error = (await service.database()).json()["error"]
        page = await read(service, **{"Accept-Language": "ja"})

    assert page.all("html")[0]["lang"] == "ja"
    assert page.texts["h1"] == "利用できません"
    assert error["message"] not in page.texts["main"]
    assert "では何も待ち受けていません。" in page.texts["main"]
    assert not [one for one in page.all("p") if "lang" in one]


def test_both_languages_say_the_same_things() -> None:
    def blanks(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(sentence)} - {None}

    assert ENGLISH.keys() == JAPANESE.keys()
    for key, sentence in ENGLISH.items():
        assert blanks(sentence) == blanks(JAPANESE[key]), key
    for step in Step:
        assert f"step_{step}" in ENGLISH
    for state in State:
        assert f"state_{state}" in ENGLISH


# Its parts


@pytest.mark.parametrize(
    ("seconds", "spelt"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (86_400 * 3 + 59, "3 d"),
        (86_400 * 3 + 7200, "3 d 2 h"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(seconds: float, spelt: str) -> None:
    assert spell(seconds, ENGLISH) == spelt


def test_the_recent_past_is_bounded_and_ends_at_the_right_edge() -> None:
    history = History()
    for number in range(KEPT + 5):
        history.remember(observation(Verdict(Step.CONNECTED, State.PASS), at=NOON + timedelta(seconds=number)))

    page = Page(history.draw(ENGLISH))

    bars = page.all("rect")
    assert [bar["x"] for bar in bars] == [f"{at + 0.15:g}" for at in range(KEPT)]
    assert f"{KEPT} observations, 12:00:05 to 12:02:04 UTC" in page.texts["figcaption"]


def test_a_bar_has_a_height_of_its_own_for_each_state_and_a_failure_interrupts_the_line() -> None:
    history = History()
    for state in (State.PASS, State.FAIL, State.WARN):
        history.remember(observation(Verdict(Step.CONNECTED, state), latency_ms=900.0 if state == "fail" else 2.0))

    page = Page(history.draw(ENGLISH))

    assert len({bar["height"] for bar in page.all("rect")}) == 3
    line = next(path["d"] or "" for path in page.all("path") if "aria-hidden" not in path and "h0" in (path["d"] or ""))
    assert line.count("M") == 2
    assert "Latency: median 2.0 ms, highest 2.0 ms" in page.texts["figcaption"]
    assert {picture.get("aria-label") for picture in page.all("svg") if picture.get("role")} == {
        "Latency: median 2.0 ms, highest 2.0 ms",
        "3 observations, 12:00:00 to 12:00:00 UTC, 1 passed, 1 with warnings, 1 failed",
    }


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ([], "Nothing has been observed yet."),
        ([State.PASS], "1 observation, 12:00:00 UTC"),
        ([State.FAIL, State.FAIL], "2 observations, 12:00:00 to 12:00:00 UTC 2 failed"),
    ],
    ids=["none", "one", "failures only"],
)
def test_a_short_past(states: list[State], told: str) -> None:
    history = History()
    for state in states:
        history.remember(observation(Verdict(Step.CONNECTED, state), latency_ms=0.0))

    text = " ".join(re.sub(r"<[^>]*>", " ", history.draw(ENGLISH)).split())

    assert told in text


@pytest.mark.parametrize(
    ("extension", "told"),
    [
        (None, "unknown"),
        (Extension(), "not on the server"),
        (Extension(available_version="0.8.6"), "0.8.6 on the server, not enabled here"),
        (Extension("0.8.6", "0.8.6", "public"), "0.8.6 in schema public"),
        (Extension("0.8.6", "0.8.5", "public"), "0.8.5 in schema public, 0.8.6 on the server"),
    ],
)
def test_how_pgvector_stands(extension: Extension | None, told: str) -> None:
    facts = Facts(TARGET, observed_at=NOON, latency_ms=2.0, extension=extension)
    report = Report(facts, (Verdict(Step.CONNECTED, State.PASS),))

    page = drawn(Observation(report, Provisioning(), NOON, 0))

    assert re.findall("<dt>pgvector</dt><dd[^>]*>([^<]*)</dd>", page) == [told]


def test_notes_of_a_step_and_how_often_it_failed() -> None:
    failure = Failure.about(Code.CONNECTION_REFUSED, Step.CONNECTED, TARGET)
    noted = Verdict(Step.CONFIGURED, State.PASS, notes=(phrase(Part.POOLED),))
    report = Report(
        Facts(TARGET, NOON + timedelta(minutes=5), 2.0), (noted, Verdict(Step.CONNECTED, State.FAIL, failure))
    )

    page = Page(drawn(Observation(report, Provisioning(), NOON, 7)))

    assert "A connection pooler answers" in page.texts["li"]
    assert "since 2026-01-01 12:00:00 UTC, for 5 min" in page.texts["p"]
    assert "7 failed observations in a row" in page.texts["p"]


def test_a_long_and_slow_past_stays_small_and_within_its_box() -> None:
    history = History()
    for number in range(5000):
        history.remember(observation(Verdict(Step.CONNECTED, State.PASS), latency_ms=10.0 ** (number % 9)))

    drawing = history.draw(ENGLISH)

    (line,) = re.findall(r'class="line".*? d="([^"]*)"', drawing)
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", line)]
    assert len(heights) == KEPT
    assert all(4 <= height <= 38 for height in heights)
    assert "highest 100000000.0 ms" in drawing
    assert len(drawing) < 20_000


NASTY = replace(TARGET, database='a"; SELECT 1;', user="it's")
REMEDIES = {
    (code, case, provider, language): wording(example(code, case, replace(NASTY, provider=provider)), language).remedy
    for code, case in SENTENCES
    for provider in Provider
    for language in Language
}


_COMMANDS = re.compile(r"\b(ALTER|CREATE|DROP|GRANT|REINDEX|SELECT|SET)\b|psql [-\"]|pgvector-ready (check|migrate)")


def test_a_remedy_is_drawn_word_for_word_with_every_command_set_apart() -> None:
    """Also where a name has quotes and semicolons, and in the advice for each provider."""
    for remedy in REMEDIES.values():
        markup = draw_remedy(remedy, ENGLISH)
        without_buttons = re.sub(r"<button.*?</button>", "", markup)
        prose = re.sub(r"<code.*?</code>", "", without_buttons)

        assert unescape(re.sub(r"<[^>]*>", "", without_buttons)) == remedy
        assert not _COMMANDS.search(prose), prose


@pytest.mark.parametrize(
    ("code", "commands"),
    [
        (Code.CONNECTION_REFUSED, []),
        (Code.PGVECTOR_NOT_ENABLED, ["CREATE EXTENSION vector;", "pgvector-ready check --enable"]),
        (Code.MIGRATIONS_BEHIND, ["pgvector-ready migrate"]),
        (Code.DATABASE_MISSING, ["psql -l", 'CREATE DATABASE "a""; SELECT 1;";']),
        (Code.POOLER_ERROR, ["pgvector-ready check", 'psql "$DATABASE_URL" -c "SELECT 1"']),
        (Code.DATABASE_CONNECT_DENIED, ['GRANT CONNECT ON DATABASE "a""; SELECT 1;" TO "it\'s";']),
        (
            Code.STATEMENT_TIMEOUT,
            [
                'ALTER ROLE "it\'s" IN DATABASE "a""; SELECT 1;" SET statement_timeout = \'30s\';',
                "SELECT pid, state, query FROM pg_stat_activity;",
            ],
        ),
    ],
)
@pytest.mark.parametrize("language", Language)
def test_what_is_copied_is_the_command_and_nothing_else(code: Code, commands: list[str], language: Language) -> None:
    markup = draw_remedy(REMEDIES[code, "", Provider.OTHER, language], ENGLISH)

    assert [unescape(found) for found in re.findall(r"<code[^>]*>(.*?)</code>", markup)] == commands


def test_links_stay_below_the_path_that_the_service_is_mounted_at() -> None:
    links = Page(draw_footer("/below", Paths(), ENGLISH)).all("a")

    assert links[0]["href"] == f"/below{DATABASE_PATH}"
    assert all((link["href"] or "").startswith("/below/") for link in links)
