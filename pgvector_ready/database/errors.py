"""An exception met on the way to the database, as the failure that it is."""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import cast

import asyncpg

from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, Value, phrase
from pgvector_ready.judgement.strangers import Finding
from pgvector_ready.judgement.target import Provider, Target, intended_name


class NotPostgreSQLError(ConnectionError):
    """Something listens there and answers, but not as PostgreSQL does."""


class Violation(StrEnum):
    """A way of breaking PostgreSQL's protocol."""

    LENGTH = "length"
    MESSAGE = "message"
    SIZE = "size"
    PASSWORD = "password"  # noqa: S105 - the name of a violation
    DRIVER = "driver"
    ANSWER = "answer"


class ProtocolViolationError(ConnectionError):
    """The server, or what stands between, sent what PostgreSQL may not send."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


class TlsNotSupportedError(ConnectionError):
    """The server is PostgreSQL and has no TLS, while the connection string insists on it."""


class TlsRequiredError(ConnectionError):
    """The server refuses this login in the clear and lets it pass under TLS."""


class TlsUnansweredError(ConnectionError):
    """The server speaks PostgreSQL, and does not take the question for TLS that comes before; `manner` says how."""

    def __init__(self, manner: str) -> None:
        super().__init__(manner)
        self.manner = manner


class TlsRootMissingError(ConnectionError):
    """A file that TLS needs cannot be used; `parameter` is libpq's word for it, and `flaw` says why."""

    def __init__(self, parameter: str, flaw: Part = Part.MISSING) -> None:
        super().__init__(parameter, flaw)
        self.parameter = parameter
        self.flaw = flaw


class BracketedPasswordError(ConnectionError):
    """The server refused a password that stands between brackets or quotes."""


class NoMatchingHostError(ConnectionError):
    """Servers were reached, and none of them has the `target_session_attrs` asked for."""


class Deed(StrEnum):
    """A statement that runs pgvector's library."""

    PROOF = "proof"
    ENABLE = "enable"
    UPDATE = "update"
    APPLICATION = "application"


class ServerCrashesError(Exception):
    """A statement is not run, because the server crashed when it was, so many times."""

    def __init__(self, deed: Deed, times: int) -> None:
        super().__init__(deed, times)
        self.deed = deed
        self.times = times


class StalledError(TimeoutError):
    """The server fell silent; `phase` says in which part of connecting."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self.phase = phase


class UntrustedError(Exception):
    """A statement would run, read or write what is not to be trusted; `finding` says what."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class WrongDistanceError(Exception):
    """The database calculates, and wrongly."""


def classify(error: BaseException, step: Step | None) -> tuple[Code, str | None]:
    """The code of an exception met in `step`, and its SQLSTATE if the server gave one; `None` is a query of any step.

    Decided by class, errno and SQLSTATE, never by a server's text, which is localised. What nobody foresaw is
    `unexpected_error`: it fails closed.
    """
    chain = tuple(causes(error))
    # The deepest one that came from a server: asyncpg gives its own wrappers a code (08003) and no severity.
    servers = (
        cast("asyncpg.PostgresError", link).sqlstate for link in reversed(chain) if getattr(link, "severity", None)
    )
    sqlstate = next(servers, None)
    # What was found out after the error says more than the error.
    own = next((code for link in chain for kind, code in _FOUND_OUT.items() if isinstance(link, kind)), None)
    if code := own or (sqlstate and by_sqlstate(sqlstate, step)):
        return code, sqlstate
    by_class = (_by_class(link, step) for link in chain)
    return next((code for code in by_class if code), Code.UNEXPECTED_ERROR), sqlstate


_FOUND_OUT: dict[type[Exception], Code] = {
    NotPostgreSQLError: Code.NOT_POSTGRESQL,
    ProtocolViolationError: Code.PROTOCOL_VIOLATION,
    TlsNotSupportedError: Code.TLS_NOT_SUPPORTED,
    TlsRequiredError: Code.TLS_REQUIRED,
    TlsUnansweredError: Code.TLS_REQUEST_REFUSED,
    TlsRootMissingError: Code.TLS_ROOT_MISSING,
    BracketedPasswordError: Code.INVALID_PASSWORD,
    NoMatchingHostError: Code.NO_MATCHING_HOST,
    WrongDistanceError: Code.PGVECTOR_WRONG_RESULT,
    ServerCrashesError: Code.PGVECTOR_CRASHES_SERVER,
}


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Return the error, those in its group, and what it was raised from or while handling; the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions
        waiting.append(link.__cause__ or (None if link.__suppress_context__ else link.__context__))


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


def by_sqlstate(sqlstate: str, step: Step | None) -> Code | None:
    """Return the code of a server's SQLSTATE met in `step`, or None for one that nobody foresaw."""
    matches = (code for prefix, where, code in _SQLSTATES if sqlstate.startswith(prefix) and where in {None, step})
    return next(matches, None)


_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN})


def _by_class(error: BaseException, step: Step | None) -> Code | None:  # noqa: PLR0911 - a table in the form of a match
    match error:
        case TimeoutError():
            return Code.CONNECT_TIMEOUT if step in _CONNECTING else Code.QUERY_TIMEOUT
        case ssl.SSLError():
            return _by_tls(error, step)
        case UnicodeDecodeError() | asyncpg.InternalClientError():
            return Code.PROTOCOL_VIOLATION  # what the driver says of a server that it cannot read
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


