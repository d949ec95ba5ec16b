"""The values that libpq's keywords take, and what becomes of keywords that asyncpg or PostgreSQL has no use for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from pgvector_ready.dsn.conninfo import VARIABLES
from pgvector_ready.dsn.refusals import bad_value, service
from pgvector_ready.judgement.phrases import Part, Phrase, phrase

# Words that other tools put into a connection string; libpq refuses them, and people paste them all the same.
_BY_TOOL = {
    "Prisma": (
        "schema connection_limit pool_timeout socket_timeout pgbouncer statement_cache_size sslaccept sslidentity "
        "max_connection_lifetime max_idle_connection_lifetime single_use_connections"
    ),
    "Supabase and Vercel": "supa workaround",
    "node-postgres, postgres.js": (
        "ssl uselibpqcompat encoding statement_timeout query_timeout lock_timeout idle_in_transaction_session_timeout "
        "prepare max idle_timeout max_lifetime fetch_types"
    ),
    "JDBC": (
        "ApplicationName currentSchema prepareThreshold preparedStatementCacheQueries reWriteBatchedInserts "
        "socketTimeout loginTimeout connectTimeout tcpKeepAlive stringtype binaryTransfer sslfactory targetServerType "
        "loadBalanceHosts"
    ),
    "pgx, lib/pq": (
        "pool_max_conns pool_min_conns pool_min_idle_conns pool_max_conn_lifetime pool_max_conn_lifetime_jitter "
        "pool_max_conn_idle_time pool_health_check_period default_query_exec_mode statement_cache_mode "
        "statement_cache_capacity description_cache_capacity binary_parameters search_path timezone"
    ),
    "SQLAlchemy, asyncpg": (
        "prepared_statement_cache_size prepared_statement_name_func async_fallback command_timeout "
        "pool_size max_overflow pool_recycle pool_pre_ping"
    ),
    "Rails, Ecto, Django": (
        "pool adapter checkout_timeout reaping_frequency prepared_statements advisory_locks schema_search_path "
        "queue_target queue_interval conn_max_age conn_health_checks disable_server_side_cursors ssl_require"
    ),
    "CockroachDB": "cluster",
}
FOREIGN = frozenset(word for words in _BY_TOOL.values() for word in words.split())
_FOREIGN_OPTION = re.compile(r"options\[\w+\]")  # Neon's older spelling for drivers without SNI

_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_PROTOCOL_VERSIONS = ("3.0", "3.2", "latest")
# What must not be shown, nor logged.
SECRETS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")

STRONG_SSLMODES = ("require", "verify-ca", "verify-full")
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", *STRONG_SSLMODES),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "min_protocol_version": _PROTOCOL_VERSIONS,
    "max_protocol_version": _PROTOCOL_VERSIONS,
}
_INTEGERS = (
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "connect_timeout",
)
_AUTH_METHODS = frozenset({"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"})
# C's strtol() with blanks around it, which is how libpq reads a number.
_INTEGER = re.compile(r"\s*([+-]?)0*([0-9]{1,10})\s*", re.ASCII)
_INT_MAX, _PORT_MAX = 2**31 - 1, 65535

# Why nothing comes of a keyword that would have changed what the connection is; the others are left aside in silence.
_UNUSED = {
    "channel_binding": ("require", Part.NO_CHANNEL_BINDING),
    "gssencmode": ("require", Part.NO_GSSAPI),
    "sslcertmode": ("require", Part.CERTIFICATE_WHEN_ASKED),
    "sslcrldir": (None, Part.ONE_REVOCATION_LIST),
    "require_auth": (None, Part.ANY_AUTH_METHOD),
    "requirepeer": (None, Part.SOCKET_OWNER_UNASKED),
    "replication": (None, Part.ORDINARY_SESSIONS),
    "scram_client_key": (None, Part.PASSWORD_ONLY),
    "scram_server_key": (None, Part.PASSWORD_ONLY),
    "oauth_issuer": (None, Part.NO_OAUTH),
}


@dataclass(frozen=True, slots=True)
class Naming:
    """Return the name of a keyword for a sentence: its variable, where the value comes from the environment."""

    written: frozenset[str]

    def of(self, keyword: str) -> str:
        """The word by which whoever wrote the value knows it."""
        return keyword if keyword in self.written else VARIABLES.get(keyword) or keyword


def is_known(keyword: str) -> bool:
    """Return True if the word has a meaning to libpq or to another tool."""
    return keyword in VARIABLES or keyword == "requiressl" or is_foreign(keyword)


def is_foreign(keyword: str) -> bool:
    """Return True if the word is for another tool, so that it may be left out."""
    return keyword in FOREIGN or _FOREIGN_OPTION.fullmatch(keyword) is not None


def at_home(keyword: str, value: str) -> tuple[str, str]:
    """Other tools' words for TLS in libpq's: ignoring them would turn encryption off."""
    if keyword == "sslmode" and value == "no-verify":  # node-postgres: encrypt, verify nothing
        return "sslmode", "require"
    if keyword != "ssl":
        return keyword, value
    if value in _CHOICES["sslmode"]:  # postgres.js, SQLAlchemy's asyncpg dialect
        return "sslmode", value
    return "sslmode", "disable" if value.lower() in {"0", "false", "off", "no"} else "require"


def checked(keywords: Mapping[str, str], naming: Naming) -> None:
    """Refuses what libpq itself refuses only when it connects."""
    if "service" in keywords:
        raise service(naming.of("service"))
    for keyword in filter(_CHOICES.__contains__, keywords):
        _require(keywords[keyword] in _CHOICES[keyword], naming.of(keyword), _one_of(_CHOICES[keyword]))
    for keyword in filter(_INTEGERS.__contains__, keywords):
        is_unset = keyword == "connect_timeout" and not keywords[keyword]
        _require(is_unset or integer(keywords[keyword]) is not None, naming.of(keyword), phrase(Part.WHOLE_NUMBER))
    _check_versions(keywords, naming)
    _check_tls_strength(keywords, naming)
    methods = keywords.get("require_auth", "")
    _require(_are_auth_methods(methods), naming.of("require_auth"), phrase(Part.AUTH_METHODS))
    _require(
        not keywords.get("hostaddr") or _are_addresses(keywords["hostaddr"]),
        naming.of("hostaddr"),
        phrase(Part.IP_ADDRESSES),
    )


def integer(text: str) -> int | None:
    """The number, if it is one and fits a C int."""
    matched = _INTEGER.fullmatch(text)
    number = int(matched[1] + matched[2]) if matched else None
    return number if number is not None and -_INT_MAX - 1 <= number <= _INT_MAX else None


def port_number(text: str, name: str) -> int:
    """5432 for an empty one, as in libpq."""
    number = integer(text) if text else 5432
    if number is None or not 1 <= number <= _PORT_MAX:
        raise bad_value(name, phrase(Part.PORT_NUMBER))
    return number


def tls_version(text: str) -> str:
    """The version as asyncpg spells it; upper and lower case are one to libpq."""
    return next((version for version in _TLS_VERSIONS if version.lower() == text.lower()), text)


def unused(keywords: Mapping[str, str]) -> Iterable[Phrase]:
    """Notes: one for every keyword that was meant to change the connection and does not."""
    for keyword, (only, note) in _UNUSED.items():
        if keywords.get(keyword) and only in {None, keywords[keyword]}:
            yield phrase(note, keyword=keyword)


def _one_of(choices: Iterable[str]) -> Phrase:
    return phrase(Part.ONE_OF, choices=", ".join(choices))


def _require(condition: bool, name: str, expected: Phrase) -> None:  # noqa: FBT001 - reads as a sentence where it is used
    if not condition:
        raise bad_value(name, expected)


def _check_versions(keywords: Mapping[str, str], naming: Naming) -> None:
    for order, low, high in (
        (_TLS_VERSIONS, "ssl_min_protocol_version", "ssl_max_protocol_version"),
        (_PROTOCOL_VERSIONS, "min_protocol_version", "max_protocol_version"),
    ):
        given = {name: tls_version(keywords[name]) for name in (low, high) if keywords.get(name)}
        for name, version in given.items():
            _require(version in order, naming.of(name), _one_of(order))
        if len(given) == 2:  # noqa: PLR2004 - both ends of the range
            expected = phrase(Part.NO_LESS_THAN, name=naming.of(low))
            _require(order.index(given[low]) <= order.index(given[high]), naming.of(high), expected)


def _check_tls_strength(keywords: Mapping[str, str], naming: Naming) -> None:
    is_system = keywords.get("sslrootcert") == "system"
    mode = keywords.get("sslmode", "verify-full" if is_system else "prefer")
    if is_system:
        _require(
            mode == "verify-full",
            naming.of("sslmode"),
            phrase(Part.DEMANDED, value="verify-full", by="sslrootcert=system"),
        )
    if keywords.get("sslnegotiation") == "direct":
        _require(
            mode in STRONG_SSLMODES,
            naming.of("sslmode"),
            phrase(Part.DEMANDED, value="require", by="sslnegotiation=direct"),
        )


def _are_auth_methods(text: str) -> bool:
    methods = text.split(",") if text else []
    names = {method.removeprefix("!") for method in methods}
    negated = {method.startswith("!") for method in methods}
    return names <= _AUTH_METHODS and len(names) == len(methods) and len(negated) <= 1


def _are_addresses(text: str) -> bool:
    try:
        return all(ip_address(address) for address in text.split(",") if address)
    except ValueError:
        return False
