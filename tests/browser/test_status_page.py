"""The status page as people see it, in a real browser: `make browser`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, ServiceProcess, service_process

# The page asks again every 5 s; a limit only catches a hang.
LIMIT_MS = 30_000
PHONE = {"width": 360, "height": 740}
# The package is wanted for the script that it carries.
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
expect.set_options(timeout=LIMIT_MS)


@dataclass
class Windows:
    """Opens windows on the service and keeps what the browser had to say about them."""

    browser: Browser
    url: str
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def open(self, clock: str | None = None, **options: Any) -> Page:
        """The page in a new window, with options such as `color_scheme`, `locale` or `viewport`."""
        page = self.browser.new_context(**{"locale": "en-GB", **options}).new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - a builtin is refused
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text))
        if clock:
            page.clock.set_fixed_time(clock)
        page.goto(self.url)
        return page


@pytest.fixture
def windows(browser: Browser, service: ServiceProcess) -> Iterator[Windows]:
    windows = Windows(browser, service.url)
    yield windows
    for context in browser.contexts:
        context.close()


def heading(page: Page, text: str) -> None:
    """Wait until the state reads like this."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def refreshed(page: Page) -> None:
    """Wait until the page has asked again and shown the answer."""
    shown = page.locator("dl").last.text_content()
    expect(page.locator("dl").last).not_to_have_text(shown or "")


def problems(page: Page) -> list[str]:
    """What axe finds: of every weight, not only the serious."""
    page.evaluate(AXE)
    found: Any = page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


@pytest.fixture
def powerless(browser: Browser, breakable: PostgresServer, tmp_path: Path) -> Iterator[Windows]:
    """Windows on a service whose role may not create the extension: a failure whose remedy has a command."""
    breakable.create_role("plain")
    breakable.create_database("fresh")
    url = breakable.connection_string("plain", "fresh")
    with service_process(tmp_path / "powerless", DATABASE_URL=url, STARTUP_GATE="false") as process:
        process.wait_for(503, DATABASE)
        yield Windows(browser, process.url)
        for context in browser.contexts:
            context.close()


def test_healthy(windows: Windows) -> None:
    page = windows.open()

    heading(page, "Ready")
    expect(page).to_have_title("Ready · pgvector-ready staging")
    expect(page.get_by_role("listitem").filter(has_text="usable")).to_contain_text("passed")
    expect(page.get_by_role("main")).to_contain_text("a6be012")


def test_it_follows_an_outage_without_being_reloaded(windows: Windows, breakable: PostgresServer) -> None:
    page = windows.open()
    heading(page, "Ready")
    page.evaluate("window.isTheSame = true")

    breakable.stop("immediate")
    heading(page, "Not ready")
    expect(page.locator(".failure")).to_contain_text("connection_refused")
    expect(page.locator("#said")).to_contain_text("Not ready. Nothing listens on 127.0.0.1")

    breakable.start()
    heading(page, "Ready")
    expect(page.locator(".failure")).to_have_count(0)
    expect(page.locator("#said")).to_have_text("Ready")
    expect(page).to_have_title("Ready · pgvector-ready staging")
    assert page.evaluate("window.isTheSame")
    assert windows.complaints == []


def test_what_somebody_has_selected_stays_selected(windows: Windows, breakable: PostgresServer) -> None:
    """A remedy is there to be copied, while the page goes on refreshing."""
    page = windows.open()
    breakable.stop("immediate")
    heading(page, "Not ready")
    page.locator(".failure p").nth(1).evaluate("part => getSelection().selectAllChildren(part)")

    refreshed(page)

    assert page.evaluate("getSelection().toString()").startswith("Check that the database is running")


def test_it_says_so_when_the_service_is_gone_and_keeps_what_it_last_said(
    windows: Windows, service: ServiceProcess
) -> None:
    page = windows.open()
    heading(page, "Ready")

    service.end()
    expect(page.get_by_role("alert")).to_contain_text("The service has not answered since ")
    heading(page, "Ready")
    assert page.locator("main").evaluate("main => getComputedStyle(main).filter") == "grayscale(1)"

    expect(page).to_have_title("No answer · pgvector-ready")
    assert page.locator("link[rel=icon]").get_attribute("href") == page.locator("#lost").get_attribute("data-icon")

    with service:
        expect(page.get_by_role("alert")).to_have_text("")
        expect(page).to_have_title("Ready · pgvector-ready staging")
        expect(page.locator("body")).not_to_have_class("stale")