# X509_V_ERR_… of OpenSSL's x509_vfy.h. Those of a list of revoked certificates are the fault of the list.
_CERTIFICATES = {
    **dict.fromkeys((9, 13), Code.TLS_NOT_YET_VALID),
    **dict.fromkeys((10, 14), Code.TLS_EXPIRED),
    **dict.fromkeys((3, 11, 12), Code.TLS_ROOT_MISSING),
    23: Code.TLS_REVOKED,
    **dict.fromkeys((62, 64), Code.TLS_HOSTNAME_MISMATCH),
}
_LISTS = {3: Part.NO_LIST_OF_ITS_AUTHORITY, 11: Part.LIST_NOT_YET_VALID, 12: Part.LIST_EXPIRED}


def _by_tls(error: ssl.SSLError, step: Step | None) -> Code:
    match error:
        case ssl.SSLCertVerificationError():
            return _CERTIFICATES.get(error.verify_code, Code.TLS_UNTRUSTED)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return _cut(step)
        case _:
            return Code.TLS_HANDSHAKE_FAILED


def _of_tls(error: BaseException) -> tuple[str, dict[str, Value]]:
    """The case of a failure of TLS and what its sentences speak of."""
    for cause in causes(error):
        match cause:
            case TlsRootMissingError(parameter=parameter, flaw=flaw):
                return _FILES[parameter], {"parameter": parameter, "flaw": phrase(flaw)}
            case ssl.SSLCertVerificationError(verify_code=number) if number in _LISTS:
                return _FILES["sslcrl"], {"parameter": "sslcrl", "flaw": phrase(_LISTS[number])}
            case TlsUnansweredError(manner=manner):
                return "", {"manner": phrase(_MANNERS[manner])}
            case ssl.SSLError(reason=str(reason)):
                return "", {"tls_reason": reason}
    return "", {}


_FILES = {"sslrootcert": "", "sslcert": "client", "sslkey": "client", "sslcrl": "crl"}
_MANNERS = {"closed": Part.CLOSES, "silent": Part.STAYS_SILENT, "error": Part.ANSWERS_WITH_AN_ERROR}


def _cut(step: Step | None) -> Code:
    return Code.CONNECTION_CLOSED if step in _CONNECTING else Code.CONNECTION_LOST


_VIOLATIONS = {
    Violation.LENGTH: Part.VIOLATION_LENGTH,
    Violation.MESSAGE: Part.VIOLATION_MESSAGE,
    Violation.SIZE: Part.VIOLATION_SIZE,
    Violation.PASSWORD: Part.VIOLATION_PASSWORD,
    Violation.DRIVER: Part.VIOLATION_DRIVER,
    Violation.ANSWER: Part.VIOLATION_ANSWER,
}


_DEEDS = {
    Deed.PROOF: Part.DEED_PROOF,
    Deed.ENABLE: Part.DEED_ENABLE,
    Deed.UPDATE: Part.DEED_UPDATE,
    Deed.APPLICATION: Part.DEED_APPLICATION,
}


def failure_of(
    error: BaseException,
    step: Step,
    target: Target,
    values: Mapping[str, Value | None] = MappingProxyType({}),
    *,
    is_asking: bool = False,
) -> Failure:
    """Return the failure that an exception met in `step` is; with `is_asking` it was met in a query."""
    code, sqlstate = classify(error, None if is_asking and step is Step.CONNECTED else step)
    if code is Code.DNS_NOT_FOUND and target.provider in _INTERNAL:
        code = Code.PRIVATE_HOST
    if sqlstate == _INTERNAL_ERROR and target.provider in _SHARED_PROXIES and not is_asking:
        code = Code.POOLER_ERROR
    case = _case_of(error, code)
    if code is Code.PROTOCOL_VIOLATION:
        broken = (cause.violation for cause in causes(error) if isinstance(cause, ProtocolViolationError))
        values = {**values, "violation": phrase(_VIOLATIONS[next(broken, Violation.DRIVER)])}
    if isinstance(error, UntrustedError):
        code, values = error.finding.code, {**values, **error.finding.values}
    if code is Code.DATABASE_MISSING and (meant := intended_name(target.database)):
        case, values = "doubtful", {**values, "meant": meant}
    if not is_asking and any(_NEON_WANTS_AN_ENDPOINT in str(cause) for cause in causes(error)):
        code, case = Code.POOLER_ERROR, "endpoint"
    if code in _TLS:
        case, found = _of_tls(error)
        values = {**values, **found}
    if isinstance(error, ServerCrashesError):
        values = {**values, "deed": phrase(_DEEDS[error.deed]), "times": str(error.times)}
    return Failure.about(code, step, target, values, sqlstate, case)


def _case_of(error: BaseException, code: Code) -> str:
    match error:
        case StalledError(phase=phase) if code is Code.CONNECT_TIMEOUT:
            return phase
        case BracketedPasswordError():
            return "brackets"
        case ServerCrashesError(times=1):
            return "once"
        case _:
            return "tcp" if code is Code.CONNECT_TIMEOUT else ""


_TLS = frozenset({Code.TLS_ROOT_MISSING, Code.TLS_REQUEST_REFUSED, Code.TLS_HANDSHAKE_FAILED})
_INTERNAL = frozenset({Provider.RAILWAY_INTERNAL, Provider.RENDER_INTERNAL})


# One proxy before everybody's databases, which says XX000 of a login to one that it does not know, that is switched off
# or over its quota; of a PostgreSQL server it would be a mistake of its own.
_SHARED_PROXIES = frozenset({Provider.SUPABASE, Provider.NEON})


_INTERNAL_ERROR = "XX000"
# A fixed English sentence of Neon's proxy, which has a PostgreSQL server's codes and none of its own.
_NEON_WANTS_AN_ENDPOINT = "Endpoint ID is not specified"
