"""The revisions this code has, read from Alembic's files without loading Alembic.

For these few names the service would start a fifth slower, and a tenth larger (docs/benchmarks.md).
"""

import ast
from importlib.resources import files
from pathlib import Path
from typing import Any

from pgvector_ready.judgement.requirements import Revisions

# What Alembic takes for no revision either.
_OTHERS = ("__init__", ".#")


def revisions(folder: Path | None = None) -> Revisions:
    """The revisions in a folder of migrations; several heads where branches were not merged.

    What is not written plainly, or does not fit together, is Alembic's to read or to refuse.
    """
    folder = folder or Path(str(files("app.migrations")))
    try:
        return _read(folder / "versions")
    except (LookupError, SyntaxError, TypeError, ValueError):
        from pgvector_ready.migrations.upgrade import revisions as ask_alembic  # noqa: PLC0415 - see above

        return ask_alembic(folder)


def _read(folder: Path) -> Revisions:
    scripts = [_names_in(path) for path in folder.glob("*.py") if not path.name.startswith(_OTHERS)]
    known = frozenset(script["revision"] for script in scripts)
    followed = frozenset(parent for script in scripts for parent in _parents(script["down_revision"]))
    heads = known - followed
    if not heads or not followed <= known or len(known) < len(scripts):
        raise LookupError
    return Revisions(heads, known)


def _names_in(path: Path) -> dict[str, Any]:
    """What the two names are assigned; raises where that is no literal."""
    found: dict[str, Any] = {}
    for statement in ast.parse(path.read_bytes()).body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="revision" | "down_revision" as name)], value=value)
                | ast.AnnAssign(target=ast.Name(id="revision" | "down_revision" as name), value=ast.expr() as value)
            ):
                found[name] = ast.literal_eval(value)
    return found


def _parents(down_revision: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    """Alembic's ways of writing none, one, and those that are merged."""
    return (down_revision,) if isinstance(down_revision, str) else tuple(down_revision or ())
