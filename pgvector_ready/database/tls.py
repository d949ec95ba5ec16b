"""libpq's words for TLS, put into practice; asyncpg would only read them from a connection string, and for less."""

import contextlib
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import urlencode

from pgvector_ready.database.exceptions import TlsRootMissingError
from pgvector_ready.database.greeting import is_socket
from pgvector_ready.dsn import Host
from pgvector_ready.judgement.phrases import Part

_STRONG = frozenset({"require", "verify-ca", "verify-full"})
_IN_CLEAR: Mapping[str, Any] = MappingProxyType({"ssl": False})
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS arguments of one host, as asyncpg takes them."""

    mode: str
    arguments: Mapping[str, Any]
    # The file for which there is less TLS than was asked for, as in libpq; the server may insist on it.
    flaw: TlsRootMissingError | None = None

    @classmethod
    def of(cls, words: Mapping[str, str], host: Host) -> Self:
        """Raises TlsRootMissingError for a file that is needed and cannot be used."""
        mode = words.get("sslmode", "prefer")
        if is_socket(host) or mode == "disable":
            return cls("disable", _IN_CLEAR)
        if mode in _STRONG:
            is_direct = words.get("sslnegotiation") == "direct"
            return cls(mode, {"ssl": _context(words, mode, host), "direct_tls": is_direct}, _missing_certificate(words))
        try:
            has_own = _load_own(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), words)
        except TlsRootMissingError as flaw:
            return cls("disable", _IN_CLEAR, flaw)  # where TLS is no must, libpq goes on without it
        # TLS first and then without it, or the other way round: asyncpg does it, when these words come in a connection
        # string. This one holds nothing else. Nothing is verified, so it needs no root.
        left_out = {"sslrootcert", "sslcrl"} | (set() if has_own else {"sslcert", "sslkey", "sslpassword"})
        lax = {word: value for word, value in words.items() if word not in left_out}
        arguments = {"dsn": f"postgresql://?{urlencode({**lax, 'sslmode': mode})}"}
        return cls(mode, arguments, _missing_certificate(words))

    @property
    def is_plain_first(self) -> bool:
        """True where the first attempt is without TLS."""
        return self.mode in {"disable", "allow"}

    @property
    def is_required(self) -> bool:
        """True where a connection without TLS is out of the question."""
        return self.mode in _STRONG


class _Context(ssl.SSLContext):
    """Holds the certificate against the name in the connection string even where libpq's hostaddr says where to go."""

    server_name: str

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002
        server_hostname: str | bytes | None = None,  # noqa: ARG002
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name, session)


def _context(words: Mapping[str, str], mode: str, host: Host) -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = host.name
    context.check_hostname = mode == "verify-full"
    context.minimum_version = _VERSIONS[words.get("ssl_min_protocol_version", "TLSv1.2")]  # as in libpq
    if "ssl_max_protocol_version" in words:
        context.maximum_version = _VERSIONS[words["ssl_max_protocol_version"]]
    context.set_alpn_protocols(["postgresql"])
    if not _load_roots(context, words, mode):
        context.verify_mode = ssl.CERT_NONE
    _load_own(context, words)
    return context


def _load_roots(context: ssl.SSLContext, words: Mapping[str, str], mode: str) -> bool:
    """Return whether root certificates are there; with them even `require` verifies, as libpq does."""
    if words.get("sslrootcert") == "system":
        context.load_default_certs()
        return True
    root = words.get("sslrootcert") or _default("root.crt")
    if mode == "require" and not os.path.exists(root):  # noqa: PTH110 - Path.exists raises for what may not be looked at
        return False
    _require_file(root, "sslrootcert")
    try:
        context.load_verify_locations(root)
    except OSError as error:  # ssl.SSLError among them
        raise TlsRootMissingError(parameter="sslrootcert", flaw=Part.NO_CERTIFICATE) from error
    if not context.cert_store_stats()["x509"]:
        raise TlsRootMissingError(parameter="sslrootcert", flaw=Part.NO_CERTIFICATE)
    _load_revoked(context, words.get("sslcrl") or _default("root.crl"))
    return True


def _load_revoked(context: ssl.SSLContext, crl: str) -> None:
    """Load a revocation list; a file that is none is ignored, as libpq does."""
    with contextlib.suppress(OSError):  # ssl.SSLError among them
        context.load_verify_locations(crl)
        if context.cert_store_stats()["crl"]:
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


def _load_own(context: ssl.SSLContext, words: Mapping[str, str]) -> bool:
    """Load the client certificate, and return whether there is one. Raises TlsRootMissingError for an unusable one."""
    certificate, key = _own_files(words)
    if not os.path.exists(certificate):  # noqa: PTH110 - as above
        return False
    _require_file(certificate, "sslcert")
    try:
        ssl.PEM_cert_to_DER_cert(_first_certificate(Path(certificate).read_text(errors="replace")))
    except (OSError, ValueError) as error:
        raise TlsRootMissingError(parameter="sslcert", flaw=Part.NO_CERTIFICATE) from error
    _require_file(key, "sslkey")
    try:
        context.load_cert_chain(certificate, key, lambda: words.get("sslpassword", ""))
    except OSError as error:  # ssl.SSLError among them
        raise TlsRootMissingError(parameter="sslkey", flaw=Part.NO_FITTING_KEY) from error
    return True


def _own_files(words: Mapping[str, str]) -> tuple[str, str]:
    return words.get("sslcert") or _default("postgresql.crt"), words.get("sslkey") or _default("postgresql.key")


def _first_certificate(pem: str) -> str:
    """The PEM file's first certificate; ValueError without one."""
    begin, end = pem.index(ssl.PEM_HEADER), pem.index(ssl.PEM_FOOTER)
    return pem[begin : end + len(ssl.PEM_FOOTER)]


def _missing_certificate(words: Mapping[str, str]) -> TlsRootMissingError | None:
    """libpq goes on without a client certificate that is named and not there, and the server may ask for it."""
    is_missing = "sslcert" in words and not os.path.exists(words["sslcert"])  # noqa: PTH110 - as above
    return TlsRootMissingError(parameter="sslcert") if is_missing else None


def _default(name: str) -> str:
    # Unlike Path.home() it raises nothing for an account without a home.
    return os.path.expanduser(f"~/.postgresql/{name}")  # noqa: PTH111


def _require_file(path: str, word: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112 - as above
        raise TlsRootMissingError(word, Part.FOLDER)
    if not os.path.exists(path):  # noqa: PTH110 - as above
        raise TlsRootMissingError(word, Part.MISSING)
    if not os.access(path, os.R_OK):
        raise TlsRootMissingError(word, Part.UNREADABLE)
