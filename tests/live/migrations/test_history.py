"""Whose migrations: the folder that was given, by whom, and what can be said of it without running it."""

import subprocess
import sys
from pathlib import Path

import pytest

from pgvector_ready.judgement.requirements import Revisions, VersionTable
from pgvector_ready.migrations.history import find_history, requirements_for
from pgvector_ready.settings import ConfigurationError, Settings, load

_URL = "postgresql://app@127.0.0.1/app"
_ENV = "from alembic import context\ncontext.configure(connection=None{})\n"


def _settings(**given: object) -> Settings:
    return load(database_url=_URL, **given)


def _write(folder: Path, *revisions: str, arguments: str = "") -> Path:
    """An Alembic folder with these revisions, each after the one before."""
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(_ENV.format(arguments))
    for number, revision in enumerate(revisions):
        parent = revisions[number - 1] if number else None
        text = f"revision = {revision!r}\ndown_revision = {parent!r}\n"
        (folder / "versions" / f"{number}_{revision}.py").write_text(text)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _heads(history: object) -> set[str]:
    revisions = getattr(history, "revisions", None)
    assert isinstance(revisions, Revisions)
    return set(revisions.heads)


def test_a_folder_that_nobody_gave_is_not_looked_for(place: Path) -> None:
    _write(place / "alembic", "001")
    _write(place / "migrations", "001")

    history = find_history(_settings())

    assert history is None
    assert requirements_for(_settings(), history).revisions is None


def test_what_ready_is_given_comes_before_the_setting_and_that_before_the_working_directory(place: Path) -> None:
    ours, theirs, here = (_write(place / name, name) for name in ("ours", "theirs", "here"))
    (place / "alembic.ini").write_text("[alembic]\nscript_location = here\n")

    found = find_history(_settings())
    by_setting = find_history(_settings(migrations_folder=theirs))
    by_argument = find_history(_settings(migrations_folder=theirs), ours)

    assert (_heads(found), _heads(by_setting), _heads(by_argument)) == ({"here"}, {"theirs"}, {"ours"})
    assert found is not None
    assert by_setting is not None
    assert by_argument is not None
    assert (found.origin, by_setting.origin, by_argument.origin) == ("alembic.ini", "MIGRATIONS_FOLDER", "migrations")
    assert here


@pytest.mark.parametrize("text", ["alembic.ini", "staging.ini", "pyproject.toml", "history", "sub/../history"])
def test_it_may_be_the_folder_or_the_file_that_names_it(place: Path, text: str) -> None:
    _write(place / "backend" / "history", "001")
    locations = "version_locations = history/versions\nrecursive_version_locations = true\n"
    if text.endswith(".ini"):
        (place / "backend" / text).write_text(f"[alembic]\nscript_location = %(here)s/history\n{locations}")
    if text.endswith(".toml"):
        (place / "backend" / text).write_text('[tool.alembic]\nscript_location = "history"\n')
    (place / "backend" / "sub").mkdir()

    history = find_history(_settings(migrations_folder=Path("backend", text)))

    assert history
    assert _heads(history) == {"001"}
    expected = place / "backend" if Path(text).suffix else place  # where Alembic is to be run
    assert history.configuration.directory == expected


def test_a_folder_is_read_as_the_file_beside_it_says(place: Path) -> None:
    _write(place / "history", "001")
    (place / "more").mkdir()
    (place / "more" / "x.py").write_text("revision = '002'\ndown_revision = '001'\n")
    (place / "alembic.ini").write_text(
        "[alembic]\nscript_location = history\npath_separator = os\nversion_locations = history/versions:more\n"
    )

    assert _heads(find_history(_settings(migrations_folder=Path("history")))) == {"002"}


def test_another_file_in_the_working_directory_is_none_of_its_business(place: Path) -> None:
    _write(place / "history", "001")
    (place / "alembic.ini").write_text("[alembic]\nscript_location = %(nosuch)s\n")

    assert _heads(find_history(_settings(migrations_folder=Path("history")))) == {"001"}


def test_off_reads_nothing(place: Path) -> None:
    (place / "alembic.ini").write_text("not even a file of options")

    assert find_history(_settings(migrations="off")) is None


