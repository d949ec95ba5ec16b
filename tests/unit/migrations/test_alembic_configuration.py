"""alembic.ini, pyproject.toml and env.py read as text: what Alembic finds in them, and nothing is run."""

import os
import warnings
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from pgvector_ready.judgement.requirements import VersionTable
from pgvector_ready.migrations.configuration import read_configuration
from pgvector_ready.migrations.environment import read_version_table
from pgvector_ready.migrations.source import HistoryError, UnplainError


def _alembic(directory: Path) -> tuple[Path, list[Path], bool, bool]:
    """What Alembic itself makes of these files, run in that folder."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of separators that are out of fashion
            found = ScriptDirectory.from_config(Config("alembic.ini", toml_file="pyproject.toml"))
            folders = [Path(folder) for folder in found._version_locations]
            return Path(found.dir).absolute(), folders, found.recursive_version_locations, found.sourceless
    finally:
        os.chdir(before)


_INI = {
    "a relative path": "[alembic]\nscript_location = alembic\n",
    "where the file is": "[alembic]\nscript_location = %(here)s/alembic\n",
    "a value that names another": "[DEFAULT]\nbase = %(here)s/alembic\n[alembic]\nscript_location = %(base)s\n",
    "upper and lower case": "[alembic]\nBase = alembic\nscript_location = %(BASE)s\n",
    "a percent sign": "[alembic]\nscript_location = per%%cent\n",
    "in a package": "[alembic]\nprepend_sys_path = .\nscript_location = backend:alembic\n",
    "in a package of a package": "[alembic]\nprepend_sys_path = .\nscript_location = backend.inner:alembic\n",
    "several folders, a separator": (
        "[alembic]\nscript_location = alembic\npath_separator = os\nversion_locations = %(here)s/one:two\n"
    ),
    "several folders, line by line": (
        "[alembic]\nscript_location = alembic\npath_separator = newline\nversion_locations =\n    one\n    two\n"
    ),
    "several folders, the older separator": (
        "[alembic]\nscript_location = alembic\nversion_path_separator = ;\nversion_locations = one;two\n"
    ),
    "several folders, the oldest": "[alembic]\nscript_location = alembic\nversion_locations = one two, three\n",
    "folders below, and bytecode": (
        "[alembic]\nscript_location = alembic\nrecursive_version_locations = true\nsourceless = true\n"
    ),
    "not quite true": "[alembic]\nscript_location = alembic\nrecursive_version_locations = True\n",
    "a password that is no template": (
        "[alembic]\nscript_location = alembic\nsqlalchemy.url = postgresql://u:p%ss%(x@h/d\n[loggers]\nkeys = root\n"
    ),
}


@pytest.mark.parametrize("ini", _INI.values(), ids=_INI)
def test_the_ini_is_read_as_alembic_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ini: str) -> None:
    directory = tmp_path / "with a blank"
    for folder in ("alembic", "per%cent", "backend/alembic", "backend/inner/alembic", "one", "two", "three"):
        (directory / folder).mkdir(parents=True)
    monkeypatch.syspath_prepend(str(directory))  # and takes out again what Alembic adds
    (directory / "alembic.ini").write_text(ini)

    found = read_configuration(directory)

    assert found is not None
    folders = [folder.absolute() for folder in found.folders]
    assert (found.script_location, folders, found.is_recursive, found.is_sourceless) == _alembic(directory)


_TOML = {
    "a list of folders": 'script_location = "%(here)s/alembic"\nversion_locations = ["%(here)s/one", "two"]\n',
    "yes and no": 'script_location = "alembic"\nrecursive_version_locations = true\nsourceless = false\n',
    "a percent sign": 'script_location = "per%%cent"\n',
}


@pytest.mark.parametrize("toml", _TOML.values(), ids=_TOML)
def test_pyproject_is_read_as_alembic_reads_it(tmp_path: Path, toml: str) -> None:
    for folder in ("alembic", "per%cent", "one", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n[tool.alembic]\n{toml}')

    found = read_configuration(tmp_path)

    assert found is not None
    folders = [folder.absolute() for folder in found.folders]
    assert (found.script_location, folders, found.is_recursive, found.is_sourceless) == _alembic(tmp_path)


def test_the_ini_comes_first_and_pyproject_fills_in(tmp_path: Path) -> None:
    (tmp_path / "alembic").mkdir()
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "x"\nversion_locations = ["one"]\n')

    found = read_configuration(tmp_path)

    assert found is not None
    assert (found.script_location, found.folders) == (tmp_path / "alembic", (tmp_path / "one",))
    assert _alembic(tmp_path)[1] == [tmp_path / "one"]


@pytest.mark.parametrize("toml", ["", '[project]\nname = "x"\n', "[tool.alembic]\nfile_template = 'x'\n", "tool = 1\n"])
def test_a_pyproject_without_a_history_names_none(tmp_path: Path, toml: str) -> None:
    if toml:
        (tmp_path / "pyproject.toml").write_text(toml)

    if toml.startswith("tool"):
        with pytest.raises(HistoryError):
            read_configuration(tmp_path)
    else:
        assert read_configuration(tmp_path) is None


_HOSTILE = {
    "a name that leads nowhere": "[alembic]\nscript_location = %(nosuch)s/x\n",
    "a percent sign alone": "[alembic]\nscript_location = 100%\n",
    "itself": "[alembic]\nscript_location = %(script_location)s\n",
    "ten to the twelfth": "[alembic]\nscript_location = %(a)s\n"
    + "".join(f"{x} = {f'%({y})s' * 20}\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True))
    + "i =\n",
    "a very long one": f"[alembic]\nscript_location = {'x' * 5000}\n",
    "no location": "[alembic]\nsqlalchemy.url = postgresql://u:secret@h/d\n",
    "no section": "[other]\nsqlalchemy.url = postgresql://u:secret@h/d\n",
    "a line that is none": "[alembic]\nscript_location = x\npostgresql//u-secret@h/d\n",
    "no section at all": "postgresql://u:secret@h/d\n",
    "an option twice": "[alembic]\nscript_location = secret\nscript_location = secret\n",
    "a separator that is none": (
        "[alembic]\nscript_location = x\npath_separator = secret\nversion_locations = a\n".replace("secret", "|")
    ),
    "a package that is not there": "[alembic]\nscript_location = nosuchpackage:x\n",
    "not in UTF-8": b"[alembic]\nscript_location = caf\xe9\n",
}


@pytest.mark.parametrize("ini", _HOSTILE.values(), ids=_HOSTILE)
def test_what_leads_nowhere_is_one_sentence_that_repeats_no_password(tmp_path: Path, ini: str | bytes) -> None:
    (tmp_path / "alembic.ini").write_bytes(ini.encode() if isinstance(ini, str) else ini)

    with pytest.raises(HistoryError) as caught:
        read_configuration(tmp_path)

    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "toml", ["[tool.alembic\n", '[tool.alembic]\nscript_location = "%(here)900000000s"\n', "x = " + "[" * 9999]
)
def test_a_hostile_pyproject_is_one_sentence(tmp_path: Path, toml: str) -> None:
    (tmp_path / "pyproject.toml").write_text(toml)

    with pytest.raises(HistoryError):
        read_configuration(tmp_path)


def test_a_package_is_found_and_not_imported(tmp_path: Path) -> None:
    (tmp_path / "backend" / "db" / "migrations").mkdir(parents=True)
    for package in ("backend", "backend/db"):
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = backend.db:migrations\n")

    found = read_configuration(tmp_path)

    assert found is not None
    assert found.script_location == tmp_path / "backend" / "db" / "migrations"


_CONFIGURE = "from alembic import context\n{before}\ndef run(connection):\n    context.configure({arguments})\n"
_TABLES = {
    "not named": ("", "connection=connection", None),
    "the table": ("", "connection=connection, version_table='history'", VersionTable("history")),
    "the schema": ("", "connection=connection, version_table_schema='app'", VersionTable(schema="app")),
    "both": (
        "",
        "connection=connection, version_table='history', version_table_schema='Ünï'",
        VersionTable("history", "Ünï"),
    ),
    "none": ("", "connection=connection, version_table_schema=None", VersionTable()),
    "a constant": ("SCHEMA = 'app'", "connection=connection, version_table_schema=SCHEMA", VersionTable(schema="app")),
    "a constant with its type": (
        "from typing import Final\nSCHEMA: Final = 'app'",
        "connection=connection, version_table_schema=SCHEMA",
        VersionTable(schema="app"),
    ),
    "written out after two stars": (
        "",
        "connection=connection, **{'version_table_schema': 'app'}",
        VersionTable(schema="app"),
    ),
    "another call prints SQL only": (
        "context.configure(url='postgresql://', version_table='elsewhere')",
        "connection=connection, version_table='history'",
        VersionTable("history"),
    ),
    "the other call forgets it": (
        "context.configure(url='postgresql://')",
        "connection=connection, version_table='history'",
        VersionTable("history"),
    ),
}


@pytest.mark.parametrize(("before", "arguments", "table"), _TABLES.values(), ids=_TABLES)
def test_the_version_table_is_the_one_that_env_names(
    tmp_path: Path, before: str, arguments: str, table: VersionTable | None
) -> None:
    env = tmp_path / "env.py"
    env.write_text(_CONFIGURE.format(before=before, arguments=arguments))

    assert read_version_table(env) == table


_UNPLAIN_TABLES = {
    "of a setting": ("", "version_table_schema=settings.schema"),
    "of the environment": ("import os", "version_table_schema=os.environ['SCHEMA']"),
    "imported": ("from backend import SCHEMA", "version_table_schema=SCHEMA"),
    "a constant that is worked out": ("SCHEMA = str('app')", "version_table_schema=SCHEMA"),
    "a constant of a function": ("def f():\n    SCHEMA = 'app'", "version_table_schema=SCHEMA"),
    "a number": ("", "version_table=1"),
    "two tables": ("context.configure(version_table='a')", "version_table='b'"),
}


@pytest.mark.parametrize(("before", "arguments"), _UNPLAIN_TABLES.values(), ids=_UNPLAIN_TABLES)
def test_a_version_table_that_only_running_would_tell_cannot_be_judged(
    tmp_path: Path, before: str, arguments: str
) -> None:
    env = tmp_path / "env.py"
    env.write_text(_CONFIGURE.format(before=before, arguments=arguments))

    with pytest.raises(UnplainError, match=r"env\.py"):
        read_version_table(env)
