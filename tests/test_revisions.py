"""The revisions read from Alembic's files: the same as Alembic reads, without Alembic."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.util import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgvector_ready.judgement.requirements import Revisions
from pgvector_ready.migrations import upgrade as migrate
from pgvector_ready.migrations.revisions import _read, revisions

_NAMES = "abcdef"


def _folder(path: Path, **scripts: str) -> Path:
    """A folder of migrations with these scripts, by file name."""
    versions = path / "versions"
    versions.mkdir(exist_ok=True)
    for old in versions.iterdir():
        old.unlink()
    for name, script in scripts.items():
        (versions / f"{name}.py").write_text(script)
    return path


@st.composite
def _histories(draw: st.DrawFn) -> dict[str, str]:
    """Scripts whose parents came before them: chains, branches and merges, written in each of Alembic's ways."""
    history: dict[str, str] = {}
    for name in _NAMES[: draw(st.integers(1, len(_NAMES)))]:
        parents = draw(st.lists(st.sampled_from(sorted(history)), unique=True, max_size=3)) if history else []
        written = (
            repr(draw(st.sampled_from([tuple(parents), parents]))) if len(parents) > 1 else repr((*parents, None)[0])
        )
        template = draw(
            st.sampled_from(["revision = {}\ndown_revision = {}\n", "revision: str = {}\ndown_revision: object = {}\n"])
        )
        history[name] = template.format(repr(name), written)
    return history


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=_histories())
def test_as_alembic_reads_them(tmp_path: Path, history: dict[str, str]) -> None:
    folder = _folder(tmp_path, **history)

    assert _read(folder / "versions") == migrate.revisions(folder)


_PLAIN = "revision = 'a'\ndown_revision = None\n"
_ODD = {
    "a name that is worked out": {"a": "revision = 'a' + '1'\ndown_revision = None\n"},
    "no file": {},
    "the same name twice": {"a": _PLAIN, "b": _PLAIN},
}


@pytest.mark.filterwarnings("ignore:Revision a is present more than once")
@pytest.mark.parametrize("history", _ODD.values(), ids=_ODD)
def test_what_is_not_plain_is_read_by_alembic(tmp_path: Path, history: dict[str, str]) -> None:
    folder = _folder(tmp_path, **history)

    assert revisions(folder) == migrate.revisions(folder)


_BROKEN = {
    "no name": ({"nameless": "down_revision = None\n"}, CommandError),
    "a parent that is not there": ({"b": "revision = 'b'\ndown_revision = 'a'\n"}, KeyError),
    "no Python": ({"a": "revision ="}, SyntaxError),
}


@pytest.mark.filterwarnings("ignore:Revision a referenced from")
@pytest.mark.parametrize(("history", "error"), _BROKEN.values(), ids=_BROKEN)
def test_what_does_not_fit_together_is_refused_by_alembic(
    tmp_path: Path, history: dict[str, str], error: type[Exception]
) -> None:
    folder = _folder(tmp_path, **history)

    with pytest.raises(error):
        revisions(folder)


def test_what_alembic_takes_for_no_revision_is_none(tmp_path: Path) -> None:
    folder = _folder(tmp_path, a=_PLAIN, __init__="", **{".#b": "locked by an editor"})

    assert revisions(folder) == migrate.revisions(folder) == Revisions(frozenset("a"), frozenset("a"))


def test_our_own() -> None:
    assert revisions() == Revisions(frozenset({"0001"}), frozenset({"0001"}))


def test_the_service_starts_without_what_only_the_other_commands_need() -> None:
    """Each costs its start time and memory for as long as it lives."""
    script = (
        "import sys; import pgvector_ready.commands.cli, pgvector_ready.server.server, app.main;"
        "from pgvector_ready.migrations.revisions import revisions;"
        "others = {'alembic', 'httpx', 'mako', 'pygments', 'rich', 'pgvector_ready.embedded'};"
        "revisions(); print(*(others & set(sys.modules)))"
    )

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout

    assert loaded.split() == []
