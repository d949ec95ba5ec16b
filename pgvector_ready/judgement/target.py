"""The database that was meant, without anything secret, and who runs it."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address


class Provider(StrEnum):
    """Where a database lives; `OTHER` when the host does not tell."""

    RAILWAY_PROXY = "railway-proxy"
    RAILWAY_INTERNAL = "railway-internal"
    RENDER_INTERNAL = "render-internal"
    RENDER_EXTERNAL = "render-external"
    NEON = "neon"
    SUPABASE = "supabase"
    RDS = "rds"
    AZURE = "azure"
    CLOUD_SQL = "cloud-sql"
    LOCAL = "local"
    EMBEDDED = "embedded"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Target:
    """What may be shown; several hosts and their ports are joined by commas, as libpq writes them."""

    host: str | None
    port: int | str | None
    database: str | None
    user: str | None
    provider: Provider


NOWHERE = Target(host=None, port=None, database=None, user=None, provider=Provider.OTHER)


_PRIVATE = frozenset({Provider.LOCAL, Provider.EMBEDDED, Provider.RAILWAY_INTERNAL, Provider.RENDER_INTERNAL})


def is_public(target: Target) -> bool:
    """Whether the way to `target` leads over a public network, as far as its host tells."""
    host = target.host or ""
    if target.provider in _PRIVATE or host.startswith("/"):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".internal", ".local", ".localdomain", ".cluster.local"))
