"""The environment: every variable right, wrong and missing, and never a value in what is said about it."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, SecretStr, ValidationError

from pgvector_ready.commands.serve_settings import ServeSettings, load_for_serve
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.requirements import MigrationPolicy, VectorPolicy, VersionTable
from pgvector_ready.settings import ConfigurationError
from pgvector_ready.surroundings import PLATFORM_VARIABLES, is_on_platform
from tests.support.service import ServiceProcess

URL = "postgresql://someone:secret@db.example.net:5432/app"
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "settings.md"


def variables(name: str) -> tuple[str, ...]:
    """The environment variables that a field is read from, the first before the others."""
    alias = ServeSettings.model_fields[name].validation_alias
    return tuple(str(choice) for choice in alias.choices) if isinstance(alias, AliasChoices) else (name.upper(),)


ALL_VARIABLES = [variable for name in ServeSettings.model_fields for variable in variables(name)]


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """These variables and, of the service's own and the platforms', no others."""
    kept = dict(os.environ)
    for name in (*ALL_VARIABLES, *PLATFORM_VARIABLES):
        os.environ.pop(name, None)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def refusal(**values: str) -> str:
    """The sentence with which these values are refused."""
    with environment(**values), pytest.raises(ConfigurationError) as caught:
        load_for_serve().connection_string  # noqa: B018 - the last to be judged
    return str(caught.value)


def shown(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


DEFAULTS = {
    "database_url": None,
    "host": "127.0.0.1",
    "port": 8000,
    "enable_pgvector": True,
    "update_pgvector": False,
    "minimum_pgvector_version": "0.5.0",
    "require_writable": True,
    "expected_database_host": None,
    "expected_database_name": None,
    "expected_database_fingerprint": None,
    "migrations": MigrationPolicy.AUTO,
    "migrations_folder": None,
    "migrations_table": None,
    "vectors": VectorPolicy.AUTO,
    "vector_index_rows": 50_000,
    "vector_inventory_seconds": 300.0,
    "accepted_warnings": None,
    "startup_gate": True,
    "connect_timeout_seconds": 3.0,
    "query_timeout_seconds": 1.0,
    "slow_query_seconds": 0.5,
    "drain_seconds": 0.0,
    "health_token": None,
    "documentation_url": None,
    "render_external_url": None,
    "railway_public_domain": None,
    "log_format": None,
    "log_level": "info",
    "embedded_data_folder": None,
    "environment": None,
    "commit": None,
    "instance": None,
}


@pytest.mark.parametrize("name", ServeSettings.model_fields)
def test_unset_and_empty_are_the_default(name: str) -> None:
    """A dashboard cannot always delete a variable."""
    with environment():
        unset = load_for_serve()
    with environment(**dict.fromkeys(variables(name), "")):
        empty = load_for_serve()

    assert getattr(unset, name) == getattr(empty, name) == DEFAULTS[name]


VALID = [
    ("DATABASE_URL", URL, "database_url", URL),
    ("HOST", "0.0.0.0", "host", "0.0.0.0"),  # noqa: S104 - not listened on
    ("HOST", "::", "host", "::"),
    ("HOST", "[::]", "host", "::"),
    ("HOST", "[::1]", "host", "::1"),
    ("HOST", "[nonsense]", "host", "[nonsense]"),
    ("PORT", "0", "port", 0),
    ("PORT", "65535", "port", 65535),
    ("ENABLE_PGVECTOR", "false", "enable_pgvector", False),
    ("ENABLE_PGVECTOR", "FALSE", "enable_pgvector", False),
    ("ENABLE_PGVECTOR", "0", "enable_pgvector", False),
    ("UPDATE_PGVECTOR", "true", "update_pgvector", True),
    ("UPDATE_PGVECTOR", "yes", "update_pgvector", True),
    ("MINIMUM_PGVECTOR_VERSION", "0.10.0", "minimum_pgvector_version", "0.10.0"),
    ("MINIMUM_PGVECTOR_VERSION", "1", "minimum_pgvector_version", "1"),
    ("REQUIRE_WRITABLE", "off", "require_writable", False),
    ("EXPECTED_DATABASE_HOST", "db.example.net", "expected_database_host", "db.example.net"),
    ("EXPECTED_DATABASE_NAME", "Äpp", "expected_database_name", "Äpp"),
    ("EXPECTED_DATABASE_FINGERPRINT", "3f9ac2d1", "expected_database_fingerprint", "3f9ac2d1"),
    ("MIGRATIONS", "Required", "migrations", MigrationPolicy.REQUIRED),
    ("MIGRATIONS", "off", "migrations", MigrationPolicy.OFF),
    ("MIGRATIONS_FOLDER", "backend/alembic", "migrations_folder", Path("backend/alembic")),
    ("MIGRATIONS_TABLE", "app.alembic_version", "migrations_table", "app.alembic_version"),
    ("VECTORS", "Required", "vectors", VectorPolicy.REQUIRED),
    ("VECTOR_INDEX_ROWS", "1000", "vector_index_rows", 1000),
    ("VECTOR_INVENTORY_SECONDS", "0", "vector_inventory_seconds", 0.0),
    ("ACCEPTED_WARNINGS", "slow, vector_index_missing:items", "accepted_warnings", "slow, vector_index_missing:items"),
    ("STARTUP_GATE", "no", "startup_gate", False),
    ("CONNECT_TIMEOUT_SECONDS", "3.9", "connect_timeout_seconds", 3.9),
    ("QUERY_TIMEOUT_SECONDS", "0.1", "query_timeout_seconds", 0.1),
    ("SLOW_QUERY_SECONDS", "60", "slow_query_seconds", 60.0),
    ("DRAIN_SECONDS", "300", "drain_seconds", 300.0),
    ("HEALTH_TOKEN", "secret", "health_token", "secret"),
    ("HEALTH_TOKEN", "sëcret with blanks", "health_token", "sëcret with blanks"),
    (
        "DOCUMENTATION_URL",
        "https://docs.example.com/failures",
        "documentation_url",
        "https://docs.example.com/failures",
    ),
    ("RENDER_EXTERNAL_URL", "https://a.onrender.com", "render_external_url", "https://a.onrender.com"),
    ("RAILWAY_PUBLIC_DOMAIN", "a.up.railway.app", "railway_public_domain", "a.up.railway.app"),
    ("LOG_FORMAT", "JSON", "style", "json"),
    ("LOG_FORMAT", "console", "style", "console"),
    ("LOG_FORMAT", "%(asctime)s %(message)s", "style", None),
    ("LOG_LEVEL", "WARNING", "level", "warning"),
    ("LOG_LEVEL", "WARN", "level", "warning"),
    ("LOG_LEVEL", "Trace", "level", "debug"),
    ("LOG_LEVEL", "CRITICAL", "level", "critical"),
    ("LOG_LEVEL", "fatal", "level", "critical"),
    ("LOG_LEVEL", "chatty", "level", "info"),
    ("EMBEDDED_DATA_FOLDER", "/data/postgresql", "embedded_data_folder", Path("/data/postgresql")),
    ("ENVIRONMENT", "staging", "environment", "staging"),
    ("RAILWAY_ENVIRONMENT_NAME", "staging", "environment", "staging"),
    ("RENDER_GIT_COMMIT", "a6be012", "commit", "a6be012"),
    ("RAILWAY_GIT_COMMIT_SHA", "a6be012", "commit", "a6be012"),
    ("GIT_COMMIT", "a6be012", "commit", "a6be012"),
    ("RENDER_INSTANCE_ID", "srv-1", "instance", "srv-1"),
    ("RAILWAY_REPLICA_ID", "replica-1", "instance", "replica-1"),
    ("HOSTNAME", "0a1b2c", "instance", "0a1b2c"),
]


@pytest.mark.parametrize(("variable", "value", "name", "expected"), VALID)
def test_valid(variable: str, value: str, name: str, expected: object) -> None:
    with environment(**{variable: value}):
        loaded = load_for_serve()

    assert shown(getattr(loaded, name)) == expected


def test_every_variable_is_tried() -> None:
    assert {variable for variable, *_ in VALID} == set(ALL_VARIABLES)


INVALID = [
    ("PORT", "http"),
    ("PORT", "-1"),
    ("PORT", "65536"),
    ("PORT", "80.5"),
    ("ENABLE_PGVECTOR", "maybe"),
    ("UPDATE_PGVECTOR", "2"),
    ("MINIMUM_PGVECTOR_VERSION", "latest"),
    ("MINIMUM_PGVECTOR_VERSION", "v0.8.0"),
    ("MINIMUM_PGVECTOR_VERSION", "0.8."),
    ("REQUIRE_WRITABLE", "truee"),
    ("MIGRATIONS", "always"),
    ("MIGRATIONS_TABLE", "a.b.c"),
    ("STARTUP_GATE", "open"),
    ("CONNECT_TIMEOUT_SECONDS", "0"),
    ("CONNECT_TIMEOUT_SECONDS", "3s"),
    ("CONNECT_TIMEOUT_SECONDS", "nan"),
    ("CONNECT_TIMEOUT_SECONDS", "4"),
    ("QUERY_TIMEOUT_SECONDS", "-1"),
    ("QUERY_TIMEOUT_SECONDS", "inf"),
    ("QUERY_TIMEOUT_SECONDS", "2"),
    ("SLOW_QUERY_SECONDS", "0"),
    ("SLOW_QUERY_SECONDS", "60.1"),
    ("DRAIN_SECONDS", "-0.1"),
    ("DRAIN_SECONDS", "301"),
    ("DRAIN_SECONDS", "nan"),
    ("HEALTH_TOKEN", "secret\n"),
    ("HEALTH_TOKEN", " secret"),
    ("HEALTH_TOKEN", "sec\tret"),
    ("HEALTH_TOKEN", "   "),
    ("DATABASE_URL", "mysql://someone:secret@db.example.net/app"),
    ("DATABASE_URL", "postgresql://someone:sec@ret@db.example.net:54x2/app"),
    ("DATABASE_URL", "postgresql://user:password@host:port/database"),
    ("DATABASE_URL", "   "),
    ("DOCUMENTATION_URL", "wiki.internal/failures"),
    ("DOCUMENTATION_URL", "https://user:secret@docs.example.com/failures"),
    ("DOCUMENTATION_URL", "javascript:alert(1)"),
    ("VECTORS", "always"),
    ("VECTOR_INDEX_ROWS", "0"),
    ("VECTOR_INVENTORY_SECONDS", "-1"),
    ("VECTOR_INVENTORY_SECONDS", "86401"),
    ("ACCEPTED_WARNINGS", "slow, secret"),
    ("ACCEPTED_WARNINGS", "slow tls_off"),
]


@pytest.mark.parametrize(("variable", "value"), INVALID)
def test_invalid(variable: str, value: str) -> None:
    """One line that names the variable, and does not show what was in it."""
    told = refusal(**{"DATABASE_URL": URL, variable: value})

    assert variable in told
    assert "\n" not in told
    assert len(value.strip()) < 5 or value.strip() not in told  # a number may be in the sentence anyway
    assert "secret" not in told.casefold()


@pytest.mark.parametrize("variable", [name for name in ALL_VARIABLES if name not in PLATFORM_VARIABLES])
def test_bytes_that_are_not_text_are_refused(variable: str) -> None:
    """They would pass for text until a document with them in it is to be written."""
    told = refusal(**{"DATABASE_URL": URL, variable: "caf\udce9"})

    assert "\udce9" not in told
    assert any(name in told for name in ALL_VARIABLES)


def test_who_requires_what_nobody_looks_at_is_told_so() -> None:
    told = refusal(DATABASE_URL=URL, VECTORS="required", VECTOR_INVENTORY_SECONDS="0")

    assert told == "VECTORS=required needs VECTOR_INVENTORY_SECONDS above 0: nobody would look"


def test_several_mistakes_are_told_at_once() -> None:
    told = refusal(PORT="http", MIGRATIONS="loud", DRAIN_SECONDS="soon")

    assert all(name in told for name in ("PORT", "MIGRATIONS", "DRAIN_SECONDS"))
    assert "\n" not in told


@pytest.mark.parametrize(
    ("connect", "query", "nests"), [("3.9", "1", True), ("4", "1", False), ("4.5", "0.4", True), ("1", "4", False)]
)
def test_the_timeouts_stay_within_the_platforms_patience(connect: str, query: str, nests: bool) -> None:  # noqa: FBT001
    values = {"CONNECT_TIMEOUT_SECONDS": connect, "QUERY_TIMEOUT_SECONDS": query}
    if nests:
        with environment(**values):
            assert load_for_serve().connect_timeout_seconds == float(connect)
    else:
        assert "must together stay below 5 s" in refusal(**values)


def test_settings_are_frozen() -> None:
    with environment():
        loaded = load_for_serve()

    with pytest.raises(ValidationError):
        loaded.port = 1  # type: ignore[misc]  # what the type checker forbids as well


def test_what_is_given_comes_before_the_environment() -> None:
    with environment(PORT="1", DATABASE_URL="nonsense"):
        loaded = load_for_serve(port=2, database_url=URL)

    assert (loaded.port, shown(loaded.database_url)) == (2, URL)


def test_what_is_required_of_the_database_is_what_is_set() -> None:
    with environment(
        DATABASE_URL=f'"{URL}"',
        EXPECTED_DATABASE_HOST="db.example.net",
        EXPECTED_DATABASE_NAME="app",
        EXPECTED_DATABASE_FINGERPRINT="3f9ac2d1",
        REQUIRE_WRITABLE="false",
        MINIMUM_PGVECTOR_VERSION="0.8.0",
        SLOW_QUERY_SECONDS="0.25",
        MIGRATIONS="required",
        MIGRATIONS_TABLE="app.history",
    ):
        required = load_for_serve().requirements()
        table = load_for_serve().version_table

    assert (required.expected_host, required.expected_database) == ("db.example.net", "app")
    assert (required.expected_fingerprint, required.is_writable) == ("3f9ac2d1", False)
    assert (required.minimum_version, required.slow_ms) == ("0.8.0", 250)
    assert required.migrations is MigrationPolicy.REQUIRED
    assert table == VersionTable("history", "app")
    assert required.is_repaired
    assert required.notes


def test_libpqs_own_variables_fill_in_what_the_string_leaves_out() -> None:
    with environment(DATABASE_URL="postgresql://someone@db.example.net/app", PGPASSWORD="secret", PGPORT="6000"):
        loaded = load_for_serve()

        assert loaded.connection_string.password == "secret"  # noqa: S105 - an example
        assert loaded.connection_string.hosts[0].port == 6000
        assert "secret" in loaded.secrets


# Secrets

NASTY = "@/#?%:[]&\\'\"<>$!=;*+ ~`|{}()^,-_éß☃\u00a0\t01"
secrets = st.text(NASTY, min_size=8, max_size=40).filter(lambda text: len(set(text)) > 4)
TEMPLATES = (
    "{}",
    "postgresql://someone:{}@db.example.net:5432/app",
    "postgresql://{}",
    "postgres://db.example.net/app?password={}",
    "host=db.example.net password={}",
    "postgresql://someone:{}@db.example.net:port/app?sslmode=never",
    "mysql://someone:{}@db.example.net/app",
)


@given(secret=secrets, template=st.sampled_from(TEMPLATES))
@example(secret="p@ss/w0rd#?:%zz", template=TEMPLATES[1])  # noqa: S106
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_no_piece_of_a_connection_string_is_told(secret: str, template: str) -> None:
    """Neither in the refusal nor in what the settings say of themselves."""
    value = template.format(secret)
    with environment(DATABASE_URL=value):
        try:
            loaded = load_for_serve()
            told = f"{loaded!r} {loaded} {loaded.connection_string!r} {loaded.model_dump()!r}"
            told = told.replace(repr(loaded.connection_string.target), "")
        except ConfigurationError as error:
            told = f"{error} {error!r} {error.failure!r} {error.__cause__!r}"

    if "{}@" in template or "password=" in template:
        assert not pieces(secret) & pieces(told)


def pieces(text: str, length: int = 6) -> set[str]:
    """Every stretch of this length, but what punctuation alone makes up, which proves nothing."""
    stretches = {text[start : start + length] for start in range(len(text) - length + 1)}
    return {stretch for stretch in stretches if len(set(stretch)) > 4}


FALLIBLE = sorted({variable for variable, _ in INVALID} - {"DATABASE_URL"})


@given(secret=secrets, variable=st.sampled_from(FALLIBLE))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_secret_pasted_into_the_wrong_variable_is_not_told(secret: str, variable: str) -> None:
    with environment(DATABASE_URL=URL, **{variable: secret}):
        try:
            told = repr(load_for_serve())
        except ConfigurationError as error:
            told = f"{variable in str(error)} {error} {error!r} {error.__cause__!r}"

    assert told.startswith(("True", "ServeSettings"))
    assert secret not in told
    assert not pieces(secret) & pieces(told)


def test_every_secret_is_known_to_whoever_redacts() -> None:
    with environment(DATABASE_URL="postgresql://someone:p%40ss@db.example.net/app", HEALTH_TOKEN="token"):  # noqa: S106
        known = load_for_serve().secrets

    assert {"p@ss", "p%40ss", "token", "postgresql://someone:p%40ss@db.example.net/app"} <= known


# On a platform, and as a program


@pytest.mark.parametrize("variable", PLATFORM_VARIABLES)
def test_each_platform_is_known_by_its_variable(variable: str) -> None:
    assert is_on_platform({variable: "x"})
    assert not is_on_platform({variable: ""})


def test_a_developers_machine_is_no_platform() -> None:
    assert not is_on_platform({"HOME": "/home/someone", "PORT": "8000", "HOSTNAME": "laptop"})


def test_without_a_database_the_failure_has_its_code() -> None:
    with environment(RENDER="true"), pytest.raises(ConfigurationError) as caught:
        load_for_serve().connection_string  # noqa: B018

    assert caught.value.failure is not None
    assert caught.value.failure.code is Code.DATABASE_URL_MISSING
    assert "DATABASE_URL is not set." in str(caught.value)


def serve(**values: str) -> subprocess.CompletedProcess[str]:
    """`serve`, where it has to end by itself."""
    kept = {name: os.environ[name] for name in os.environ if name in {"PATH", "HOME"} or name.startswith("COV")}
    command = [sys.executable, "-m", "pgvector_ready", "serve"]
    return subprocess.run(
        command,
        env={**kept, **values},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


WRONG: Mapping[str, dict[str, str]] = {
    "DATABASE_URL is not set": {"RAILWAY_ENVIRONMENT_ID": "x"},
    "database_url_invalid": {"DATABASE_URL": "mysql://someone:secret@db.example.net/app"},
    "database_url_placeholder": {"DATABASE_URL": "postgresql://someone:<password>@db.example.net/app"},
    "database_url_unencoded": {"DATABASE_URL": "postgresql://someone:sec@ret#@db.example.net:5432/app"},
    "PORT": {"DATABASE_URL": URL, "PORT": "secret"},
    "HEALTH_TOKEN": {"DATABASE_URL": URL, "HEALTH_TOKEN": "secret\n"},
    "must together stay below": {"DATABASE_URL": URL, "CONNECT_TIMEOUT_SECONDS": "30"},
}


@pytest.mark.parametrize(("told", "values"), WRONG.items(), ids=WRONG)
def test_serve_ends_with_2_and_one_line(told: str, values: dict[str, str]) -> None:
    """On Render that fails the deploy within seconds, and the line is what the log ends with."""
    ended = serve(**{"PORT": "0", **values})

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("pgvector-ready: ")
    assert ended.stderr.count("\n") == 1
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr
    assert "sec@ret" not in ended.stderr


def test_a_taken_port_never_hides_a_wrong_database_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        wrong = serve(PORT=port, DATABASE_URL="mysql://someone:secret@db.example.net/app")
        right = serve(PORT=port, DATABASE_URL=URL)

    assert "database_url_invalid" in wrong.stderr
    assert f"PORT: {port} on 127.0.0.1 is taken by another process" in right.stderr
    assert (wrong.returncode, right.returncode) == (2, 2)


def test_serve_warns_of_a_log_that_it_does_not_know_and_writes_its_own(tmp_path: Path) -> None:
    values = {"DATABASE_URL": f"postgresql://app@/app?host={tmp_path}", "STARTUP_GATE": "false"}
    with ServiceProcess(log=tmp_path / "log", LOG_LEVEL="sec-ret", LOG_FORMAT="%(secret)s", **values) as service:
        service.wait_for(200)
        lines = [line for line in service.events() if line["event"] == "setting_unknown"]

    assert [(line["level"], line["variable"]) for line in lines] == [
        ("warning", "LOG_FORMAT"),
        ("warning", "LOG_LEVEL"),
    ]
    assert "sec" not in str(lines)


# The documentation


def documented() -> dict[str, str]:
    """The variables of docs/settings.md with what stands in the column of defaults."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", DOCUMENTATION.read_text(), re.MULTILINE)
    names = [name for name, _ in rows]
    assert len(names) == len(set(names))
    return dict(rows)


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(documented()) == {variables(name)[0] for name in ServeSettings.model_fields}


@pytest.mark.parametrize("name", ServeSettings.model_fields)
def test_the_documented_default_is_the_real_one(name: str) -> None:
    first, *others = variables(name)
    default = ServeSettings.model_fields[name].default

    cell = documented()[first]

    assert all(f"`{other}`" in cell for other in others)
    if default is not None:
        written = f"{default:g}" if isinstance(default, float) else str(default)
        assert cell == f"`{written.lower()}`"
    elif not others and name not in {"log_format", "embedded_data_folder", "migrations_folder", "migrations_table"}:
        assert cell == "none"
