"""An exception met on the way to the database, as the failure that it is."""

import errno
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import asyncpg

from pgvector_ready.database.exceptions import (
    BracketedPasswordError,
    NoMatchingHostError,
    NotPostgreSQLError,
    PoolExhaustedError,
    ProtocolViolationError,
    ServerCrashesError,
    StalledError,
    TlsNotSupportedError,
    TlsRequiredError,
    TlsRootMissingError,
    TlsUnansweredError,
    UntrustedError,
    Violation,
    WrongDistanceError,
)
from pgvector_ready.database.said import Said, causes
from pgvector_ready.database.sqlstates import ROUTINES, by_sqlstate
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, Value, phrase
from pgvector_ready.judgement.target import Provider, Target, intended_name


def classify(error: BaseException, step: Step | None) -> tuple[Code, str | None]:
    """The code of an exception met in `step`, and its SQLSTATE if the server gave one; `None` is a query of any step.

    Decided by class, errno, routine and SQLSTATE, never by a server's text, which is localised. What nobody foresaw is
    `unexpected_error`: it fails closed.
    """
    chain = tuple(causes(error))
    said = Said(error)
    sqlstate = said.sqlstate
    # What was found out after the error says more than the error.
    own = next((code for link in chain for kind, code in _FOUND_OUT.items() if isinstance(link, kind)), None)
    if code := own or ROUTINES.get((said.routine, step)) or (sqlstate and by_sqlstate(sqlstate, step)):
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
    PoolExhaustedError: Code.TOO_MANY_CONNECTIONS,
    WrongDistanceError: Code.PGVECTOR_WRONG_RESULT,
    ServerCrashesError: Code.PGVECTOR_CRASHES_SERVER,
}
_CONNECTING = frozenset({Step.CONFIGURED, Step.CONNECTED})
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
    if code is Code.UNEXPECTED_ERROR:
        code = _by_what_answers(sqlstate, step, target, is_asking=is_asking)
    case = _case_of(error, code)
    if code is Code.PROTOCOL_VIOLATION:
        broken = (cause.violation for cause in causes(error) if isinstance(cause, ProtocolViolationError))
        values = {**values, "violation": phrase(Part(next(broken, Violation.DRIVER)))}
    if isinstance(error, UntrustedError):
        code, values = error.finding.code, {**values, **error.finding.values}
    if code is Code.DATABASE_MISSING and (meant := intended_name(target.database)):
        case, values = "doubtful", {**values, "meant": meant}
    said = Said(error)
    if not is_asking and (of_pooler := _of_pooler(said)):
        code, case = of_pooler
    if code is Code.PGVECTOR_LIBRARY_MISMATCH:
        values = {**values, "built_for": _built_for(said, values)}
    if code in _TLS:
        case, found = _of_tls(error)
        values = {**values, **found}
    if isinstance(error, ServerCrashesError):
        values = {**values, "deed": phrase(Part(error.deed)), "times": str(error.times)}
    return replace(Failure.about(code, step, target, values, sqlstate, case), words=said.words)


def _by_what_answers(sqlstate: str | None, step: Step, target: Target, *, is_asking: bool) -> Code:
    """The code of what no table has: a proxy before everybody's databases, or a server that resembles PostgreSQL."""
    if sqlstate == _INTERNAL_ERROR and target.provider in _SHARED_PROXIES and not is_asking:
        return Code.POOLER_ERROR
    if sqlstate in _LACKING and step is Step.CONNECTED and is_asking:
        return Code.NOT_POSTGRESQL
    return Code.UNEXPECTED_ERROR


def _of_pooler(said: Said) -> tuple[Code, str] | None:
    return next((meant for sentence, meant in _POOLERS if sentence in said.message.casefold()), None)


def _is_raised(said: Said) -> bool:
    return said.routine == "exec_stmt_raise" or (said.sqlstate or "").startswith("P0")


def _built_for(said: Said, values: Mapping[str, Value | None]) -> str | None:
    """The major version that a library was built for: of the two that the server names, the one that is not its own."""
    major = str(values.get("server_version") or "").partition(".")[0]
    return next((number for number in re.findall(r"\d+(?:\.\d+)?", said.detail) if major and number != major), None)


def _case_of(error: BaseException, code: Code) -> str:  # noqa: PLR0911 - a table in the form of a match
    said = Said(error)
    match error:
        case StalledError(phase=phase) if code is Code.CONNECT_TIMEOUT:
            return phase
        case BracketedPasswordError():
            return "brackets"
        case PoolExhaustedError():
            return "pool"
        case ServerCrashesError(times=1):
            return "once"
        case _ if code is Code.LOGIN_NOT_PERMITTED and _is_raised(said):
            return "trigger"
        case _ if code is Code.NOT_POSTGRESQL and said.sqlstate in _LACKING:
            return "relative"
        case _ if said.sqlstate in _CASES:
            return _CASES[said.sqlstate]
        case _:
            return "tcp" if code is Code.CONNECT_TIMEOUT else ""


_TLS = frozenset({Code.TLS_ROOT_MISSING, Code.TLS_REQUEST_REFUSED, Code.TLS_HANDSHAKE_FAILED})
_INTERNAL = frozenset({Provider.RAILWAY_INTERNAL, Provider.RENDER_INTERNAL})
# One proxy before everybody's databases, which says XX000 of a login to one that it does not know, that is switched off
# or over its quota; of a PostgreSQL server it would be a mistake of its own.
_SHARED_PROXIES = frozenset({Provider.SUPABASE, Provider.NEON})
_INTERNAL_ERROR = "XX000"
# A function, a table or a column of PostgreSQL's own catalogue that is not there, in a query of nothing else.
_LACKING = frozenset({"42883", "42P01", "42703"})
_CASES = {"25P04": "transaction", "42P05": "prepared", "26000": "prepared"}
# Fixed English sentences of poolers and proxies, which have a PostgreSQL server's codes and none of their own.
_POOLERS: tuple[tuple[str, tuple[Code, str]], ...] = (
    ("endpoint id is not specified", (Code.POOLER_ERROR, "endpoint")),  # Neon
    ("maxclientsinsessionmode", (Code.TOO_MANY_CONNECTIONS, "pooler")),  # Supavisor, of three ages
    ("max clients reached", (Code.TOO_MANY_CONNECTIONS, "pooler")),
    ("max client connections reached", (Code.TOO_MANY_CONNECTIONS, "pooler")),
)
