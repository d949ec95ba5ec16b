"""The revisions read from Alembic's files as text: what Alembic finds by running them, and nothing is run."""

import os
import shutil
import warnings
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgvector_ready.judgement.requirements import Revisions
from pgvector_ready.migrations.revisions import read_revisions
from pgvector_ready.migrations.source import MOST_BYTES, HistoryError, UnplainError

_PLAIN = "revision = 'a'\ndown_revision = None\n"
_FUNCTIONS = """
@staticmethod
def upgrade(
    revision=None,
) -> None:
    revision = 1
    sql = '''
    def x'''

async def downgrade(): pass; revision = 2
class Table:
    revision = 3
# The end."""
_NAMES = ["a", "b2", "0001", "001", "Ünï", "c_1", "label", "x y"]


def _folder(path: Path, scripts: Mapping[str, str | bytes]) -> Path:
    """A folder of migrations with these scripts, by file name."""
    versions = path / "versions"
    shutil.rmtree(versions, ignore_errors=True)  # with the __pycache__ of Alembic's own reading
    versions.mkdir()
    for name, script in scripts.items():
        (versions / name).write_bytes(script.encode() if isinstance(script, str) else script)
    return versions


def _alembic(folder: Path) -> Revisions:
    """What Alembic makes of the same folder; every warning of its own is a history that it lost something of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scripts = ScriptDirectory(folder)
        known = frozenset(script.revision for script in scripts.walk_revisions())
        return Revisions(frozenset(scripts.get_heads(consider_depends_on=True)), known)


def _written(draw: st.DrawFn, names: list[str]) -> str:
    """Names as a team may write them: none, one, several, in each of Alembic's ways."""
    if not names:
        return draw(st.sampled_from(["None", "()", "[]"]))
    ways = [repr(tuple(names)), repr(names), repr(set(names))]
    if len(names) == 1:
        ways += [repr(names[0]), f"({names[0][:1]!r} {names[0][1:]!r})"]
    return draw(st.sampled_from(ways))


@st.composite
def _histories(draw: st.DrawFn, *, is_sound: bool) -> dict[str, str]:
    """Chains, branches, merges and dependencies; unless sound also with missing parents, circles and duplicates."""
    size = draw(st.integers(1, len(_NAMES)))
    names = draw(st.permutations(_NAMES))[:size]
    scripts: dict[str, str] = {}
    for number, name in enumerate(names):
        candidates = names[:number] if is_sound else [*names, "missing"]
        parents, needed = (
            draw(st.lists(st.sampled_from(candidates), unique=True, max_size=2)) if candidates else [] for _ in "12"
        )
        lines = [f"revision = {name!r}", f"down_revision = {_written(draw, parents)}"]
        if draw(st.booleans()):
            lines = [line.replace(" =", ": object =", 1) for line in lines]
        if needed:
            lines.append(f"depends_on = {_written(draw, needed)}")
        if draw(st.booleans()):
            lines.append(f"branch_labels = ({f'of {name}' if is_sound else draw(st.sampled_from(names))!r},)")
        order = draw(st.permutations(lines))
        functions = draw(st.sampled_from(["", _FUNCTIONS, _FUNCTIONS.replace("\n", "\r\n")]))
        where = draw(st.integers(0, len(order)))  # nobody says that they come last
        text = "\n".join([*order[:where], functions, *order[where:]])
        scripts[f"{number}_x.py"] = f'"""A docstring:\ndef revision = 9"""\nimport os\n{text}\n'
    if not is_sound and draw(st.integers(0, 5)) == 0:
        scripts["copy.py"] = scripts["0_x.py"]
    return scripts


