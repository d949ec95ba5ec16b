"""Why no answer came, in a sentence: decided by the class of the exception, never by its text."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from pgvector_ready.commands.verify.address import Address

# OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED = 9, 10
_NAME_MISMATCH = frozenset({62, 64})
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EHOSTDOWN})


@dataclass(frozen=True, slots=True)
class NoReply:
    """No answer came: why, and what to do next."""

    message: str
    remedy: str


def explain(error: BaseException, address: Address, seconds: float, *, is_proxied: bool) -> NoReply:
    """The exception that a request ended with, after at most `seconds`, told; the exception's own text never is."""
    links = tuple(_links(error))
    # Whoever goes through a proxy connects to nothing else; only the certificate is then the service's.
    is_certificate = any(isinstance(link, ssl.SSLCertVerificationError) for link in links)
    if is_proxied and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not is_certificate:
        return NoReply(f"The proxy between here and {address.origin} cannot be reached.", _CHECK_PROXY)
    for link in links:
        if told := _tell(link, address, seconds):
            return told
    if isinstance(error, httpx.NetworkError):
        return _broken_off(address.origin)
    return NoReply(
        f"The request to {address.origin} failed ({type(error).__name__}).",
        f"Look at what curl -v {address.origin} says.",
    )


_CHECK_PROXY = "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the host in NO_PROXY."


def _links(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        # A host with several addresses fails once for each of them.
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _links(member)
        error = error.__cause__ or error.__context__


def _tell(error: BaseException, address: Address, seconds: float) -> NoReply | None:
    origin = address.origin
    match error:
        case httpx.ProxyError():
            return NoReply(
                f"The proxy between here and {origin} did not let the request through.",
                _CHECK_PROXY,
            )
        case socket.gaierror() | UnicodeError():
            return NoReply(
                f"{address.host} does not resolve: no name server knows it.",
                "Look for a typo in the URL; a new domain takes a while to be known everywhere.",
            )
        case ssl.SSLError() if not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _tell_tls(error, origin)
        case httpx.ConnectTimeout():
            return NoReply(
                f"{origin} did not take a connection in time.",
                "Check the host, the port and the name server, and whether a firewall drops what comes from here.",
            )
        case TimeoutError() | httpx.TimeoutException():
            return NoReply(
                f"{origin} took the connection and gave no complete answer within {seconds:g} s.",
                "A sleeping instance takes about a minute to wake: try again with --wait 120. "
                "If it stays silent, read the service's log.",
            )
        case _:
            return _tell_connection(error, origin)


def _tell_connection(error: BaseException, origin: str) -> NoReply | None:
    match error:
        case ConnectionRefusedError():
            return NoReply(
                f"{origin} refuses connections: nothing listens there.",
                "Check the port, and in the service's log whether it is running.",
            )
        case OSError(errno=number) if number in _UNREACHABLE:
            return NoReply(f"There is no way to {origin} from here.", "Check the host, the network and the firewall.")
        case (
            ConnectionError() | EOFError() | ssl.SSLError() | asyncio.LimitOverrunError() | httpx.RemoteProtocolError()
        ):
            return _broken_off(origin)
        case _:
            return None


def _broken_off(origin: str) -> NoReply:
    return NoReply(
        f"What listens at {origin} broke the connection off, or does not speak HTTP.",
        "Check that the port is the service's, then read its log: it may be crashing, restarting or out of memory.",
    )


def _tell_tls(error: ssl.SSLError, origin: str) -> NoReply:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return NoReply(
            f"{origin} does not speak TLS, or none that is spoken here.",
            "Check the port; where the service is meant to be without TLS, begin the URL with http://.",
        )
    if error.verify_code in _NAME_MISMATCH:
        return NoReply(
            f"The TLS certificate of {origin} is for another host.",
            "Use the host name it was made for, or add this one to the platform's custom domains.",
        )
    if error.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        when = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
        return NoReply(f"The TLS certificate of {origin} {when}.", "Renew it, and check the clock of this machine.")
    return NoReply(
        f"The TLS certificate of {origin} is not signed by an authority that is trusted here.",
        "Use one of a public authority; if it is your own authority's, set SSL_CERT_FILE to its root certificate.",
    )
