"""An Alembic history, read as text: which revisions its files have, and which of them are the newest."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pgvector_ready.judgement.requirements import Revisions
from pgvector_ready.migrations.source import HistoryError, UnplainError, literals, parse

# As in alembic.script.base and alembic.script.revision.
_REVISION_FILE = re.compile(r"(?!\.#|__init__).*\.py$")
_BYTECODE_FILE = re.compile(r"(?!\.#|__init__).*\.py[co]$")
_FILE_OF_ALEMBIC_0_1 = re.compile(r"([a-f0-9]+)\.py$")
_ILLEGAL = frozenset("@-+:")
_NAMES = ("revision", "down_revision", "branch_labels", "depends_on")

# Nobody's history has as many; a folder that was meant to be another one may.
_MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Script:
    """One revision file."""

    file: Path
    revision: str
    parents: tuple[str, ...]
    dependencies: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def followed(self) -> tuple[str, ...]:
        """The revisions, or the labels of branches, that must be applied before it."""
        return (*self.parents, *self.dependencies)


def read_revisions(folders: Sequence[Path], *, is_recursive: bool = False, is_sourceless: bool = False) -> Revisions:
    """Return the revisions of a history; several heads where its branches were not merged.

    Raises HistoryError for what Alembic would refuse, or would pass over with a warning and lose a migration by it;
    UnplainError where only running the files would tell.
    """
    scripts = [_script(file) for file in _files(folders, is_recursive=is_recursive, is_sourceless=is_sourceless)]
    names = _names(scripts)
    for script in scripts:
        for name in script.followed:
            if name not in names:
                message = f"{script.file} follows the revision {name!r}, which no file of this history has."
                raise HistoryError(message)
    _refuse_cycles(scripts, names)
    followed = {names[name].revision for script in scripts for name in script.followed}
    known = frozenset(script.revision for script in scripts)
    return Revisions(heads=known - followed, known=known)


def _files(folders: Sequence[Path], *, is_recursive: bool, is_sourceless: bool) -> Iterator[Path]:
    """Yield each revision file once, by the name that it really has: Alembic follows symbolic links as well."""
    seen: set[Path] = set()
    for folder in folders:
        for root, children, names in os.walk(folder):
            if not is_recursive:
                children.clear()
            if root.endswith("__pycache__"):
                continue
            children.sort()
            if is_sourceless:
                _refuse_bytecode(Path(root), names)
            for name in sorted(names):
                file = _resolved(Path(root, name))
                if file in seen or not _REVISION_FILE.match(file.name):
                    continue
                seen.add(file)
                if len(seen) > _MOST_FILES:
                    message = f"{folder} has more than {_MOST_FILES:,} Python files."
                    raise UnplainError(message)
                yield file


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError):  # RuntimeError: a link that leads to itself, up to Python 3.12
        message = f"{file} is a symbolic link that leads nowhere."
        raise HistoryError(message) from None


def _refuse_bytecode(folder: Path, names: Sequence[str]) -> None:
    """Raise UnplainError where a revision is there as bytecode alone, which is not read."""
    compiled = folder / "__pycache__"
    sources = {name.partition(".")[0] for name in names}
    found = [folder / name for name in names if _BYTECODE_FILE.match(name) and name[:-1] not in names]
    if compiled.is_dir():
        found += [file for file in sorted(compiled.iterdir()) if file.name.partition(".")[0] not in sources]
    if found:
        message = f"{found[0]} is compiled, and its source is not there."
        raise UnplainError(message)


def _script(file: Path) -> Script:
    found = literals(parse(file, _NAMES), _NAMES, file)
    if "revision" not in found and (match := _FILE_OF_ALEMBIC_0_1.match(file.name)):
        found["revision"] = match[1]
    for name in _NAMES[:2]:
        if name not in found:
            message = f"{file} does not say its {name}."
            raise HistoryError(message)
    revision = found["revision"]
    if not isinstance(revision, str) or not revision or _ILLEGAL & set(revision):
        message = f"{file} has the revision {revision!r}, which is no identifier of Alembic's."
        raise HistoryError(message)
    parents, labels, dependencies = (_as_names(found.get(name), name, file) for name in _NAMES[1:])
    return Script(file, revision, parents, dependencies, labels)


def _as_names(value: object, name: str, file: Path) -> tuple[str, ...]:
    """Return none, one or several names, in each of the ways in which Alembic lets them be written."""
    names = () if value is None else (value,) if isinstance(value, str) else value
    if not isinstance(names, tuple | list | set | frozenset) or not all(isinstance(one, str) for one in names):
        message = f"{file} has a {name} that is neither text nor a list of texts."
        raise HistoryError(message)
    return tuple(names)


def _names(scripts: Sequence[Script]) -> Mapping[str, Script]:
    """Return the script of each identifier and of each branch's label."""
    names: dict[str, Script] = {}
    for script in scripts:
        if other := names.get(script.revision):
            message = f"{other.file} and {script.file} have the same revision {script.revision!r}."
            raise HistoryError(message)
        names[script.revision] = script
    for script in scripts:
        for label in script.labels:
            if other := names.get(label):
                message = f"{script.file} has the branch label {label!r}, which {other.file} uses already."
                raise HistoryError(message)
            names[label] = script
    return names


def _refuse_cycles(scripts: Sequence[Script], names: Mapping[str, Script]) -> None:
    graph = {script.revision: {names[name].revision for name in script.followed} for script in scripts}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        files = ", ".join(str(names[revision].file) for revision in error.args[1][:-1])
        message = f"These revisions follow each other in a circle: {files}."
        raise HistoryError(message) from None
