"""Tells from the host alone who runs the database, and whether a pooler stands in front of it."""

import re
from ipaddress import IPv6Address, ip_address

from pgvector_ready.judgement.target import Provider

# `embedded` names its socket folder so.
EMBEDDED_PREFIX = "pgvector-ready-"

_HOSTS = (
    (Provider.RAILWAY_PROXY, re.compile(r".+\.proxy\.rlwy\.net")),
    (Provider.RAILWAY_INTERNAL, re.compile(r".+\.railway\.internal")),
    # Within Render a database is a bare name; from outside the region's domain follows it.
    (Provider.RENDER_INTERNAL, re.compile(r"dpg-[a-z0-9]+-[a-z]")),
    (Provider.RENDER_EXTERNAL, re.compile(r"dpg-.+\.render\.com")),
    # Vercel's former Postgres is Neon under another name.
    (Provider.NEON, re.compile(r".+\.(?:neon\.tech|postgres\.vercel-storage\.com)")),
    (Provider.SUPABASE, re.compile(r".+\.supabase\.(?:co|com|net)")),
    (Provider.RDS, re.compile(r".+\.rds\.amazonaws\.com(?:\.cn)?")),
    # The public cloud, its government and Chinese siblings, and Cosmos DB for PostgreSQL.
    (
        Provider.AZURE,
        re.compile(r".+\.postgres\.(?:database|cosmos)\.(?:azure\.com|usgovcloudapi\.net|chinacloudapi\.cn)"),
    ),
    (Provider.CLOUD_SQL, re.compile(r".+\.(?:sql|sql-psa)\.goog")),
    (Provider.LOCAL, re.compile(r"(?:.+\.)?localhost|localhost\.localdomain")),
)

_PGBOUNCER_PORT = 6432
_SUPABASE_TRANSACTION_PORT = 6543


def provider_of(host: str | None) -> Provider:
    """Takes a host name, an address, a socket folder, or `None` for libpq's default socket."""
    if not host or host.startswith("/"):
        return _provider_of_socket(host or "")
    if _is_loopback(host):
        return Provider.LOCAL
    name = host.lower().removesuffix(".")
    return next((provider for provider, pattern in _HOSTS if pattern.fullmatch(name)), Provider.OTHER)


def is_pooler(host: str, port: int) -> bool:
    """Return True if this address is known for transaction pooling; False means that nobody knows."""
    name = host.lower()
    return (
        port == _PGBOUNCER_PORT
        or (port == _SUPABASE_TRANSACTION_PORT and provider_of(host) is Provider.SUPABASE)
        or (provider_of(host) is Provider.NEON and name.partition(".")[0].endswith("-pooler"))
    )


def _provider_of_socket(folder: str) -> Provider:
    if folder.startswith("/cloudsql/"):
        return Provider.CLOUD_SQL
    is_embedded = folder.rstrip("/").rpartition("/")[2].startswith(EMBEDDED_PREFIX)
    return Provider.EMBEDDED if is_embedded else Provider.LOCAL


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
