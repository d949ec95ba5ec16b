"""libpq's grammar of connection strings, read as libpq reads it: a string into keywords and their values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

# libpq 18, all of them, with the environment variable that stands in for each.
VARIABLES: MappingProxyType[str, str | None] = MappingProxyType(
    {
        "service": "PGSERVICE",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "passfile": "PGPASSFILE",
        "channel_binding": "PGCHANNELBINDING",
        "connect_timeout": "PGCONNECT_TIMEOUT",
        "dbname": "PGDATABASE",
        "host": "PGHOST",
        "hostaddr": "PGHOSTADDR",
        "port": "PGPORT",
        "client_encoding": "PGCLIENTENCODING",
        "options": "PGOPTIONS",
        "application_name": "PGAPPNAME",
        "fallback_application_name": None,
        "keepalives": None,
        "keepalives_idle": None,
        "keepalives_interval": None,
        "keepalives_count": None,
        "tcp_user_timeout": None,
        "sslmode": "PGSSLMODE",
        "sslnegotiation": "PGSSLNEGOTIATION",
        "sslcompression": "PGSSLCOMPRESSION",
        "sslcert": "PGSSLCERT",
        "sslkey": "PGSSLKEY",
        "sslcertmode": "PGSSLCERTMODE",
        "sslpassword": None,
        "sslrootcert": "PGSSLROOTCERT",
        "sslcrl": "PGSSLCRL",
        "sslcrldir": "PGSSLCRLDIR",
        "sslsni": "PGSSLSNI",
        "requirepeer": "PGREQUIREPEER",
        "require_auth": "PGREQUIREAUTH",
        "min_protocol_version": "PGMINPROTOCOLVERSION",
        "max_protocol_version": "PGMAXPROTOCOLVERSION",
        "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
        "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
        "gssencmode": "PGGSSENCMODE",
        "krbsrvname": "PGKRBSRVNAME",
        "gsslib": "PGGSSLIB",
        "gssdelegation": "PGGSSDELEGATION",
        "replication": None,
        "target_session_attrs": "PGTARGETSESSIONATTRS",
        "load_balance_hosts": "PGLOADBALANCEHOSTS",
        "scram_client_key": None,
        "scram_server_key": None,
        "oauth_issuer": None,
        "oauth_client_id": None,
        "oauth_client_secret": None,
        "oauth_scope": None,
        "sslkeylogfile": None,
    }
)

_URI = re.compile(r"postgres(?:ql)?://(.*)", re.DOTALL)
# The user's part ends at the first @ before the first /, whatever else stands in between.
_USERINFO = re.compile(r"(?:([^@/]*)@)?(.*)", re.DOTALL)
_NETLOC = re.compile(r"(?:\[([^]]+)\]|(?!\[)([^:/?,]*))(?::([^/?,]*))?(?=[/?,]|\Z)")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# ASCII: libpq's blanks are those of C's isspace(), to which U+00A0 and its like do not belong.
_WORD = re.compile(
    r"\s*+(?P<keyword>[^=\s]*+)\s*+=\s*+(?:'(?P<quoted>(?:[^'\\]|\\.)*)'|(?!')(?P<bare>(?:[^\s\\]|\\.|\\\Z)*))",
    re.ASCII | re.DOTALL,
)


class Flaw(StrEnum):
    """A mistake in the string's grammar, at which libpq refuses it."""

    PERCENT = "percent"
    NUL = "nul"
    BLANK = "blank"
    BRACKET = "bracket"
    EQUALS = "equals"


class GrammarError(ValueError):
    """A mistake and the part it is in; carries no piece of the string."""

    def __init__(self, flaw: Flaw, part: str) -> None:
        super().__init__(f"{flaw} in {part}")
        self.flaw = flaw
        self.part = part


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The parts of a URI as they were written, nothing decoded; libpq takes an empty part for an absent one."""

    user: str
    password: str
    host: str
    port: str
    database: str
    query: str


def settings(value: str) -> list[tuple[str, str]]:
    """Every keyword with its value in the order written, known or not; of one that recurs, the last counts."""
    uri = _URI.fullmatch(value)
    found = _of_uri(dissect(uri[1])) if uri else _of_words(value)
    return [_translated(keyword, setting) for keyword, setting in found]


def split_userinfo(rest: str) -> tuple[str | None, str]:
    """Split at the `@`: user and password, or `None`, and the rest; `rest` begins behind the `//`."""
    matched = _USERINFO.fullmatch(rest)
    assert matched  # noqa: S101 - it matches every string
    return matched[1], matched[2]


def dissect(rest: str) -> Anatomy:
    """The parts of a URI, `rest` being what follows the `//`."""
    userinfo, rest = split_userinfo(rest)
    user, _, password = (userinfo or "").partition(":")
    hosts, ports, position = [], [], -1
    while position < 0 or rest[position : position + 1] == ",":
        netloc = _NETLOC.match(rest, position + 1)
        if netloc is None:
            raise GrammarError(Flaw.BRACKET, "host")
        hosts.append(netloc[1] or netloc[2] or "")
        ports.append(netloc[3] or "")
        position = netloc.end()
    path, _, query = rest[position:].partition("?")
    return Anatomy(user, password, ",".join(hosts), ",".join(ports), path.removeprefix("/"), query)


def percent_decoded(written: str, part: str) -> str:
    """Only percent signs are decoded, a plus stays a plus; outer blanks fall away and inner ones are refused."""
    written = written.strip(" ")
    if " " in written:
        raise GrammarError(Flaw.BLANK, part)
    if _BAD_PERCENT.search(written):
        raise GrammarError(Flaw.PERCENT, part)
    if "%00" in written:
        raise GrammarError(Flaw.NUL, part)
    return unquote_to_bytes(written.encode(errors="surrogateescape")).decode(errors="surrogateescape")


def _of_uri(parts: Anatomy) -> Iterator[tuple[str, str]]:
    for keyword, part in (("user", "user"), ("password", "password"), ("host", "host"), ("port", "port")):
        if written := getattr(parts, part):
            yield keyword, percent_decoded(written, part)
    if parts.database:
        yield "dbname", percent_decoded(parts.database, "database")
    if parts.query:
        yield from _of_query(parts.query)


def _of_query(query: str) -> Iterator[tuple[str, str]]:
    for pair in query.removesuffix("&").split("&"):
        keyword, *values = pair.split("=")
        if len(values) != 1:
            raise GrammarError(Flaw.EQUALS, "parameters")
        setting = percent_decoded(keyword, "parameters"), percent_decoded(values[0], "parameters")
        # The one word of JDBC that libpq understands, and only in a URI.
        yield ("sslmode", "require") if setting == ("ssl", "true") else setting


def _of_words(value: str) -> Iterator[tuple[str, str]]:
    position = 0
    while value[position:].strip(" \t\n\v\f\r"):
        word = _WORD.match(value, position)
        if word is None:
            raise GrammarError(Flaw.EQUALS, "parameters")
        yield word["keyword"], re.sub(r"\\(.|\Z)", r"\1", word["quoted"] or word["bare"] or "", flags=re.DOTALL)
        position = word.end()


def _translated(keyword: str, value: str) -> tuple[str, str]:
    if keyword == "requiressl":  # libpq still takes this word of PostgreSQL 7
        return "sslmode", "require" if value.startswith("1") else "prefer"
    return keyword, value
