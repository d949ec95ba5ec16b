"""Python files read as text: the literals they assign, without running a line of them."""

import ast
import re
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

# A revision file is a few kilobytes. A syntax tree takes a hundred times the size of its text, and whose file this is
# nobody knows.
MOST_BYTES = 1_000_000


class HistoryError(Exception):
    """Alembic could not use this history either; `str()` is one sentence that names the file."""


class UnplainError(Exception):
    """Only running the code would tell; `str()` is one sentence that names the file and the line."""


def is_there(path: Path) -> bool:
    """Return whether something has this name; what this account may not look at is not there."""
    try:
        return path.exists()
    except OSError:
        return False


def read(path: Path) -> bytes:
    """Return a file's content. Raises HistoryError for what is no readable file, UnplainError for one that is too big.

    A pipe or a device is never opened: reading it could last for ever.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            message = f"{path} is not a regular file."
            raise HistoryError(message)
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else "no name of a file"
        message = f"{path} cannot be read ({reason})."
        raise HistoryError(message) from None
    if len(content) > MOST_BYTES:
        message = f"{path} has more than {MOST_BYTES:,} bytes, which is too much to be read as a revision."
        raise UnplainError(message)
    return content


def parse(path: Path, names: Collection[str] = ()) -> ast.Module:
    """Return the syntax tree of a Python file. Raises as `read` does, and HistoryError for what is not Python.

    With `names`, only as much of it as can bind them: a history of five hundred files is read in a tenth of the time.
    """
    content = read(path)
    try:
        head = _head(content, names)
        if head is not None:
            with suppress(SyntaxError):  # cut within a text or in brackets
                return ast.parse(head)
        return ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        message = f"{path} is not valid Python{line}."
        raise HistoryError(message) from None
    except (RecursionError, MemoryError):
        message = f"{path} is nested too deeply to be read."
        raise UnplainError(message) from None


def _head(content: bytes, names: Collection[str]) -> bytes | None:
    """Return what stands before the first function, where nothing but functions and classes of other names follows."""
    text = content.replace(b"\r\n", b"\n")
    start = _DEFINITION.search(text)
    if not names or start is None or b"\r" in text or b"coding" in text[: text.find(b"\n", text.find(b"\n") + 1)]:
        return None
    tail = text[start.start() :]
    bound = {name.decode(errors="replace") for name in _DEFINED.findall(tail)}
    return None if _STATEMENT.search(tail) or bound & set(names) else text[: start.start()]


_DEFINITION = re.compile(rb"^(?:@|(?:async +)?def |class )", re.MULTILINE)
_DEFINED = re.compile(rb"^(?:async +)?(?:def|class) +(\w+)", re.MULTILINE)
# What begins a line and no definition: it may stand within a text, and then all is read.
_STATEMENT = re.compile(rb"^(?!@|(?:async +)?def |class |#|\)|[ \t]|\n|\Z)", re.MULTILINE)


def literals(tree: ast.Module, names: Collection[str], path: Path) -> dict[str, object]:
    """Return the values that `names` have at the end of the module; a name that is nowhere assigned is left out.

    Raises UnplainError where one of them is bound to anything but a literal, or in another way than by a plain
    assignment at the top level.
    """
    found: dict[str, object] = {}
    for statement in tree.body:
        try:
            bound = set(_bindings(statement)) & set(names)
            match statement:
                case ast.AnnAssign(value=None):
                    continue
                case ast.Assign(targets=targets, value=value) if all(isinstance(one, ast.Name) for one in targets):
                    written: ast.AST = value
                case ast.AnnAssign(target=ast.Name(), value=ast.expr() as value):
                    written = value
                case _:
                    written = statement  # no expression, so no literal either
            if bound:
                found |= dict.fromkeys(bound, ast.literal_eval(cast("ast.expr", written)))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            message = f"{path} line {statement.lineno}: {' or '.join(sorted(names))} is not written as a plain value."
            raise UnplainError(message) from None
    return found


def _bindings(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement binds in its own scope; what a function binds stays inside of it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.partition(".")[0]
        case (
            ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name)
        ):
            yield name
        case ast.MatchMapping(rest=str() as name):
            yield name
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            return
        case ast.Lambda():
            return
    for child in ast.iter_child_nodes(node):
        yield from _bindings(child)
