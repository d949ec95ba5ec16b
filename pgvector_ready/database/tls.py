"""libpq's words for TLS, put into practice; asyncpg would only read them from a connection string, and for less."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from pgvector_ready.database.errors import TlsRootMissingError
from pgvector_ready.database.greeting import is_socket
from pgvector_ready.dsn import Host

_STRONG = frozenset({"require", "verify-ca", "verify-full"})
_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Tls:
    """What asyncpg is given for one host."""

    mode: str
    arguments: Mapping[str, Any]
    # A client certificate that is named and not there: libpq goes on without it, and the server may ask for it.
    lacks_certificate: bool = False

    @classmethod
    def of(cls, words: Mapping[str, str], host: Host) -> Self:
        """Raises TlsRootMissingError for a file that is needed and cannot be read."""
        mode = words.get("sslmode", "prefer")
        if is_socket(host) or mode == "disable":
            return cls("disable", {"ssl": False})
        lacks_certificate = _lacks_certificate(words)
        if not lacks_certificate:
            for word in {"sslcert", "sslkey"} & words.keys():
                _require_readable(words[word], word)
        if mode in _STRONG:
            is_direct = words.get("sslnegotiation") == "direct"
            return cls(mode, {"ssl": _context(words, mode, host), "direct_tls": is_direct}, lacks_certificate)
        # TLS first and then without it, or the other way round: asyncpg does it, when these words come in a connection
        # string. This one holds nothing else. Nothing is verified, so it needs no root.
        left_out = {"sslrootcert", "sslcrl"} | ({"sslcert", "sslkey", "sslpassword"} if lacks_certificate else set())
        lax = {word: value for word, value in words.items() if word not in left_out}
        return cls(mode, {"dsn": f"postgresql://?{urlencode({**lax, 'sslmode': mode})}"}, lacks_certificate)

    @property
    def is_plain_first(self) -> bool:
        """Whether the first word to the server is said in the clear."""
        return self.mode in {"disable", "allow"}

    @property
    def is_required(self) -> bool:
        """Whether it is TLS or nothing."""
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
    """Whether there are any: then the certificate is verified, even under `require`, as libpq does."""
    if words.get("sslrootcert") == "system":
        context.load_default_certs()
        return True
    root = words.get("sslrootcert") or _default("root.crt")
    if mode == "require" and not Path(root).is_file():
        return False
    _require_readable(root, "sslrootcert")
    try:
        context.load_verify_locations(root)
    except ssl.SSLError as error:
        raise TlsRootMissingError(parameter="sslrootcert") from error
    crl = words.get("sslcrl") or _default("root.crl")
    if Path(crl).is_file():
        context.load_verify_locations(crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    return True


def _load_own(context: ssl.SSLContext, words: Mapping[str, str]) -> None:
    certificate = words.get("sslcert") or _default("postgresql.crt")
    key = words.get("sslkey") or _default("postgresql.key")
    if not Path(certificate).is_file():
        return
    try:
        context.load_cert_chain(certificate, key if Path(key).is_file() else None, lambda: words.get("sslpassword", ""))
    except OSError as error:  # ssl.SSLError among them
        raise TlsRootMissingError(parameter="sslcert") from error


def _lacks_certificate(words: Mapping[str, str]) -> bool:
    # Where the variable names it, asyncpg would look for it once more.
    return "sslcert" in words and "PGSSLCERT" not in os.environ and not Path(words["sslcert"]).exists()


def _default(name: str) -> str:
    # Unlike Path.home() it raises nothing for an account without a home.
    return os.path.expanduser(f"~/.postgresql/{name}")  # noqa: PTH111


def _require_readable(path: str, word: str) -> None:
    if not os.access(path, os.R_OK) or not Path(path).is_file():
        raise TlsRootMissingError(word)
