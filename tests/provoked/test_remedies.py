"""Every remedy that is a statement or a command ends its failure: taken out of what was printed, and carried out."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pgvector_ready.judgement.failures import Code
from tests.conftest import Database
from tests.provoked import test_searchable
from tests.support.command import run
from tests.support.postgres import PostgresServer
from tests.support.told import note_printed

_HISTORY = Path(__file__).parents[2] / "app/migrations"
_BEGINS = r"ALTER|GRANT|CREATE|UPDATE|DROP|SET"


@dataclass(frozen=True, slots=True)
class Cure:
    """A failure, made in SQL as superuser (`{name}` is the database and its owner), and what of its remedy ends it."""

    code: Code
    breaking: tuple[str, ...]
    # Which of the statements in the remedy: None is all of them, a number one of two ways.
    takes: int | None = None
    # Or the command in it.
    command: str = ""
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    is_superuser: bool = False
    has_vector: bool = True
    password_afterwards: str = "secret"  # noqa: S105 - as the remedy of a wrong one says
    id: str = ""


_VERSION = "UPDATE pg_extension SET extversion = '0.8.5' WHERE extname = 'vector'"
_TABLE = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
_AT_HEAD = "INSERT INTO alembic_version VALUES ('pgvector_ready_0001')"
_REQUIRED = {"MIGRATIONS": "required", "MIGRATIONS_FOLDER": str(_HISTORY)}
_POLICY = "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY"
_READABLE = 'GRANT SELECT ON alembic_version TO "{name}"'
_ENABLE = ("--enable", "--yes")

# Where a setting may stand, each before the one above it.
_SCOPES = {
    "of the database": 'DATABASE "{name}"',
    "of the role": 'ROLE "{name}"',
    "of the role in the database": 'ROLE "{name}" IN DATABASE "{name}"',
}

CURES = [
    Cure(Code.LOGIN_NOT_PERMITTED, ('ALTER ROLE "{name}" NOLOGIN',)),
    Cure(
        Code.INVALID_PASSWORD, ("""ALTER ROLE "{name}" PASSWORD 'of the first start'""",), password_afterwards="new",  # noqa: S106
    ),
    Cure(
        Code.INVALID_PASSWORD,
        ("ALTER ROLE \"{name}\" VALID UNTIL '2001-01-01'",),
        password_afterwards="new",  # noqa: S106
        id="expired",
    ),
    Cure(Code.DATABASE_CONNECT_DENIED, ('REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC, "{name}"',)),
    Cure(Code.DATABASE_NOT_ACCEPTING, ('ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',)),
    Cure(Code.DATABASE_MISSING, ('DROP DATABASE "{name}"',)),
    Cure(
        Code.PRELOAD_LIBRARY_FAILED,
        ("ALTER DATABASE \"{name}\" SET session_preload_libraries = 'nosuch'",),
        id="of the database",
    ),
    Cure(
        Code.PRELOAD_LIBRARY_FAILED, ("ALTER ROLE \"{name}\" SET local_preload_libraries = 'nosuch'",), id="of the role"
    ),
    Cure(
        Code.PRELOAD_LIBRARY_FAILED,
        ("ALTER ROLE \"{name}\" IN DATABASE \"{name}\" SET session_preload_libraries = 'nosuch'",),
        id="of the role in the database",
    ),
    *(
        Cure(Code.READ_ONLY, (f"ALTER {scope} SET default_transaction_read_only = on",), id=whose)
        for whose, scope in _SCOPES.items()
    ),
    Cure(Code.PGVECTOR_NOT_ENABLED, (), has_vector=False),
    Cure(
        Code.PGVECTOR_NOT_ENABLED,
        (),
        command="pgvector-ready check --enable",
        has_vector=False,
        is_superuser=True,
        id="command",
    ),
    Cure(Code.PGVECTOR_PERMISSION_DENIED, (), options=_ENABLE, has_vector=False),
    Cure(Code.PGVECTOR_TOO_OLD, (_VERSION,), variables={"MINIMUM_PGVECTOR_VERSION": "0.8.6"}),
    Cure(Code.PGVECTOR_UPDATE_AVAILABLE, (_VERSION,)),
    *(
        Cure(Code.PGVECTOR_SCHEMA_MISSING, (breaking,), options=_ENABLE, has_vector=False, is_superuser=True, id=name)
        for name, breaking in {
            "dropped": "DROP SCHEMA public",
            "off the path": """ALTER DATABASE "{name}" SET search_path = ''""",
            "another's path": 'ALTER DATABASE "{name}" SET search_path = nosuch',
        }.items()
    ),
    Cure(Code.PGVECTOR_NAME_TAKEN, ("CREATE TYPE public.vector AS (a float8[])",), options=_ENABLE, has_vector=False,
         is_superuser=True),
    *(
        Cure(
            Code.PGVECTOR_NOT_ON_SEARCH_PATH,
            (
                "CREATE SCHEMA hidden",
                "ALTER EXTENSION vector SET SCHEMA hidden",
                f'ALTER {scope} SET search_path = "$user", public',
            ),
            id=f"by a path {whose}",
        )
        for whose, scope in _SCOPES.items()
    ),
    Cure(
        Code.PGVECTOR_NOT_ON_SEARCH_PATH,
        ('CREATE SCHEMA U&"hid\\001b\\\\den"', 'ALTER EXTENSION vector SET SCHEMA U&"hid\\001b\\\\den"'),
        id="in a schema whose name cannot be seen",
    ),
    Cure(
        Code.PGVECTOR_SHADOWED,
        ('CREATE SCHEMA "{name}" AUTHORIZATION "{name}"', 'CREATE TYPE "{name}".vector AS (a float8[])'),
    ),
    Cure(
        Code.PGVECTOR_REPLACED,
        (
            "CREATE OR REPLACE FUNCTION l2_distance(vector, vector) RETURNS float8 IMMUTABLE STRICT PARALLEL SAFE "
            "LANGUAGE sql AS 'SELECT 1.0::float8'",
        ),
    ),
    Cure(
        Code.PGVECTOR_OWNER_UNTRUSTED,
        ("CREATE ROLE {name}_stranger", "ALTER FUNCTION l2_distance(vector, vector) OWNER TO {name}_stranger"),
    ),
    Cure(
        Code.UNTRUSTED_CODE,
        (
            "CREATE ROLE {name}_stranger",
            "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "ALTER FUNCTION watch() OWNER TO {name}_stranger",
            "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch()",
        ),
        options=_ENABLE,
        has_vector=False,
        is_superuser=True,
    ),
    Cure(Code.MIGRATIONS_BEHIND, (), command="pgvector-ready migrate", variables=_REQUIRED),
    Cure(Code.MIGRATIONS_RENAMED, (_TABLE, "INSERT INTO alembic_version VALUES ('0001')", _READABLE),
         variables=_REQUIRED),
    Cure(Code.MIGRATIONS_PERMISSION_DENIED, (_TABLE, _AT_HEAD), variables=_REQUIRED),
    Cure(Code.MIGRATIONS_HIDDEN, (_TABLE, _AT_HEAD, _READABLE, _POLICY), 0, variables=_REQUIRED),
    Cure(
        Code.MIGRATIONS_HIDDEN,
        (_TABLE, _AT_HEAD, _READABLE, _POLICY),
        1,
        variables=_REQUIRED,
        id="by the role",
    ),
    Cure(
        Code.MIGRATIONS_UNTRUSTED,
        ("CREATE ROLE {name}_stranger", _TABLE, _AT_HEAD, "ALTER TABLE alembic_version OWNER TO {name}_stranger"),
        variables={"MIGRATIONS_FOLDER": str(_HISTORY)},
    ),
]  # fmt: skip

STRING = "what ends it is another value of DATABASE_URL or of another variable"
OUTSIDE = "what ends it is done at the provider, on the network, or with a certificate"
SERVER = "what ends it is another image, other files or a restart of the server"
PASSES = "it passes, or somebody has to look first: the statement shows what to look at"
MENDED = "what ends it is a change of the application's own migrations"
NOT_BY_STATEMENT = {
    Code.DATABASE_URL_MISSING: STRING,
    Code.DATABASE_URL_INVALID: STRING,
    Code.DATABASE_URL_PLACEHOLDER: STRING,
    Code.DATABASE_URL_UNENCODED: STRING,
    Code.DATABASE_URL_WHITESPACE: STRING,
    Code.DATABASE_URL_REPAIRED: STRING,
    Code.DATABASE_URL_DOUBTFUL: STRING,
    Code.DNS_NOT_FOUND: STRING,
    Code.PRIVATE_HOST: STRING,
    Code.CONNECTION_REFUSED: OUTSIDE,
    Code.HOST_UNREACHABLE: OUTSIDE,
    Code.CONNECT_TIMEOUT: OUTSIDE,
    Code.SOCKET_NOT_FOUND: OUTSIDE,
    Code.NOT_POSTGRESQL: STRING,
    Code.PROTOCOL_VIOLATION: OUTSIDE,
    Code.CONNECTION_CLOSED: OUTSIDE,
    Code.TLS_NOT_SUPPORTED: STRING,
    Code.TLS_REQUIRED: STRING,
    Code.TLS_UNTRUSTED: STRING,
    Code.TLS_HOSTNAME_MISMATCH: STRING,
    Code.TLS_EXPIRED: OUTSIDE,
    Code.TLS_NOT_YET_VALID: OUTSIDE,
    Code.TLS_REVOKED: OUTSIDE,
    Code.TLS_ROOT_MISSING: STRING,
    Code.TLS_REQUEST_REFUSED: STRING,
    Code.TLS_HANDSHAKE_FAILED: STRING,
    Code.TLS_OFF: STRING,
    Code.TOO_MANY_CONNECTIONS: PASSES,
    Code.CANNOT_CONNECT_NOW: PASSES,
    Code.SERVER_SHUTDOWN: PASSES,
    Code.CONNECTION_LOST: PASSES,
    Code.QUERY_TIMEOUT: SERVER,
    Code.STATEMENT_TIMEOUT: PASSES,
    Code.POOLER_ERROR: STRING,
    Code.NO_MATCHING_HOST: PASSES,
    Code.DISK_FULL: OUTSIDE,
    Code.OUT_OF_MEMORY: OUTSIDE,
    Code.SLOW: OUTSIDE,
    Code.WRONG_TARGET: STRING,
    Code.STANDBY: STRING,
    Code.PGVECTOR_NOT_AVAILABLE: SERVER,
    Code.PGVECTOR_REFUSED: PASSES,
    Code.PGVECTOR_FILES_INCOMPLETE: SERVER,
    Code.PGVECTOR_LOCK_TIMEOUT: PASSES,
    Code.PGVECTOR_DOWNGRADED: SERVER,
    Code.PGVECTOR_LIBRARY_MISSING: SERVER,
    Code.PGVECTOR_LIBRARY_MISMATCH: SERVER,
    Code.PGVECTOR_LIBRARY_OUTDATED: SERVER,
    Code.PGVECTOR_CRASHES_SERVER: SERVER,
    Code.PGVECTOR_WRONG_RESULT: SERVER,
    Code.MIGRATIONS_UNKNOWN: MENDED,
    Code.MIGRATIONS_FAILED: MENDED,
    Code.MIGRATIONS_ELSEWHERE: MENDED,
    Code.PGVECTOR_CORRUPTS_INDEXES: SERVER,
    Code.PGVECTOR_VULNERABLE: SERVER,
    Code.VECTORS_UNKNOWN: PASSES,
    Code.STARTING: PASSES,
    Code.DRAINING: PASSES,
    Code.UNEXPECTED_ERROR: PASSES,
}


def test_every_code_has_its_row_once() -> None:
    cured = {cure.code for cure in CURES} | {cure.code for cure in test_searchable.CURES} | {Code.COLLATION_CHANGED}

    assert cured | NOT_BY_STATEMENT.keys() == set(Code)
    assert not cured & NOT_BY_STATEMENT.keys()


@pytest.fixture
def no_strangers_stay(server: PostgresServer) -> Iterator[None]:
    """The server is everybody's; the database, which they own things in, is gone before them."""
    yield
    for (role,) in server.execute(r"SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE '%\_stranger'"):
        server.execute(f"DROP ROLE {role}")


