"""alembic.ini and the [tool.alembic] of pyproject.toml, read as text: where an application keeps its history."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from itertools import repeat
from pathlib import Path

from pgvector_ready.migrations.source import HistoryError, is_there, read

INI, TOML = "alembic.ini", "pyproject.toml"
_SECTION = "alembic"

# A value may name others, as `%(here)s` does. Python's own reading of it has a bound on the depth, and none on the sum.
_REFERENCE = re.compile(r"%(?:(%)|\(([^)]+)\)s)?")
_MOST_REFERENCES = 100
_MOST_CHARACTERS = 4096

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
# As Alembic splits where `path_separator` is not set.
_OLD_LOCATIONS = re.compile(r", *|(?: +)")
_OLD_PATHS = re.compile(r", *|(?: +)|\:")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The folders in which Alembic looks for a history, and for the code that its `env.py` imports."""

    directory: Path
    """The folder that relative paths start from: where Alembic is run."""
    script_location: Path
    version_locations: tuple[Path, ...] = ()
    ini: Path | None = None
    toml: Path | None = None
    is_recursive: bool = False
    is_sourceless: bool = False

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the revision files."""
        return self.version_locations or (self.script_location / "versions",)


def read_configuration(directory: Path, ini_name: str = INI) -> Configuration | None:
    """Return what alembic.ini and pyproject.toml in a folder say, the former first; None where neither names a history.

    Raises HistoryError.
    """
    ini, toml = directory / ini_name, directory / TOML
    options = _Options(_read_ini(ini), _read_toml(toml))
    location = options.text("script_location")
    if not location:
        if is_there(ini):
            message = f"{ini} has no script_location."
            raise HistoryError(message)
        return None
    paths = [_path(entry, directory, ()) for entry in options.several("prepend_sys_path", _OLD_PATHS)]
    return Configuration(
        directory=directory,
        script_location=_path(location, directory, paths),
        version_locations=tuple(
            _path(entry, directory, paths) for entry in options.several("version_locations", _OLD_LOCATIONS)
        ),
        ini=ini if is_there(ini) else None,
        toml=toml if options.toml else None,
        is_recursive=options.is_true("recursive_version_locations"),
        is_sourceless=options.is_true("sourceless"),
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of both files; one that the former has is not looked up in the latter."""

    ini: Mapping[str, str]
    toml: Mapping[str, object]

    def text(self, name: str) -> str | None:
        if name in self.ini:
            return _filled_in(self.ini[name], self.ini)
        value = self.toml.get(name)
        return _filled_in(value, self.toml) if isinstance(value, str) else None

    def is_true(self, name: str) -> bool:
        return self.text(name) == "true" if name in self.ini else self.toml.get(name) is True

    def several(self, name: str, old_separator: re.Pattern[str]) -> Sequence[str]:
        if not self.ini.get(name):
            value = self.toml.get(name)
            entries = value if isinstance(value, list) else []
            return [_filled_in(entry, self.toml) for entry in entries if isinstance(entry, str)]
        text = self.text(name) or ""
        chosen = self.text("path_separator") or (self.text("version_path_separator") if "version" in name else None)
        if chosen is None:
            return [entry for entry in old_separator.split(text) if entry]
        if chosen not in _SEPARATORS:
            message = f"path_separator is {chosen!r} in {INI}: it must be one of {', '.join(_SEPARATORS)}."
            raise HistoryError(message)
        return [entry.strip() for entry in text.split(_SEPARATORS[chosen]) if entry.strip()]


def _read_ini(file: Path) -> Mapping[str, str]:
    if not is_there(file):
        return {}
    from configparser import ConfigParser, Error  # noqa: PLC0415 - where there is such a file: a start is waited for

    parser = ConfigParser({"here": _here(file)}, interpolation=None)
    try:
        parser.read_string(_text(file))
        return dict(parser.items(_SECTION)) if parser.has_section(_SECTION) else {}
    except Error as error:  # its text may repeat the line, and the line may hold a password
        line = getattr(error, "lineno", None)
        message = f"{file} cannot be read{f' (line {line})' if line else ''}: it is no file of options."
        raise HistoryError(message) from None


def _read_toml(file: Path) -> Mapping[str, object]:
    if not is_there(file):
        return {}
    import tomllib  # noqa: PLC0415 - as above

    try:
        found: object = tomllib.loads(_text(file)).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        message = f"{file} is not valid TOML."
        raise HistoryError(message) from None
    return {**found, "here": _here(file)} if isinstance(found, dict) and found else {}


def _text(file: Path) -> str:
    try:
        return read(file).decode()
    except UnicodeDecodeError:
        message = f"{file} is not text in UTF-8."
        raise HistoryError(message) from None


def _here(file: Path) -> str:
    """Return the value of `%(here)s`, in which a percent sign stands for itself."""
    return file.absolute().parent.as_posix().replace("%", "%%")


def _filled_in(text: str, options: Mapping[str, object], budget: Iterator[None] | None = None) -> str:
    """Return a value with each `%(name)s` replaced, as ConfigParser does it. Raises HistoryError."""
    references = budget or repeat(None, _MOST_REFERENCES)

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "%"
        option = options.get((match[2] or "").lower())
        if not isinstance(option, str) or next(references, ...) is ...:
            message = f"{match[0][:80]!r} in Alembic's configuration leads to no value."
            raise HistoryError(message)
        return _filled_in(option, options, references)

    if len(text) > _MOST_CHARACTERS:
        message = f"A path in Alembic's configuration has more than {_MOST_CHARACTERS:,} characters."
        raise HistoryError(message)
    return _REFERENCE.sub(value, text)


def _path(written: str, directory: Path, paths: Sequence[Path]) -> Path:
    """Return the folder that is meant: a path, or `package:folder`, whose package is found without importing it."""
    package, colon, below = written.partition(":")
    if not colon or Path(written).is_absolute():
        return directory / written
    name, *inner = package.split(".")
    spec = PathFinder.find_spec(name, [str(path) for path in (*paths, directory, *map(Path, sys.path))])
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location, *inner, *below.split(":"))
        if is_there(folder):
            return folder
    message = f"There is no package {package!r} from here, in which Alembic's configuration has {written!r}."
    raise HistoryError(message)
