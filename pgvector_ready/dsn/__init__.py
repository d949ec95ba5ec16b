"""A connection string, once and for all: what to connect to, what may be shown of it, and what must never be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pgvector_ready.dsn import pasted
from pgvector_ready.dsn.conninfo import VARIABLES, split_userinfo
from pgvector_ready.dsn.keywords import SECRETS, STRONG_SSLMODES, Naming, checked, port_number, tls_version, unused
from pgvector_ready.dsn.misplaced import refuse_misplaced
from pgvector_ready.dsn.providers import is_pooler, provider_of
from pgvector_ready.dsn.reading import SCHEME, read, refuse_undecodable
from pgvector_ready.dsn.refusals import DsnError, abstract_socket, unbracketed, unmatched_hosts
from pgvector_ready.judgement.phrases import Part, Phrase, phrase
from pgvector_ready.judgement.target import Provider, Target
from pgvector_ready.printable import NAME_LIMIT, printable

__all__ = ["DEFAULT_SOCKET", "ConnectionString", "DsnError", "Host", "Provider", "Target", "parse", "provider_of"]

_HOST_NAME = re.compile(r"[\w.:%-]+")
# What libpq was built with in Debian's packages and PostgreSQL's own; upstream's default is /tmp.
DEFAULT_SOCKET = "/var/run/postgresql"
# The words for TLS that asyncpg understands; any other would reach the server as a setting.
_TLS = (
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcrl",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)


@dataclass(frozen=True, slots=True)
class Host:
    """One address to try: `name` is a host name, an IP address or a socket's folder.

    `address` is libpq's `hostaddr`: connect there, and let `name` be what the certificate is held against.
    """

    name: str
    address: str | None
    port: int

    @property
    def shown(self) -> str:
        """The name as it may be shown: a socket's folder may be called anything."""
        return printable(self.name, NAME_LIMIT)


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """A connection string as it was read, with each default filled in; its `repr` shows nothing secret."""

    hosts: tuple[Host, ...]
    user: str
    database: str
    password: str | None = field(repr=False)
    passfile: str | None
    tls: Mapping[str, str] = field(repr=False)
    server_settings: Mapping[str, str] = field(repr=False)
    target_session_attrs: str
    load_balance_hosts: bool
    is_pooled: bool
    notes: tuple[Phrase, ...]
    repaired: bool
    keywords: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    @property
    def names(self) -> frozenset[str]:
        """The parts of the string that are shown: no secret, even where somebody's password is the same word."""
        hosts = {part for host in self.hosts for part in (host.name, host.address or "", str(host.port))}
        return frozenset({*hosts, self.user, self.database, self.server_settings.get("application_name", "")})

    @property
    def target(self) -> Target:
        """The target as shown before anything is connected, with all its hosts; names are printable and cut."""
        providers = {provider_of(host.name) for host in self.hosts}
        ports = [host.port for host in self.hosts]
        return Target(
            host=",".join(host.shown for host in self.hosts),
            port=ports[0] if len(ports) == 1 else ",".join(map(str, ports)),
            database=printable(self.database, NAME_LIMIT),
            user=printable(self.user, NAME_LIMIT),
            provider=providers.pop() if len(providers) == 1 else Provider.OTHER,
        )


