"""The fixtures every test may ask for: one server per session, one database per test."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.support import tally, told
from tests.support.postgres import PostgresServer

_numbers = count(1)

# A shell ignores Ctrl-C on behalf of its background jobs, and the programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test's own."""

    server: PostgresServer
    name: str
    url: str
    """Over TCP as the superuser, who may create the extension."""
    owner: str
    plain_url: str
    """Over TCP as the owner, who may not: a plain role."""

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """One statement as superuser; the rows, if it has any."""
        return self.server.execute(statement, *parameters, database=self.name)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """The wheel's PostgreSQL 18 with pgvector, shared: leave it as you found it, and start your own to break it."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    """An empty database with an owner of the same name; afterwards both are gone, whoever is still connected."""
    name = f"test_{next(_numbers)}"
    server.create_role(name)
    server.create_database(name, owner=name)
    yield Database(server, name, server.connection_string(database=name), name, server.connection_string(name, name))
    server.drop_database(name)
    server.execute(f'DROP ROLE "{name}"')


@pytest.fixture
def database_with_vector(database: Database) -> Database:
    """The same with the extension created."""
    database.execute("CREATE EXTENSION vector")
    return database


@pytest.fixture(autouse=True)
def _tallied(record_property: Callable[[str, object], None]) -> Iterator[None]:
    told.provoked.clear()
    yield
    for code, seconds in told.provoked:
        record_property("provoked", (str(code), seconds))  # travels between processes, which takes plain values alone


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        tally.add(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for sentence in tally.sentences():
        terminalreporter.write_line(sentence)
    if tally.is_whole(config):
        tally.write_table()
        terminalreporter.write_line(f"how each was provoked, and the seconds to its answer: {tally.TABLE}")
        if missing := tally.missing():
            terminalreporter.write_line(f"provoked by no test: {', '.join(missing)}", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A code that no test provokes is a failure of the whole; some can only be provoked by root."""
    is_worker = hasattr(session.config, "workerinput")
    is_green = exitstatus == pytest.ExitCode.OK and os.geteuid() == 0
    if not is_worker and is_green and tally.is_whole(session.config) and tally.missing():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