_WRONG = {
    "a folder that is not there": ("nosuch", "auto", ["MIGRATIONS_FOLDER names a folder or a file that is not there"]),
    "a folder without env.py": (".", "auto", ["is not an Alembic folder, it has no env.py"]),
    "a file that names none": ("pyproject.toml", "auto", ["pyproject.toml does not say where"]),
    "a secret in the wrong variable": ("postgresql://u:p4ss@h/d.ini", "auto", ["MIGRATIONS_FOLDER names a folder"]),
    "duplicates": ("twice", "auto", ["twice/versions/1_a.py and", "twice/versions/b.py have the same revision 'a'"]),
    "nothing at all, and required": (None, "required", ["MIGRATIONS=required", "set MIGRATIONS_FOLDER"]),
    "not to be judged, and required": ("odd", "required", ["MIGRATIONS=required", "odd/versions/b.py line 1"]),
    "a table that is not plain, and required": ("table", "required", ["table/env.py line 2", "Set MIGRATIONS_TABLE"]),
}


@pytest.mark.parametrize(("folder", "policy", "words"), _WRONG.values(), ids=_WRONG)
def test_what_cannot_be_is_one_line(place: Path, folder: str | None, policy: str, words: list[str]) -> None:
    _write(place / "twice", "z", "a")
    (place / "twice" / "versions" / "b.py").write_text("revision = 'a'\ndown_revision = 'z'\n")
    _write(place / "odd", "a")
    (place / "odd" / "versions" / "b.py").write_text("revision = str('b')\ndown_revision = 'a'\n")
    (place / "pyproject.toml").touch()
    _write(place / "table", "a", arguments=", version_table_schema=settings.schema")

    with pytest.raises(ConfigurationError) as caught:
        find_history(_settings(migrations=policy, migrations_folder=Path(folder) if folder else None))

    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "p4ss" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_s_name_can_write_no_line_of_its_own(place: Path) -> None:
    _write(place / "history", "a")
    (place / "history" / "versions" / "x\x1b[2J\u202e.py").write_text("revision = 'a'\ndown_revision = None\n")

    with pytest.raises(ConfigurationError) as caught:
        find_history(_settings(migrations_folder=Path("history")))

    assert str(caught.value).isprintable()


def test_what_only_running_it_would_tell_is_said_and_not_judged(place: Path) -> None:
    _write(place / "history", "a")
    (place / "history" / "versions" / "b.py").write_text("revision = str('b')\ndown_revision = 'a'\n")

    required = requirements_for(_settings(), find_history(_settings(), "history"))

    assert required.revisions is None
    assert required.unjudged
    assert "b.py line 1" in required.unjudged


_TABLES = {
    "neither": ("", None, VersionTable()),
    "env.py": (", version_table='t', version_table_schema='s'", None, VersionTable("t", "s")),
    "the setting": ("", "s.t", VersionTable("t", "s")),
    "both: env.py is what Alembic does": (", version_table='t'", "other", VersionTable("t")),
    "env.py not plainly": (", version_table=t()", "s.t", VersionTable("t", "s")),
}


@pytest.mark.parametrize(("arguments", "setting", "table"), _TABLES.values(), ids=_TABLES)
def test_the_version_table_is_read_from_env_or_set(
    place: Path, arguments: str, setting: str | None, table: VersionTable
) -> None:
    _write(place / "history", "a", arguments=arguments)
    settings = _settings(migrations="required", migrations_table=setting)

    required = requirements_for(settings, find_history(settings, "history"))

    assert (required.version_table, required.revisions) == (table, Revisions(frozenset("a"), frozenset("a")))


@pytest.mark.parametrize("text", [".", "a.", ".a", "a.b.c"])
def test_a_table_that_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="MIGRATIONS_TABLE: must be a table"):
        _settings(migrations_table=text)


def test_the_service_starts_without_what_only_the_other_commands_need() -> None:
    """Each costs its start time and memory for as long as it lives."""
    script = (
        "import sys; import pgvector_ready.commands.cli, pgvector_ready.server.server, app.main;"
        "from pgvector_ready.migrations.history import find_history; from pgvector_ready.settings import load;"
        "others = {'alembic', 'httpx', 'mako', 'pygments', 'rich', 'pgvector_ready.embedded'};"
        "assert find_history(load()); print(*(others & set(sys.modules)))"
    )

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout

    assert loaded.split() == []
