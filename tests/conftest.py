"""The fixtures every test may ask for: one server per session, one database per test."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.postgres import PostgresServer

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