def test_a_page_of_somebody_else_is_no_answer(windows: Windows) -> None:
    """A platform's proxy answers in the place of a service that is being replaced."""
    page = windows.open()
    page.route("**/*", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>"))

    expect(page.get_by_role("alert")).to_contain_text("The service has not answered since ")

    heading(page, "Ready")


def test_an_answer_that_cannot_be_shown_is_none_and_the_page_goes_on_asking(windows: Windows) -> None:
    page = windows.open()
    half = '<html data-page="pgvector-ready"><title>Half a page'
    page.route("**/*", lambda route: route.fulfill(content_type="text/html", body=half))
    expect(page.get_by_role("alert")).to_contain_text("The service has not answered since ")

    page.unroute("**/*")

    expect(page.get_by_role("alert")).to_have_text("")


def test_a_wrong_clock_of_the_browser_misleads_nobody(windows: Windows, service: ServiceProcess) -> None:
    page = windows.open(clock="2001-01-01T03:04:05Z")
    refreshed(page)
    heard_at = page.locator("html").get_attribute("data-at") or ""

    service.end()

    expect(page.get_by_role("alert")).to_contain_text("The service has not answered since ")
    assert abs(_seconds(page.get_by_role("alert").text_content() or "") - _seconds(heard_at)) <= 10
    assert "03:04:05" not in page.locator("body").inner_text()


def _seconds(told: str) -> int:
    """Of the day, of the one time of day that is told."""
    ((hours, minutes, seconds),) = re.findall(r"(\d\d):(\d\d):(\d\d) UTC", told)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def test_the_command_of_a_remedy_is_copied_by_mouse_or_keyboard(powerless: Windows) -> None:
    page = powerless.open(permissions=["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name="Copy: CREATE EXTENSION vector;")

    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(button).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "CREATE EXTENSION vector;"
    assert page.locator("#said").text_content() == "Copied"
    refreshed(page)
    expect(button).to_have_text("Copy")
    expect(button).to_be_focused()
    assert powerless.complaints == []


def test_where_the_clipboard_is_refused_the_command_is_selected(powerless: Windows) -> None:
    """As on a page without TLS, where there is none."""
    page = powerless.open()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")

    page.get_by_role("button").click()
    refreshed(page)

    assert page.evaluate("getSelection().toString()") == "CREATE EXTENSION vector;"
    assert powerless.complaints == []


def test_without_javascript_nothing_is_offered_that_needs_it(powerless: Windows) -> None:
    page = powerless.open(java_script_enabled=False)

    expect(page.locator(".command")).to_have_text("CREATE EXTENSION vector;")
    expect(page.get_by_role("button")).to_have_count(0)


def test_the_remedy_is_what_the_eye_falls_on(powerless: Windows) -> None:
    """Only the headline is larger."""
    page = powerless.open()
    sizes: list[tuple[float, str]] = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, p, li, dd, dt')]"
        ".map(part => [parseFloat(getComputedStyle(part).fontSize), part.className || part.localName])"
    )

    assert [name for _, name in sorted(sizes, reverse=True)][:2] == ["h1", "remedy"]
    box = page.locator(".remedy").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 720  # on the first screen


def test_a_refresh_without_news_says_nothing(windows: Windows) -> None:
    """A screen reader is interrupted by a change of state and by nothing else."""
    page = windows.open()

    refreshed(page)

    assert page.locator("#said").text_content() == ""
    assert page.locator("[aria-live], [role=status], [role=alert], [role=log]").count() == 2


def test_nothing_moves(windows: Windows) -> None:
    page = windows.open()

    assert page.evaluate("document.getAnimations().length") == 0
    durations = "[...document.querySelectorAll('*')].map(one => getComputedStyle(one).transitionDuration)"
    assert set(page.evaluate(durations)) == {"0s"}


def test_on_paper_it_is_black_on_white_and_only_what_can_be_read_there(powerless: Windows) -> None:
    page = powerless.open(color_scheme="dark")

    page.emulate_media(media="print")

    colours = page.locator("body").evaluate("body => [getComputedStyle(body).color, getComputedStyle(body).background]")
    assert colours[0] == "rgb(0, 0, 0)"
    assert "rgb(255, 255, 255)" in colours[1]
    assert page.locator("h1 .icon").evaluate("icon => getComputedStyle(icon).printColorAdjust") == "exact"
    expect(page.locator("footer")).to_be_hidden()
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.locator(".command")).to_be_visible()


def test_with_the_systems_own_colours_the_state_still_has_its_shape(windows: Windows) -> None:
    page = windows.open(forced_colors="active")

    colours = "icon => [getComputedStyle(icon).stroke, getComputedStyle(icon.parentElement).color]"
    stroke, text = page.locator("h1 .icon").evaluate(colours)
    assert stroke == text


def test_a_page_that_nobody_looks_at_asks_nothing(windows: Windows, breakable: PostgresServer) -> None:
    """A tab left open must not keep a database awake that would sleep."""
    page = windows.open()
    refreshed(page)

    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.install()
    before = len(windows.requests)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(60_000)
    assert len(windows.requests) == before

    breakable.stop("immediate")
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    heading(page, "Not ready")


def test_without_javascript(windows: Windows) -> None:
    page = windows.open(java_script_enabled=False)

    heading(page, "Ready")
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(2)


def test_japanese(windows: Windows) -> None:
    page = windows.open(locale="ja-JP")

    heading(page, "利用できます")
    refreshed(page)
    heading(page, "利用できます")


@pytest.fixture
def with_vectors(browser: Browser, breakable: PostgresServer, tmp_path: Path) -> Iterator[Windows]:
    """Windows on a service whose database has vectors, of which one index was never finished."""
    for statement in (
        "CREATE EXTENSION vector",
        "CREATE TABLE documents (id int, embedding vector(1536))",
        "CREATE TABLE chunks (id int, embedding vector(768))",
        "INSERT INTO chunks SELECT n, array_fill(n, ARRAY[768])::real[]::vector FROM generate_series(1, 200) AS n",
        "CREATE INDEX ON chunks USING hnsw (embedding vector_cosine_ops)",
        "CREATE INDEX documents_idx ON documents USING hnsw (embedding vector_l2_ops)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'documents_idx'::regclass",
        "ANALYZE chunks",
    ):
        breakable.execute(statement, database="app")
    url = breakable.connection_string(database="app")
    with service_process(tmp_path / "vectors", DATABASE_URL=url, ENVIRONMENT="staging") as process:
        process.wait_for(200)
        yield Windows(browser, process.url)
        for context in browser.contexts:
            context.close()


@pytest.mark.parametrize(
    ("locale", "heading_text", "told"),
    [("en", "Vectors", "about 200 rows"), ("ja", "ベクトル", "約 200 行")],
)
def test_the_vectors_are_shown_once_somebody_has_looked(
    with_vectors: Windows, locale: str, heading_text: str, told: str
) -> None:
    page = with_vectors.open(locale=locale, viewport={"width": 390, "height": 844})

    section = page.locator("section.vectors")
    expect(section.get_by_role("heading", level=2)).to_have_text(heading_text)
    expect(section).to_contain_text("vector(768)")
    expect(section).to_contain_text(told)
    expect(section).to_contain_text("hnsw · vector_cosine_ops")
    expect(section).to_contain_text("vector_index_invalid")
    expect(section).not_to_contain_text("documents")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert problems(page) == []


TOKEN = "a tökén of the tests"  # noqa: S105 - as it says


def test_with_the_token_everything_is_shown_and_the_address_stays_clean(
    browser: Browser, breakable: PostgresServer, tmp_path: Path
) -> None:
    for statement in (
        "CREATE EXTENSION vector",
        "CREATE TABLE documents (id int, embedding vector(3))",
        "CREATE INDEX documents_idx ON documents USING hnsw (embedding vector_l2_ops)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'documents_idx'::regclass",
    ):
        breakable.execute(statement, database="app")
    url = breakable.connection_string(database="app")
    with service_process(tmp_path / "token", DATABASE_URL=url, HEALTH_TOKEN=TOKEN) as process:
        process.wait_for(200)
        windows = Windows(browser, process.url)
        page = windows.open()
        field = page.get_by_label("Token")
        expect(field).to_be_visible()
        assert problems(page) == []

        field.fill("another")
        page.get_by_role("button", name="Show all").click()
        expect(page.locator("#refused")).to_have_text("That is not the token.")

        field.fill(TOKEN)
        field.press("Enter")
        expect(page.locator("dl").first).to_be_visible()
        expect(field).to_be_hidden()
        expect(page.locator("section.vectors")).to_contain_text("REINDEX INDEX CONCURRENTLY public.documents_idx;")
        refreshed(page)
        expect(page.locator("section.vectors")).to_contain_text("documents_idx")

        assert page.url.rstrip("/") == process.url
        assert all(TOKEN not in request.url for request in windows.requests)
        assert problems(page) == []
        page.context.close()


def test_dark(windows: Windows) -> None:
    page = windows.open(color_scheme="dark")

    assert page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(20, 22, 24)"


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
@pytest.mark.parametrize("is_failing", [False, True], ids=["healthy", "failing"])
def test_a_phone_scrolls_in_one_direction(
    windows: Windows, breakable: PostgresServer, locale: str, *, is_failing: bool
) -> None:
    if is_failing:
        breakable.stop("immediate")

    page = windows.open(viewport=PHONE, locale=locale)

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("locale", ["en-GB", "ja-JP"])
def test_long_names_break_on_the_narrowest_screen(browser: Browser, tmp_path: Path, locale: str) -> None:
    """320 px is also what is left of 1280 at a zoom of 400 %, which WCAG asks for."""
    host = f"{'x' * 60}.{'load-balancer-' * 4}.invalid"
    names = {"ENVIRONMENT": "e" * 60, "GIT_COMMIT": "c" * 40, "HOSTNAME": "h" * 60, "STARTUP_GATE": "false"}
    with service_process(
        tmp_path / "log", DATABASE_URL=f"postgresql://{'u' * 60}@{host}/{'d' * 60}", **names
    ) as process:
        process.wait_for(503, DATABASE)
        page = Windows(browser, process.url).open(viewport={"width": 320, "height": 640}, locale=locale)

        expect(page.locator(".failure")).to_contain_text("dns_not_found")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        page.context.close()


def test_it_talks_to_nobody_else_and_the_browser_has_nothing_to_complain_of(windows: Windows) -> None:
    """A refused style, a missing icon or a broken script would each be a line on the console."""
    page = windows.open()
    refreshed(page)

    origins = {urlsplit(request.url)[:2] for request in windows.requests if not request.url.startswith("data:")}
    assert origins == {urlsplit(windows.url)[:2]}
    assert windows.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_remedy_with_a_command(powerless: Windows, scheme: str) -> None:
    page = powerless.open(color_scheme=scheme, viewport=PHONE)

    expect(page.get_by_role("button")).to_have_text("Copy")
    assert problems(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("is_failing", [False, True], ids=["healthy", "failing"])
def test_axe_finds_nothing(windows: Windows, breakable: PostgresServer, scheme: str, *, is_failing: bool) -> None:
    """Landmarks, headings, names, languages and contrast."""
    if is_failing:
        breakable.stop("immediate")

    page = windows.open(color_scheme=scheme)

    heading(page, "Not ready" if is_failing else "Ready")
    assert problems(page) == []


def test_axe_finds_nothing_when_the_service_is_gone(windows: Windows, service: ServiceProcess) -> None:
    page = windows.open()

    service.end()

    expect(page.get_by_role("alert")).to_contain_text("The service has not answered since ")
    assert problems(page) == []