def _is_circular(scripts: Mapping[str, str]) -> bool:
    found: list[dict[str, object]] = []
    for script in scripts.values():
        module: dict[str, object] = {}
        exec(script, module)  # noqa: S102 - the oracle does run them
        found.append(module)
    names = {label: module["revision"] for module in found for label in module.get("branch_labels", ())}  # type: ignore[attr-defined]
    graph: dict[object, set[object]] = {}
    for module in found:
        followed = graph.setdefault(module["revision"], set())
        for name in ("down_revision", "depends_on"):
            value = module.get(name) or ()
            followed |= {names.get(one, one) for one in ([value] if isinstance(value, str) else value)}  # type: ignore[attr-defined]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(scripts=_histories(is_sound=True))
def test_a_sound_history_is_read_as_alembic_reads_it(tmp_path: Path, scripts: dict[str, str]) -> None:
    versions = _folder(tmp_path, scripts)

    assert read_revisions([versions]) == _alembic(tmp_path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(scripts=_histories(is_sound=False))
def test_what_alembic_refuses_or_warns_of_is_refused(tmp_path: Path, scripts: dict[str, str]) -> None:
    versions = _folder(tmp_path, scripts)
    try:
        expected: Revisions | None = _alembic(tmp_path)
    except Exception:  # noqa: BLE001 - Alembic lets through whatever it meets
        expected = None

    try:
        found: Revisions | None = read_revisions([versions])
    except HistoryError:
        found = None

    # Of circles Alembic finds most, and the others only when it runs them.
    assert found == expected or (found is None and _is_circular(scripts))


_BROKEN = {
    "the same identifier twice": (
        {"1_a.py": _PLAIN, "2_copy.py": _PLAIN},
        ["1_a.py and ", "2_copy.py have the same revision 'a'"],
    ),
    "a parent that no file has": (
        {"2_b.py": "revision = 'b'\ndown_revision = '0001'\n"},
        ["2_b.py follows the revision '0001', which no file"],
    ),
    "a dependency that no file has": ({"a.py": f"{_PLAIN}depends_on = ['x']\n"}, ["a.py follows the revision 'x'"]),
    "a circle": (
        {
            "a.py": _PLAIN,
            "b.py": "revision = 'b'\ndown_revision = ('a', 'c')\n",
            "c.py": "revision = 'c'\ndown_revision = 'b'\n",
        },
        ["in a circle", "b.py", "c.py"],
    ),
    "its own parent": ({"b.py": "revision = 'b'\ndown_revision = 'b'\n"}, ["in a circle", "b.py"]),
    "the same label twice": (
        {
            "a.py": f"{_PLAIN}branch_labels = 'x'\n",
            "b.py": "revision = 'b'\ndown_revision = 'a'\nbranch_labels = 'x'\n",
        },
        ["b.py has the branch label 'x', which ", "a.py uses"],
    ),
    "no revision": ({"nameless.py": "down_revision = None\n"}, ["nameless.py does not say its revision"]),
    "no parent": ({"a.py": "revision = 'a'\n"}, ["a.py does not say its down_revision"]),
    "a number": ({"a.py": "revision = 1\ndown_revision = None\n"}, ["a.py has the revision 1"]),
    "a forbidden character": ({"a.py": "revision = 'a-b'\ndown_revision = None\n"}, ["a.py has the revision 'a-b'"]),
    "a parent that is a number": ({"a.py": "revision = 'a'\ndown_revision = 3\n"}, ["a.py has a down_revision"]),
    "no Python": ({"a.py": "revision = 'a'\ndown_revision ="}, ["a.py is not valid Python (line 2)"]),
    "a binary": ({"a.py": b"\x7fELF\x00\x01"}, ["a.py is not valid Python"]),
    "not in UTF-8": ({"a.py": b"revision = 'caf\xe9'\ndown_revision = None\n"}, ["a.py is not valid Python"]),
    "a line hidden by an encoding": (
        {"a.py": b"# coding: utf-7\nrevision = 'a'\ndown_revision = None\ndef f(): ...\n#+AAo-revision += 'b'\n"},
        ["a.py is not valid Python"],
    ),
    "another encoding than it says": ({"a.py": b"# coding: nosuch\nrevision = 'a'\n"}, ["a.py is not valid Python"]),
}


@pytest.mark.parametrize(("scripts", "words"), _BROKEN.values(), ids=_BROKEN)
def test_what_does_not_fit_together_is_one_sentence_with_the_names_of_the_files(
    tmp_path: Path, scripts: Mapping[str, str | bytes], words: list[str]
) -> None:
    versions = _folder(tmp_path, scripts)

    with pytest.raises(HistoryError) as caught:
        read_revisions([versions])

    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(Exception, match=r"\w"):
        _alembic(tmp_path)


_UNPLAIN: dict[str, str | bytes] = {
    "worked out": "revision = 'a' + '1'\ndown_revision = None\n",
    "called": "revision = str('a')\ndown_revision = None\n",
    "formatted": "revision = f'{1}'\ndown_revision = None\n",
    "another name": "x = 'a'\nrevision = x\ndown_revision = None\n",
    "under a condition": "if True:\n    revision = 'a'\ndown_revision = None\n",
    "unpacked": "revision, down_revision = 'a', None\n",
    "in a loop": "for revision in 'ab':\n    pass\ndown_revision = None\n",
    "imported": "from os import name as revision\ndown_revision = None\n",
    "a function": f"{_PLAIN}def revision(): ...\n",
    "added to": f"{_PLAIN}revision += 'b'\n",
    "added to after a function": f"{_PLAIN}def f(): ...\nrevision += 'b'\n",
    "after a form feed": f"{_PLAIN}def f(): ...\n\frevision += 'b'\n",
    "after a carriage return": f"{_PLAIN}def f(): ...\rrevision += 'b'\n",
    "a class, after a function": f"{_PLAIN}def f(): ...\nclass revision: ...\n",
    "a decorated function": f"{_PLAIN}@print\nasync  def  revision(): ...\n",
    "deleted": f"{_PLAIN}del revision\n",
    "written by a match": f"{_PLAIN}match 'b':\n    case revision: ...\n",
    "written by an assignment expression": f"{_PLAIN}print(revision := 'b')\n",
    "nested without end": f"revision = {'-' * 100_000}1\ndown_revision = None\n",
    "a sum without end": f"revision = {'+'.join(['1'] * 50_000)}\ndown_revision = None\n",
    "an attribute without end": f"revision = a{'.a' * 50_000}\ndown_revision = None\n",
    "brackets without end": f"revision = {'[' * 150}{']' * 150}\ndown_revision = {'(' * 90}x{')' * 90}\n",
    "huge": f"{_PLAIN}data = '{'x' * MOST_BYTES}'\n",
}


@pytest.mark.parametrize("script", _UNPLAIN.values(), ids=_UNPLAIN)
def test_what_only_running_it_would_tell_cannot_be_judged(tmp_path: Path, script: str | bytes) -> None:
    versions = _folder(tmp_path, {"odd.py": script})

    with pytest.raises(UnplainError, match=r"odd\.py"):
        read_revisions([versions])


_PLAIN_ENOUGH = {
    "a name inside of a function": f"{_PLAIN}def upgrade():\n    revision = 1 + 1\n    del revision\n",
    "an attribute": f"{_PLAIN}import os\nos.revision = 1\n",
    "a comprehension's neighbour": f"{_PLAIN}tables = [t for t in 'ab']\n",
    "before functions with texts": f"{_PLAIN}def f():\n    return '''\ndef revision\nrevision = 1\n'''\n",
    "after them": f"import os\ndef f():\n    return '''x'''\n{_PLAIN}",
    "assigned twice": f"revision = 'b'\n{_PLAIN}",
    "two names at once": "depends_on = down_revision = None\nrevision: str = 'a'\nbranch_labels: None\n",
    "a mark of the encoding": "\ufeff" + _PLAIN,
    "another encoding": "# coding: latin-1\n" + _PLAIN,
}


@pytest.mark.parametrize("script", _PLAIN_ENOUGH.values(), ids=_PLAIN_ENOUGH)
def test_what_does_not_touch_the_names_is_nobody_s_business(tmp_path: Path, script: str) -> None:
    versions = _folder(tmp_path, {"plain.py": script})

    assert read_revisions([versions]) == _alembic(tmp_path) == Revisions(frozenset("a"), frozenset("a"))


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "was_here"
    versions = _folder(tmp_path, {"a.py": f"open({str(trace)!r}, 'w')\n{_PLAIN}", "__init__.py": "1 / 0\n"})

    read_revisions([versions])

    assert not trace.exists()
    assert not (versions / "__pycache__").exists()


def test_what_alembic_passes_over_is_passed_over(tmp_path: Path) -> None:
    locked = {"a.py": _PLAIN, ".#b.py": "locked by an editor", "__init__.py": "", "notes.txt": "", "a.py.orig": _PLAIN}
    versions = _folder(tmp_path, locked)
    (versions / "folder.py").mkdir()
    (versions / "below").mkdir()
    (versions / "below" / "b.py").write_text("revision = 'b'\ndown_revision = 'a'\n")

    assert read_revisions([versions]) == _alembic(tmp_path) == Revisions(frozenset("a"), frozenset("a"))
    assert read_revisions([versions], is_recursive=True).heads == {"b"}


def test_a_folder_that_is_not_there_yet_has_no_revisions(tmp_path: Path) -> None:
    assert read_revisions([tmp_path / "versions"]) == Revisions()


def test_a_link_is_followed_and_a_file_that_is_linked_twice_counts_once(tmp_path: Path) -> None:
    versions = _folder(tmp_path, {"a.py": _PLAIN})
    store = tmp_path / "store"
    store.mkdir()
    (store / "b.py").write_text("revision = 'b'\ndown_revision = 'a'\n")
    (store / "nameless").write_text("revision = 'c'\ndown_revision = 'b'\n")
    for link, target in (("b.py", "b.py"), ("again.py", "b.py"), ("c.py", "nameless")):
        (versions / link).symlink_to(store / target)
    (tmp_path / "other").symlink_to(versions)

    assert read_revisions([versions, tmp_path / "other"]).heads == {"b"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the file that is there twice
        assert ScriptDirectory(tmp_path).get_heads() == ["b"]


@pytest.mark.parametrize("kind", ["dangling", "circular", "pipe", "device"])
def test_what_is_no_file_is_named_and_never_opened(tmp_path: Path, kind: str) -> None:
    versions = _folder(tmp_path, {})
    match kind:
        case "dangling":
            (versions / "x.py").symlink_to("nowhere.py")
        case "circular":
            (versions / "x.py").symlink_to(versions / "x.py")
        case "pipe":
            os.mkfifo(versions / "x.py")
        case "device":
            (versions / "x.py").symlink_to("/dev/zero")

    if kind == "device":  # by its own name it is no Python file
        assert read_revisions([versions]) == Revisions()
    else:
        with pytest.raises(HistoryError):
            read_revisions([versions])


def test_bytecode_without_its_source_cannot_be_judged(tmp_path: Path) -> None:
    versions = _folder(tmp_path, {"a.py": _PLAIN})
    assert read_revisions([versions], is_sourceless=True).heads == {"a"}
    (versions / "__pycache__").mkdir()
    (versions / "__pycache__" / "a.cpython-311.pyc").touch()
    assert read_revisions([versions], is_sourceless=True).heads == {"a"}

    (versions / "b.pyc").touch()
    with pytest.raises(UnplainError, match=r"b\.pyc is compiled"):
        read_revisions([versions], is_sourceless=True)
    (versions / "b.pyc").rename(versions / "__pycache__" / "b.cpython-311.pyc")
    with pytest.raises(UnplainError, match=r"b\.cpython-311\.pyc is compiled"):
        read_revisions([versions], is_sourceless=True)

    assert read_revisions([versions]).heads == {"a"}
