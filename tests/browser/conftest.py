"""A real browser, and a database server of each test's own to break."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.postgres import PostgresServer
from tests.support.service import ServiceProcess, service_process

# The sandbox needs privileges that a container does not give; the rest keeps the browser from calling home.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for all; each test has a window and a profile of its own in it."""
    program = shutil.which("chromium")
    assert program, "The tests need a browser that is not here: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def breakable() -> Iterator[PostgresServer]:
    """A server with a database `app`, to stop and to start."""
    with PostgresServer() as server:
        server.create_database("app")
        yield server


@pytest.fixture
def service(breakable: PostgresServer, tmp_path: Path) -> Iterator[ServiceProcess]:
    """The service for it, ready."""
    url = breakable.connection_string(database="app")
    names = {"ENVIRONMENT": "staging", "GIT_COMMIT": "a6be012", "HOSTNAME": "srv-1"}
    with service_process(tmp_path / "log", DATABASE_URL=url, **names) as process:
        process.wait_for(200)
        yield process
