"""Which code an exception is; every SQLSTATE and every class, without a server."""

import errno
import socket
import ssl

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from pgvector_ready.database import exceptions
from pgvector_ready.database.errors import classify, failure_of
from pgvector_ready.database.sqlstates import SQLSTATES
from pgvector_ready.judgement.failures import RUNBOOK, Code, Step
from pgvector_ready.judgement.target import Provider, Target


def from_server(sqlstate: str, routine: str = "") -> Exception:
    """As asyncpg makes it of a server's message: with a severity, which its own errors have not."""
    fields = {"S": "ERROR", "V": "ERROR", "C": sqlstate, "M": "Nachricht in fremder Sprache", "R": routine}
    error: Exception = asyncpg.PostgresError.new(fields)
    return error


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(f"certificate verify failed ({code})")
    error.verify_code = code
    return error


BY_SQLSTATE = [
    ("28P01", Step.CONNECTED, Code.INVALID_PASSWORD),
    ("28000", Step.CONNECTED, Code.LOGIN_NOT_PERMITTED),
    ("3D000", Step.CONNECTED, Code.DATABASE_MISSING),
    ("42501", Step.CONNECTED, Code.DATABASE_CONNECT_DENIED),
    ("42501", Step.ENABLED, Code.PGVECTOR_PERMISSION_DENIED),
    ("42501", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
    ("42501", None, Code.UNEXPECTED_ERROR),
    ("42704", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("42601", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("22023", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("22023", None, Code.UNEXPECTED_ERROR),
    ("55P02", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("55000", Step.CONNECTED, Code.DATABASE_NOT_ACCEPTING),
    ("55000", Step.USABLE, Code.UNEXPECTED_ERROR),
    ("53300", Step.CONNECTED, Code.TOO_MANY_CONNECTIONS),
    ("53100", Step.ENABLED, Code.DISK_FULL),
    ("53200", None, Code.OUT_OF_MEMORY),
    ("57P01", None, Code.SERVER_SHUTDOWN),
    ("57P02", Step.USABLE, Code.SERVER_SHUTDOWN),
    ("57P03", Step.CONNECTED, Code.CANNOT_CONNECT_NOW),
    ("57P05", None, Code.CONNECTION_LOST),
    ("57014", None, Code.STATEMENT_TIMEOUT),
    ("25P04", None, Code.STATEMENT_TIMEOUT),
    ("08P01", Step.CONNECTED, Code.POOLER_ERROR),
    ("08P01", None, Code.POOLER_ERROR),
    ("42P05", Step.USABLE, Code.POOLER_ERROR),
    ("26000", Step.USABLE, Code.POOLER_ERROR),
    ("25006", Step.ENABLED, Code.READ_ONLY),
    ("08006", Step.CONNECTED, Code.POOLER_ERROR),
    ("58000", Step.CONNECTED, Code.POOLER_ERROR),
    ("58000", Step.USABLE, Code.UNEXPECTED_ERROR),
    ("P0001", Step.CONNECTED, Code.LOGIN_NOT_PERMITTED),
    ("P0001", Step.ENABLED, Code.PGVECTOR_REFUSED),
    ("P0001", Step.MIGRATED, Code.UNEXPECTED_ERROR),
    ("58P01", Step.CONNECTED, Code.PRELOAD_LIBRARY_FAILED),
    ("58P01", Step.ENABLED, Code.PGVECTOR_LIBRARY_MISSING),
    ("58P01", Step.USABLE, Code.PGVECTOR_LIBRARY_MISSING),
    ("0A000", Step.ENABLED, Code.PGVECTOR_NOT_AVAILABLE),
    ("22023", Step.ENABLED, Code.PGVECTOR_FILES_INCOMPLETE),
    ("3F000", Step.ENABLED, Code.PGVECTOR_SCHEMA_MISSING),
    ("55P03", Step.ENABLED, Code.PGVECTOR_LOCK_TIMEOUT),
    ("42501", Step.MIGRATED, Code.MIGRATIONS_PERMISSION_DENIED),
    ("42704", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
    ("42883", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
    ("42704", None, Code.UNEXPECTED_ERROR),
    ("XX000", Step.CONNECTED, Code.UNEXPECTED_ERROR),
]


@pytest.mark.parametrize(("sqlstate", "step", "code"), BY_SQLSTATE)
def test_a_server_is_taken_by_its_sqlstate_and_the_step(sqlstate: str, step: Step | None, code: Code) -> None:
    assert classify(from_server(sqlstate), step) == (code, sqlstate)


def test_every_sqlstate_of_the_table_is_tried_here() -> None:
    tried = {(sqlstate, code) for sqlstate, _, code in BY_SQLSTATE}

    for prefix, _, code in SQLSTATES:
        assert any(sqlstate.startswith(prefix) and code is found for sqlstate, found in tried), prefix


@pytest.mark.parametrize(
    ("error", "step", "code"),
    [
        (exceptions.StalledError("tcp"), Step.CONNECTED, Code.CONNECT_TIMEOUT),
        (TimeoutError(), Step.CONNECTED, Code.CONNECT_TIMEOUT),
        (TimeoutError(), None, Code.QUERY_TIMEOUT),
        (TimeoutError(), Step.ENABLED, Code.QUERY_TIMEOUT),
        (exceptions.NotPostgreSQLError(), Step.CONNECTED, Code.NOT_POSTGRESQL),
        (exceptions.TlsNotSupportedError(), Step.CONNECTED, Code.TLS_NOT_SUPPORTED),
        (exceptions.TlsRequiredError(), Step.CONNECTED, Code.TLS_REQUIRED),
        (exceptions.TlsRootMissingError("sslrootcert"), Step.CONNECTED, Code.TLS_ROOT_MISSING),
        (exceptions.NoMatchingHostError(), Step.CONNECTED, Code.NO_MATCHING_HOST),
        (exceptions.WrongDistanceError(), Step.USABLE, Code.PGVECTOR_WRONG_RESULT),
        (unverified(18), Step.CONNECTED, Code.TLS_UNTRUSTED),
        (unverified(62), Step.CONNECTED, Code.TLS_HOSTNAME_MISMATCH),
        (unverified(64), Step.CONNECTED, Code.TLS_HOSTNAME_MISMATCH),
        (unverified(10), Step.CONNECTED, Code.TLS_EXPIRED),
        (unverified(9), Step.CONNECTED, Code.TLS_NOT_YET_VALID),
        (unverified(23), Step.CONNECTED, Code.TLS_REVOKED),
        (unverified(3), Step.CONNECTED, Code.TLS_ROOT_MISSING),
        (unverified(12), Step.CONNECTED, Code.TLS_ROOT_MISSING),
        (ssl.SSLError(1, "no protocols available"), Step.CONNECTED, Code.TLS_HANDSHAKE_FAILED),
        (exceptions.TlsUnansweredError("closed"), Step.CONNECTED, Code.TLS_REQUEST_REFUSED),
        (ExceptionGroup("both addresses", [ConnectionRefusedError()]), Step.CONNECTED, Code.CONNECTION_REFUSED),
        (ssl.SSLEOFError(8, "EOF"), Step.CONNECTED, Code.CONNECTION_CLOSED),
        (ssl.SSLZeroReturnError(6, "closed"), None, Code.CONNECTION_LOST),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Step.CONNECTED, Code.DNS_NOT_FOUND),
        (UnicodeError("label too long"), Step.CONNECTED, Code.DNS_NOT_FOUND),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), Step.CONNECTED, Code.PROTOCOL_VIOLATION),
        (ConnectionRefusedError(), Step.CONNECTED, Code.CONNECTION_REFUSED),
        (FileNotFoundError(), Step.CONNECTED, Code.SOCKET_NOT_FOUND),
        (OSError(errno.ENETUNREACH, ""), Step.CONNECTED, Code.HOST_UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, ""), Step.CONNECTED, Code.HOST_UNREACHABLE),
        (PermissionError(errno.EPERM, ""), Step.CONNECTED, Code.HOST_UNREACHABLE),
        (ConnectionResetError(), Step.CONNECTED, Code.CONNECTION_CLOSED),
        (ConnectionResetError(), None, Code.CONNECTION_LOST),
        (BrokenPipeError(), Step.USABLE, Code.CONNECTION_LOST),
        (asyncpg.ConnectionDoesNotExistError(), None, Code.CONNECTION_LOST),
        (asyncpg.InterfaceError("connection is closed"), Step.USABLE, Code.CONNECTION_LOST),
        (asyncpg.InterfaceError("unsupported authentication method"), Step.CONNECTED, Code.LOGIN_NOT_PERMITTED),
        (OSError(errno.EMFILE, "Too many open files"), Step.CONNECTED, Code.UNEXPECTED_ERROR),
        (KeyError("nobody thought of it"), None, Code.UNEXPECTED_ERROR),
    ],
    ids=lambda value: repr(value) if isinstance(value, Exception) else str(value),
)
def test_what_no_server_said_is_taken_by_its_class(error: Exception, step: Step | None, code: Code) -> None:
    assert classify(error, step) == (code, None)


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def test_the_deepest_word_of_a_server_counts() -> None:
    """SQLAlchemy wraps asyncpg's error, and asyncpg's own wrapper around a server's has a code and no severity."""
    inner = caused(asyncpg.ConnectionDoesNotExistError(), from_server("57P01"))

    assert classify(DBAPIError("SELECT 1", {}, caused(Exception(), inner)), None)[0] is Code.UNEXPECTED_ERROR
    assert classify(caused(DBAPIError("SELECT 1", {}, inner), inner), None) == (Code.SERVER_SHUTDOWN, "57P01")


def test_what_was_found_out_counts_more_than_the_error_that_made_us_ask() -> None:
    """A login refused with 28000 in the clear, that passes under TLS."""
    found = caused(exceptions.TlsRequiredError(), from_server("28000"))

    assert classify(found, Step.CONNECTED) == (Code.TLS_REQUIRED, "28000")


def test_what_an_error_was_raised_while_handling_counts_where_it_has_no_cause() -> None:
    """httpx and happy eyeballs raise so."""
    outer = OSError("all attempts failed")
    outer.__context__ = ConnectionRefusedError()

    assert classify(outer, None)[0] is Code.CONNECTION_REFUSED
    outer.__suppress_context__ = True
    assert classify(outer, None)[0] is Code.UNEXPECTED_ERROR


def test_a_chain_that_bites_its_tail_comes_to_an_end() -> None:
    first, second = KeyError(), ValueError()
    first.__cause__, second.__cause__ = second, first

    assert classify(first, None) == (Code.UNEXPECTED_ERROR, None)


@pytest.mark.parametrize("text", ["password authentication failed", "57P01", "timeout", "FATAL: 53300"])
def test_a_text_decides_nothing(text: str) -> None:
    assert classify(Exception(text), Step.CONNECTED) == (Code.UNEXPECTED_ERROR, None)


def test_codes_are_snake_case_and_their_own_names() -> None:
    assert all(code.value == code.name.lower() for code in Code)


def test_the_runbook_has_every_step_but_the_service() -> None:
    assert set(Step) - set(RUNBOOK) == {Step.SERVICE}


@pytest.mark.parametrize(
    ("routine", "code"),
    [("", Code.POOLER_ERROR), ("incompatible_module_error", Code.PRELOAD_LIBRARY_FAILED)],
)
def test_what_the_server_behind_a_proxy_says_is_not_the_proxys(routine: str, code: Code) -> None:
    target = Target("db.example.net", 5432, "app", "app", Provider.SUPABASE)

    assert failure_of(from_server("XX000", routine), Step.CONNECTED, target).code is code


@pytest.mark.parametrize("detail", ["Server is version 18, library is version 15.", "Bibliothek 9.6, Server 18"])
def test_the_version_of_a_library_is_read_in_any_language(detail: str) -> None:
    error = asyncpg.PostgresError.new(
        {"S": "ERROR", "V": "ERROR", "C": "XX000", "M": "x", "D": detail, "R": "incompatible_module_error"}
    )
    target = Target("db.example.net", 5432, "app", "app", Provider.OTHER)

    failure = failure_of(error, Step.USABLE, target, {"server_version": "18.6"})

    assert failure.code is Code.PGVECTOR_LIBRARY_MISMATCH
    assert failure.values["built_for"] in {"15", "9.6"}
