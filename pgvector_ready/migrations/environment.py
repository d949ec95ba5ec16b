"""env.py, read as text: the table in which an application keeps its revision."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pgvector_ready.judgement.requirements import VersionTable
from pgvector_ready.migrations.source import UnplainError, literals, parse

_NAME, _SCHEMA = "version_table", "version_table_schema"


def read_version_table(env: Path) -> VersionTable | None:
    """Return the table that `context.configure(…)` names; None where it names none, which means Alembic's default.

    Raises HistoryError, and UnplainError where a name is neither a literal nor a constant of that module.
    """
    tree = parse(env)
    calls = [call for call in _configuring(tree) if {_NAME, _SCHEMA} & _arguments(call).keys()]
    # The call with a URL is the one that only prints SQL (`alembic upgrade --sql`).
    online = [call for call in calls if "connection" in _arguments(call)] or calls
    tables = {
        VersionTable(
            name=_text(call, _NAME, tree, env) or VersionTable().name, schema=_text(call, _SCHEMA, tree, env) or None
        )
        for call in online
    }
    if len(tables) > 1:
        message = f"{env} names more than one version table."
        raise UnplainError(message)
    return tables.pop() if tables else None


def _configuring(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="configure") | ast.Name(id="configure")):
                yield node


def _arguments(call: ast.Call) -> dict[str, ast.expr]:
    """Return the arguments by name, with those that stand in a dictionary written out after `**`."""
    found: dict[str, ast.expr] = {}
    for keyword in call.keywords:
        match keyword:
            case ast.keyword(arg=str() as name, value=value):
                found[name] = value
            case ast.keyword(value=ast.Dict(keys=keys, values=values)):
                found |= {
                    key.value: value
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
    return found


def _text(call: ast.Call, argument: str, tree: ast.Module, env: Path) -> str | None:
    written = _arguments(call).get(argument)
    match written:
        case None | ast.Constant(value=None):
            return None
        case ast.Name(id=name):
            value = literals(tree, {name}, env).get(name, ...)
        case ast.Constant(value=value):
            pass
        case _:
            value = ...
    if value is not None and not isinstance(value, str):
        message = f"{env} line {written.lineno}: {argument} is not written as a plain text."
        raise UnplainError(message)
    return value
