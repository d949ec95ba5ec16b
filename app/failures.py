"""Every way this service can fail: the runbook's steps, the codes, and the failure that carries them."""

import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import asyncpg


class Step(StrEnum):
    """A step of the runbook, in the order of `RUNBOOK`; `SERVICE` is the process itself and no step of it."""

    CONFIGURED = "configured"
    CONNECTED = "connected"
    EXPECTED = "expected"
    WRITABLE = "writable"
    AVAILABLE = "available"
    ENABLED = "enabled"
    USABLE = "usable"
    MIGRATED = "migrated"
    SERVICE = "service"


RUNBOOK = tuple(step for step in Step if step is not Step.SERVICE)


class Code(StrEnum):
    """A stable name for one situation; part of the contract, never renamed. A section each in `docs/failures.md`."""

    DATABASE_URL_MISSING = "database_url_missing"
    DATABASE_URL_INVALID = "database_url_invalid"
    DATABASE_URL_PLACEHOLDER = "database_url_placeholder"
    DATABASE_URL_UNENCODED = "database_url_unencoded"
    DATABASE_URL_WHITESPACE = "database_url_whitespace"
    DATABASE_URL_REPAIRED = "database_url_repaired"
    DNS_NOT_FOUND = "dns_not_found"
    PRIVATE_HOST = "private_host"
    CONNECTION_REFUSED = "connection_refused"
    HOST_UNREACHABLE = "host_unreachable"
    CONNECT_TIMEOUT = "connect_timeout"
    SOCKET_NOT_FOUND = "socket_not_found"
    NOT_POSTGRESQL = "not_postgresql"
    CONNECTION_CLOSED = "connection_closed"
    TLS_NOT_SUPPORTED = "tls_not_supported"
    TLS_REQUIRED = "tls_required"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HOSTNAME_MISMATCH = "tls_hostname_mismatch"
    TLS_ROOT_MISSING = "tls_root_missing"
    TLS_OFF = "tls_off"
    INVALID_PASSWORD = "invalid_password"  # noqa: S105 - the name of a failure
    LOGIN_NOT_PERMITTED = "login_not_permitted"
    DATABASE_MISSING = "database_missing"
    DATABASE_CONNECT_DENIED = "database_connect_denied"
    DATABASE_NOT_ACCEPTING = "database_not_accepting"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    CANNOT_CONNECT_NOW = "cannot_connect_now"
    SERVER_SHUTDOWN = "server_shutdown"
    CONNECTION_LOST = "connection_lost"
    QUERY_TIMEOUT = "query_timeout"
    STATEMENT_TIMEOUT = "statement_timeout"
    POOLER_ERROR = "pooler_error"
    NO_MATCHING_HOST = "no_matching_host"
    DISK_FULL = "disk_full"
    OUT_OF_MEMORY = "out_of_memory"
    SLOW = "slow"
    WRONG_TARGET = "wrong_target"
    STANDBY = "standby"
    READ_ONLY = "read_only"
    PGVECTOR_NOT_AVAILABLE = "pgvector_not_available"
    PGVECTOR_NOT_ENABLED = "pgvector_not_enabled"
    PGVECTOR_PERMISSION_DENIED = "pgvector_permission_denied"
    PGVECTOR_TOO_OLD = "pgvector_too_old"
    PGVECTOR_LOCK_TIMEOUT = "pgvector_lock_timeout"
    PGVECTOR_UPDATE_AVAILABLE = "pgvector_update_available"
    PGVECTOR_DOWNGRADED = "pgvector_downgraded"
    PGVECTOR_LIBRARY_MISSING = "pgvector_library_missing"
    PGVECTOR_NOT_ON_SEARCH_PATH = "pgvector_not_on_search_path"
    MIGRATIONS_BEHIND = "migrations_behind"
    MIGRATIONS_UNKNOWN = "migrations_unknown"
    MIGRATIONS_PERMISSION_DENIED = "migrations_permission_denied"
    STARTING = "starting"
    DRAINING = "draining"
    UNEXPECTED_ERROR = "unexpected_error"


@dataclass(frozen=True, slots=True)
class Failure:
    """One situation, told: a sentence of fact and a sentence of advice. Also what a warning carries."""

    code: Code
    step: Step
    message: str
    remedy: str
    sqlstate: str | None = None


class NotPostgreSQLError(ConnectionError):
    """Something listens there and answers, but not as PostgreSQL does."""


class TlsNotSupportedError(ConnectionError):
    """The server is PostgreSQL and has no TLS, while the connection string insists on it."""


class TlsRequiredError(ConnectionError):
    """The server refuses this login in the clear and lets it pass under TLS."""


class TlsRootMissingError(ConnectionError):
    """A certificate that the connection needs is missing or unreadable; `parameter` is libpq's word for the file."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class NoMatchingHostError(ConnectionError):
    """Servers were reached, and none of them has the `target_session_attrs` asked for."""


class StalledError(TimeoutError):
    """The server fell silent; `phase` says in which part of connecting."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self.phase = phase


