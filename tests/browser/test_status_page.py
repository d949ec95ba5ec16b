"""The status page as people see it, in a real browser: `make browser`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.postgres import PostgresServer
from tests.service import ServiceProcess

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

    def open(self, **options: Any) -> Page:
        """The page in a new window, with options such as `color_scheme`, `locale` or `viewport`."""
        page = self.browser.new_context(**{"locale": "en-GB", **options}).new_page()
        page.set_default_timeout(LIMIT_MS)
        page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - a builtin is refused
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text))
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

    with service:
        expect(page.get_by_role("alert")).to_have_text("")
        expect(page.locator("body")).not_to_have_class("stale")


def test_a_page_of_somebody_else_is_no_answer(windows: Windows) -> None:
    """A platform's proxy answers in the place of a service that is being replaced."""
    page = windows.open()
    page.route("**/*", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>"))

    expect(page.get_by_role("alert")).to_contain_text("The service has not answered since ")

    heading(page, "Ready")


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


def test_it_talks_to_nobody_else_and_the_browser_has_nothing_to_complain_of(windows: Windows) -> None:
    """A refused style, a missing icon or a broken script would each be a line on the console."""
    page = windows.open()
    refreshed(page)

    origins = {urlsplit(request.url)[:2] for request in windows.requests if not request.url.startswith("data:")}
    assert origins == {urlsplit(windows.url)[:2]}
    assert windows.complaints == []


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
