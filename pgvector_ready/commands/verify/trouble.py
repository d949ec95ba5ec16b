"""Sentences for a request without an answer, by the class of the exception and never by its text."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import h11
import httpx

from pgvector_ready.commands.verify.address import Address
from pgvector_ready.database.errors import classify
from pgvector_ready.database.said import causes
from pgvector_ready.judgement.failures import Code, Step


@dataclass(frozen=True, slots=True)
class NoReply:
    """The reason why no answer came, and what to do next."""

    message: str
    remedy: str


_BROKEN_OFF = NoReply(
    "What listens at {origin} broke the connection off, or does not speak HTTP.",
    "Check that the port is the service's, then read its log: it may be crashing, restarting or out of memory.",
)
_PROXY_ADVICE = "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the host in NO_PROXY."
_NO_PROXY = NoReply("The proxy between here and {origin} cannot be reached.", _PROXY_ADVICE)
_REFUSED_BY_PROXY = NoReply("The proxy between here and {origin} did not let the request through.", _PROXY_ADVICE)
_RENEW = "Renew it, and check the clock of this machine."
_NOT_TAKEN = NoReply(
    "{origin} did not take a connection in time.",
    "Check the host, the port and the name server, and whether a firewall drops what comes from here.",
)
_SILENT = NoReply(
    "{origin} took the connection and gave no complete answer within {seconds:g} s.",
    "A sleeping instance takes about a minute to wake: try again with --wait 120. "
    "If it stays silent, read the service's log.",
)
# The names are the database's: a network fails in the same ways.
_BY_CODE: Mapping[Code, NoReply] = {
    Code.DNS_NOT_FOUND: NoReply(
        "{host} does not resolve: no name server knows it.",
        "Look for a typo in the URL; a new domain takes a while to be known everywhere.",
    ),
    Code.CONNECTION_REFUSED: NoReply(
        "{origin} refuses connections: nothing listens there.",
        "Check the port, and in the service's log whether it is running.",
    ),
    Code.HOST_UNREACHABLE: NoReply(
        "There is no way to {origin} from here.", "Check the host, the network and the firewall."
    ),
    Code.CONNECTION_CLOSED: _BROKEN_OFF,
    Code.TLS_HANDSHAKE_FAILED: NoReply(
        "{origin} does not speak TLS, or none that is spoken here.",
        "Check the port; where the service is meant to be without TLS, begin the URL with http://.",
    ),
    Code.TLS_EXPIRED: NoReply("The TLS certificate of {origin} has expired.", _RENEW),
    Code.TLS_NOT_YET_VALID: NoReply("The TLS certificate of {origin} is not valid yet.", _RENEW),
    Code.TLS_REVOKED: NoReply("The TLS certificate of {origin} was revoked by its authority.", "Replace it at once."),
    Code.TLS_HOSTNAME_MISMATCH: NoReply(
        "The TLS certificate of {origin} is for another host.",
        "Use the host name it was made for, or add this one to the platform's custom domains.",
    ),
    Code.TLS_UNTRUSTED: NoReply(
        "The TLS certificate of {origin} is not signed by an authority that is trusted here.",
        "Use one of a public authority; if it is your own authority's, set SSL_CERT_FILE to its root certificate.",
    ),
}


def explain(error: BaseException, address: Address, seconds: float, *, is_proxied: bool) -> NoReply:
    """Return the reason why a request ended with `error` after at most `seconds`; its text is never shown."""
    found = _judge(_links(error), is_proxied=is_proxied) or NoReply(
        f"The request to {{origin}} failed ({type(error).__name__}).", "Look at what curl -v {origin} says."
    )
    facts = {"origin": address.origin, "host": address.host, "seconds": seconds}
    return NoReply(found.message.format(**facts), found.remedy.format(**facts))


def _judge(links: tuple[BaseException, ...], *, is_proxied: bool) -> NoReply | None:
    error = links[0]
    # Whoever goes through a proxy connects to nothing else; only the certificate is then the service's.
    is_certificate = any(isinstance(link, ssl.SSLCertVerificationError) for link in links)
    if is_proxied and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not is_certificate:
        return _NO_PROXY
    judged = (_by_class(link) or _BY_CODE.get(classify(link, Step.CONNECTED)[0]) for link in links)
    # The first is the client's own; what it wraps says more.
    return next((found for found in judged if found), _BROKEN_OFF if isinstance(error, httpx.NetworkError) else None)


def _by_class(error: BaseException) -> NoReply | None:
    match error:
        case httpx.ProxyError():
            return _REFUSED_BY_PROXY
        case httpx.ConnectTimeout():
            return _NOT_TAKEN
        case TimeoutError() | httpx.TimeoutException():
            return _SILENT
        case EOFError() | httpx.RemoteProtocolError() | h11.ProtocolError():
            return _BROKEN_OFF
        case _:
            return None


def _links(error: BaseException) -> tuple[BaseException, ...]:
    """Return the error and its causes, also the one that httpcore hides: it raises its own `from None`."""
    links = tuple(causes(error))
    hidden = next((link.__context__ for link in links if link.__suppress_context__ and not link.__cause__), None)
    return (*links, *causes(hidden))