def classify(error: BaseException, step: Step | None) -> tuple[Code, str | None]:
    """The code of an exception met in `step`, and its SQLSTATE if the server gave one; `None` is a query of any step.

    Decided by class, errno and SQLSTATE, never by a server's text, which is localised. What nobody foresaw is
    `unexpected_error`: it fails closed.
    """
    chain = tuple(_causes(error))
    # The deepest one that came from a server: asyncpg gives its own wrappers a code (08003) and no severity.
    servers = (
        cast("asyncpg.PostgresError", link).sqlstate for link in reversed(chain) if getattr(link, "severity", None)
    )
    sqlstate = next(servers, None)
    # What was found out after the error says more than the error.
    own = next((code for link in chain for kind, code in _FOUND_OUT.items() if isinstance(link, kind)), None)
    if code := own or (sqlstate and _by_sqlstate(sqlstate, step)):
        return code, sqlstate
    by_class = (_by_class(link, step) for link in chain)
    return next((code for code in by_class if code), Code.UNEXPECTED_ERROR), sqlstate


_FOUND_OUT: dict[type[Exception], Code] = {
    NotPostgreSQLError: Code.NOT_POSTGRESQL,
    TlsNotSupportedError: Code.TLS_NOT_SUPPORTED,
    TlsRequiredError: Code.TLS_REQUIRED,
    TlsRootMissingError: Code.TLS_ROOT_MISSING,
    NoMatchingHostError: Code.NO_MATCHING_HOST,
}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


_CONNECTING = frozenset({Step.CONFIGURED, Step.CONNECTED})

# https://www.postgresql.org/docs/18/errcodes-appendix.html; the first that matches. None: in every step.
_SQLSTATES: tuple[tuple[str, Step | None, Code], ...] = (
    ("28P01", None, Code.INVALID_PASSWORD),
    ("28", None, Code.LOGIN_NOT_PERMITTED),
    ("3D000", None, Code.DATABASE_MISSING),
    ("42501", Step.CONNECTED, Code.DATABASE_CONNECT_DENIED),
    ("42501", Step.ENABLED, Code.PGVECTOR_PERMISSION_DENIED),
    # What the start-up message brings along: options.
    ("42704", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("42601", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("22023", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("55P02", Step.CONNECTED, Code.DATABASE_URL_INVALID),
    ("55000", Step.CONNECTED, Code.DATABASE_NOT_ACCEPTING),
    ("53300", None, Code.TOO_MANY_CONNECTIONS),
    ("53100", None, Code.DISK_FULL),
    ("53200", None, Code.OUT_OF_MEMORY),
    ("57P03", None, Code.CANNOT_CONNECT_NOW),
    ("57P05", None, Code.CONNECTION_LOST),  # idle_session_timeout
    ("57P", None, Code.SERVER_SHUTDOWN),
    ("57014", None, Code.STATEMENT_TIMEOUT),
    ("08P01", None, Code.POOLER_ERROR),  # in a query: nobody became free in the pooler's queue
    ("25006", None, Code.READ_ONLY),
    ("58P01", Step.ENABLED, Code.PGVECTOR_LIBRARY_MISSING),
    ("58P01", Step.USABLE, Code.PGVECTOR_LIBRARY_MISSING),
    ("0A000", Step.ENABLED, Code.PGVECTOR_NOT_AVAILABLE),
    ("55P03", Step.ENABLED, Code.PGVECTOR_LOCK_TIMEOUT),
    ("42501", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),  # no USAGE on the schema
    ("42501", Step.MIGRATED, Code.MIGRATIONS_PERMISSION_DENIED),
    ("42704", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
    ("42883", Step.USABLE, Code.PGVECTOR_NOT_ON_SEARCH_PATH),
)


def _by_sqlstate(sqlstate: str, step: Step | None) -> Code | None:
    matches = (code for prefix, where, code in _SQLSTATES if sqlstate.startswith(prefix) and where in {None, step})
    return next(matches, None)


_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN})


def _by_class(error: BaseException, step: Step | None) -> Code | None:  # noqa: PLR0911 - a table in the form of a match
    match error:
        case TimeoutError():
            return Code.CONNECT_TIMEOUT if step in _CONNECTING else Code.QUERY_TIMEOUT
        case ssl.SSLError():
            return _by_tls(error, step)
        case socket.gaierror() | UnicodeError():
            return Code.DNS_NOT_FOUND
        case ConnectionRefusedError():
            return Code.CONNECTION_REFUSED
        case FileNotFoundError():
            return Code.SOCKET_NOT_FOUND
        case OSError(errno=number) if number in _UNREACHABLE or isinstance(error, PermissionError):
            return Code.HOST_UNREACHABLE
        case asyncpg.InterfaceError() if step in _CONNECTING:
            return Code.LOGIN_NOT_PERMITTED  # the server asks for a kind of proof that the driver has not got
        case ConnectionError() | asyncpg.PostgresConnectionError() | asyncpg.InterfaceError():
            return _cut(step)
        case _:
            return None


def _by_tls(error: ssl.SSLError, step: Step | None) -> Code:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _cut(step)
    # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL's x509_vfy.h
    is_mismatch = isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in {62, 64}
    return Code.TLS_HOSTNAME_MISMATCH if is_mismatch else Code.TLS_UNTRUSTED


def _cut(step: Step | None) -> Code:
    return Code.CONNECTION_CLOSED if step in _CONNECTING else Code.CONNECTION_LOST