@pytest.mark.usefixtures("no_strangers_stay")
@pytest.mark.parametrize("cure", CURES, ids=lambda cure: f"{cure.code} {cure.id}".strip())
def test_what_the_remedy_says_ends_the_failure(cure: Cure, database: Database) -> None:
    server, name = database.server, database.name
    if cure.has_vector:
        database.execute("CREATE EXTENSION vector")
    for statement in cure.breaking:
        _execute(database, statement.format(name=name))
    role = "postgres" if cure.is_superuser else name
    url = server.connection_string(role, name)

    _, printed = _call("check", *cure.options, url=url, **cure.variables)
    remedy = _remedy(printed, cure.code)
    if cure.command:
        assert cure.command in remedy
        program, *arguments = shlex.split(cure.command)
        assert program == "pgvector-ready"
        assert _call(*arguments, "--yes", url=database.url, **cure.variables)[0] == 0
        if cure.code is Code.MIGRATIONS_BEHIND:
            _execute(database, _READABLE.format(name=name))
    else:
        statements = re.findall(rf"(?:{_BEGINS}) (?:'[^']*'|\"[^\"]*\"|[^;'\"])*;", remedy)
        assert statements, remedy
        chosen = statements if cure.takes is None else [statements[cure.takes]]
        # In one session, as a person pastes them: what keeps from connecting is mended from another database.
        is_reached = f"[-] connected {cure.code}" not in printed
        with server.connect(name if is_reached else "postgres") as session:
            for statement in chosen:
                session.execute(statement.encode())

    if not cure.is_superuser:
        url = server.connection_string(role, name, password=cure.password_afterwards)
    code_afterwards, afterwards = _call("check", *cure.options, url=url, **cure.variables)
    assert cure.code not in afterwards
    if cure.code is Code.DATABASE_MISSING:
        assert "pgvector_not_enabled" in afterwards  # it is empty
    else:
        assert code_afterwards == 0, afterwards


def _execute(database: Database, statement: str) -> None:
    """In the database, but what cannot be done there, as a remedy says: by a superuser in another one."""
    is_about_it = re.match(
        r"(ALTER|CREATE|DROP) DATABASE|ALTER ROLE|CREATE ROLE|GRANT CONNECT|REVOKE CONNECT", statement
    )
    (database.server.execute if is_about_it else database.execute)(statement)


def _call(*arguments: str, url: str, **variables: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    environment = {**kept, **variables, "DATABASE_URL": url}
    done = run(*arguments, environment=environment)
    note_printed(done.stdout)
    return done.returncode, done.stdout + done.stderr


def _remedy(printed: str, code: Code) -> str:
    found = re.search(rf"^\[[-!]\] \w+ {code}: .*? → (.*)$", printed, re.MULTILINE)
    assert found, printed
    return found[1]
