"""Chooses the database of a command: the environment's, a `.env` file's, or the embedded one. It never guesses."""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

import typer

from pgvector_ready.documents.places import place_of
from pgvector_ready.dsn.conninfo import VARIABLES
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.target import NOWHERE, is_public
from pgvector_ready.printable import SENTENCE_LIMIT, printable
from pgvector_ready.settings import ConfigurationError, Settings, wrong_database_url
from pgvector_ready.surroundings import is_in_ci, is_on_platform

_FILE = ".env"
_VARIABLE = "DATABASE_URL"
# By which psql would find a database; those of TLS or time zones are often set for good.
_OF_PSQL = frozenset(
    str(VARIABLES[keyword])
    for keyword in ("service", "user", "password", "passfile", "dbname", "host", "hostaddr", "port")
)
# Other names under which platforms and libraries hand out a connection string, and any other variable that holds one.
_OTHER_NAMES = frozenset({"DATABASE_PUBLIC_URL", "DATABASE_PRIVATE_URL", "DATABASE_URL_UNPOOLED", "POSTGRES_URL"})
_CONNECTION_STRING = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_MOST_NAMES = 5
# The cases of `database_url_missing`.
ON_PLATFORM, IN_CI, OTHER_VARIABLES, NO_DATA = "", "ci", "other_variables", "no_data"


class Source(StrEnum):
    """The places that can name the database."""

    ENVIRONMENT = "environment"
    FILE = "file"
    EMBEDDED = "embedded"


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Choice(Generic[S]):
    """The settings with the database that is meant, and where its name was found."""

    source: Source
    settings: S
    # The `.env` file, or the folder of the embedded server.
    place: Path | None = None

    @property
    def line(self) -> str:
        """The first line of a command: where it looks, and who said so."""
        match self.source:
            case Source.ENVIRONMENT:
                said = f"{_VARIABLE} of the environment"
            case Source.FILE:
                said = f"{_VARIABLE} in {printable(str(self.place), SENTENCE_LIMIT)}"
            case Source.EMBEDDED:
                return f"embedded server in {printable(str(self.place), SENTENCE_LIMIT)}: {self.psql}"
        try:
            return f"{said}: {place_of(self.settings.connection_string.target)}"
        except ConfigurationError:  # what is wrong with it is told by whoever reads it next
            return said

    @property
    def psql(self) -> str:
        """The command line that looks into an embedded database."""
        target = self.settings.connection_string.target
        return shlex.join(
            ["psql", "-h", f"{target.host}", "-p", f"{target.port}", "-U", f"{target.user}", f"{target.database}"]
        )


@contextmanager
def chosen_database(settings: S, folder: Path | None = None, *, is_offline: bool = False) -> Iterator[Choice[S]]:
    """Yield what a command works on, the `.env` of `folder` included where one is given.

    Without DATABASE_URL a developer's machine has the embedded server: one that runs is entered, another is started
    for the block (not for an offline question), and none is made. Raises ConfigurationError.
    """
    choice = choose(settings, os.environ, folder)
    if choice.source is not Source.EMBEDDED:
        yield choice
        return
    from pgvector_ready.embedded import EmbeddedError, Place, existing_database

    place = Place.at(_embedded_folder(settings))
    if not place.has_data:
        raise _missing(NO_DATA, folder=str(place.folder))
    if is_offline:
        yield Choice(Source.EMBEDDED, settings.with_database(place.url), place.folder)
        return
    try:
        with existing_database(place.folder) as url:
            yield Choice(Source.EMBEDDED, settings.with_database(url), place.folder)
    except EmbeddedError as error:
        raise ConfigurationError(str(error)) from error


@contextmanager
def made_database(settings: S) -> Iterator[Choice[S]]:
    """Yield what `serve` works on, which makes the embedded database where there is none yet."""
    choice = choose(settings, os.environ)
    if choice.source is not Source.EMBEDDED:
        yield choice
        return
    from pgvector_ready.embedded import EmbeddedError, embedded_database

    folder = _embedded_folder(settings)
    try:
        with embedded_database(folder) as url:
            yield Choice(Source.EMBEDDED, settings.with_database(url), folder)
    except EmbeddedError as error:
        raise ConfigurationError(str(error)) from error


def choose(settings: S, environment: Mapping[str, str], folder: Path | None = None) -> Choice[S]:
    """Return who names the database; nothing is started. Raises ConfigurationError where nobody does.

    A `.env` counts on a developer's machine alone, and of it DATABASE_URL alone. Where it speaks of a database by
    another name, nobody looks at an empty one instead.
    """
    is_elsewhere = is_on_platform(environment) or is_in_ci(environment)
    if settings.database_url:
        return Choice(Source.ENVIRONMENT, settings)
    if is_elsewhere:
        raise _missing(ON_PLATFORM if is_on_platform(environment) else IN_CI)
    written = _variables_in(folder / _FILE) if folder else {}
    if folder and (url := written.get(_VARIABLE)):
        return Choice(Source.FILE, settings.with_database(url), folder / _FILE)
    if names := _other_variables(environment) or [f"{name} ({_FILE})" for name in _other_variables(written)]:
        raise _missing(OTHER_VARIABLES, names=_listed(names))
    return Choice(Source.EMBEDDED, settings)


def ask_before_changing(choice: Choice[Settings], change: str, *, is_agreed: bool) -> None:
    """Ask whether to change a public database that only a file names: it may be another one than is thought of.

    Raises ConfigurationError where nobody can answer, or the answer is no.
    """
    target = choice.settings.connection_string.target
    if is_agreed or choice.source is not Source.FILE or not is_public(target):
        return
    question = f"{change} in {place_of(target)}, named by {printable(str(choice.place), SENTENCE_LIMIT)}"
    if not sys.stdin.isatty():
        message = f"{question}: nobody is there to be asked. Add --yes, or set DATABASE_URL in the environment."
        raise ConfigurationError(message)
    if not typer.confirm(f"{question}?", err=True):
        message = "Nothing was changed."
        raise ConfigurationError(message)


def _variables_in(file: Path) -> Mapping[str, str | None]:
    """Return what a `.env` sets; nothing where there is none. Raises ConfigurationError."""
    from dotenv import dotenv_values

    try:
        return dotenv_values(file, encoding="utf-8-sig") if file.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        message = f"{printable(str(file), SENTENCE_LIMIT)} cannot be read ({why}): set {_VARIABLE} in the environment."
        raise ConfigurationError(message) from None


def _other_variables(environment: Mapping[str, str | None]) -> list[str]:
    """Return the names of the variables that speak of a database; their values may be secret."""
    return sorted(
        name
        for name, value in environment.items()
        if value and (name in _OF_PSQL | _OTHER_NAMES or _CONNECTION_STRING.match(value)) and name != _VARIABLE
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown}, …" if len(names) > _MOST_NAMES else shown


def _missing(case: str, **values: str) -> ConfigurationError:
    return wrong_database_url(Failure.about(Code.DATABASE_URL_MISSING, Step.CONFIGURED, NOWHERE, values, case=case))


def _embedded_folder(settings: Settings) -> Path:
    from pgvector_ready.embedded import default_folder

    return settings.embedded_data_folder or default_folder(os.environ)
