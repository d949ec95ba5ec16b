"""docs/add-an-endpoint.md: its blocks in their order, and the edits that its sentences ask for."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]
_TEXT = (PROJECT / "docs" / "add-an-endpoint.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", _TEXT, re.MULTILINE | re.DOTALL)


_IMPORTS, _MODEL, SHOWN, _IMPORT_OF_INDEX, _INDEX, _ENDPOINT, _ROUTERS = _blocks("python")
RUN, WRITE, APPLY, INDEX, ASK, CHECK = _blocks("console")
(ROWS,) = _blocks("sql")


def add_the_model(project: Path) -> None:
    """The imports of `app/models.py`, and a class at its end."""
    models = project / "app" / "models.py"
    text, replaced = re.subn(r"(^from .*\n)+", _IMPORTS, models.read_text(), count=1, flags=re.MULTILINE)
    assert replaced
    models.write_text(f"{text}\n\n{_MODEL}")


def add_the_index(project: Path) -> None:
    """The second import, and an attribute at the end of the class."""
    models = project / "app" / "models.py"
    text = models.read_text()
    second = _IMPORTS.splitlines(keepends=True)[1]
    assert second in text
    models.write_text(f"{text.replace(second, _IMPORT_OF_INDEX)}{_INDEX}")


def add_the_endpoint(project: Path) -> None:
    """A file, and another one anew."""
    (project / "app" / "api" / "nearest.py").write_text(_ENDPOINT)
    (project / "app" / "api" / "__init__.py").write_text(_ROUTERS)