def parse(value: str, environment: Mapping[str, str] = MappingProxyType({})) -> ConnectionString:
    """Raises `DsnError`. `environment` supplies what the string does not name, by libpq's own variables."""
    refuse_undecodable(value)
    text, removed = pasted.repair(value)
    pasted.refuse_template(text)
    pasted.refuse_stranger(text)
    text = SCHEME.sub(lambda scheme: f"{scheme[1].lower()}://", text, count=1) if SCHEME.match(text) else text
    reading = read(text)
    keywords = _with_environment(reading.keywords, environment)
    refuse_undecodable("".join(keywords.values()))
    naming = Naming(frozenset(reading.keywords))
    refuse_misplaced(keywords, naming)
    checked(keywords, naming)
    hosts = _hosts(keywords, naming)
    repairs = (phrase(Part.REPAIRED, removed=tuple(map(phrase, removed))),) if removed else ()
    user = keywords.get("user") or environment.get("USER") or environment.get("LOGNAME") or "postgres"
    return ConnectionString(
        hosts=hosts,
        user=user,
        database=keywords.get("dbname") or user,
        password=keywords.get("password") or None,
        passfile=keywords.get("passfile") or None,
        tls=MappingProxyType(_tls(keywords)),
        server_settings=MappingProxyType(_server_settings(keywords)),
        target_session_attrs=keywords.get("target_session_attrs", "any"),
        load_balance_hosts=keywords.get("load_balance_hosts") == "random",
        is_pooled=reading.foreign.get("pgbouncer") == "true" or any(is_pooler(host.name, host.port) for host in hosts),
        notes=(*repairs, *reading.notes, *unused(keywords)),
        repaired=bool(removed),
        keywords=MappingProxyType(reading.keywords),
        secrets=_secrets(value, text, keywords),
    )


def _with_environment(keywords: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    fallbacks = {keyword: environment[name] for keyword, name in VARIABLES.items() if name and name in environment}
    effective = {**fallbacks, **keywords}
    if environment.get("PGREQUIRESSL", "").startswith("1"):
        effective.setdefault("sslmode", "require")
    return effective


def _hosts(keywords: Mapping[str, str], naming: Naming) -> tuple[Host, ...]:
    addresses = keywords.get("hostaddr", "").split(",") if keywords.get("hostaddr") else []
    names = keywords.get("host", "").split(",") if keywords.get("host") else [""] * max(len(addresses), 1)
    ports = keywords.get("port", "").split(",")
    addresses = addresses or [""] * len(names)
    ports = ports * len(names) if len(ports) == 1 else ports
    if not len(names) == len(addresses) == len(ports):
        raise unmatched_hosts()
    if any(":" in port for port in ports):
        raise unbracketed()
    if any(name.startswith("@") for name in names):
        raise abstract_socket(naming.of("host"))
    if any(name and not name.startswith("/") and not _HOST_NAME.fullmatch(name) for name in names):
        raise pasted.nonsense_host(has_password="password" in naming.written)
    return tuple(
        Host(name or address or DEFAULT_SOCKET, address or None, port_number(port, naming.of("port")))
        for name, address, port in zip(names, addresses, ports, strict=True)
    )


def _tls(keywords: Mapping[str, str]) -> dict[str, str]:
    words = {keyword: keywords[keyword] for keyword in _TLS if keywords.get(keyword)}
    if words.get("sslrootcert") == "system":
        words.setdefault("sslmode", "verify-full")
    if keywords.get("channel_binding") == "require" and words.get("sslmode") not in STRONG_SSLMODES:
        words["sslmode"] = "require"
    versions = {
        keyword: tls_version(value) for keyword, value in words.items() if keyword.endswith("_protocol_version")
    }
    return words | versions


def _server_settings(keywords: Mapping[str, str]) -> dict[str, str]:
    name = keywords.get("application_name") or keywords.get("fallback_application_name")
    found = {"application_name": name, "options": keywords.get("options")}
    return {setting: value for setting, value in found.items() if value}


def _secrets(value: str, text: str, keywords: Mapping[str, str]) -> frozenset[str]:
    """The texts that may never be shown; a redactor knows in which forms they may be written."""
    passwords = [keywords[keyword] for keyword in SECRETS if keywords.get(keyword)]
    # A server repeats a setting it does not like.
    settings = re.findall(r"=(\S+)", keywords.get("options", ""))
    userinfo, rest = split_userinfo(text.partition("://")[2])
    written = (value, text, (userinfo or "").partition(":")[2], rest.partition("?")[2])
    return frozenset(filter(None, (*passwords, *settings, *written)))
