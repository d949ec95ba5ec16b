"""The database that was meant, without anything secret, and who runs it."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address


class Provider(StrEnum):
    """The company or place that runs a database; `OTHER` when the host does not tell."""

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
    """The parts of a connection string that may be shown; several hosts and their ports are joined by commas."""

    host: str | None
    port: int | str | None
    database: str | None
    user: str | None
    provider: Provider


# Around a name they are what was meant to end or to quote it: app; app/ /app "app"
_STRAY = " \t;,/&?#'\"`<>()[]{}"


def intended_name(name: str | None) -> str | None:
    """Return the name that was probably meant, where `name` has a character too many at either end; else None."""
    meant = (name or "").strip(_STRAY)
    return meant if meant and meant != name else None


NOWHERE = Target(host=None, port=None, database=None, user=None, provider=Provider.OTHER)


_CLOSED_ENDINGS = (".internal", ".local", ".localdomain", ".cluster.local")


class Network(StrEnum):
    """A network that is closed to the outside; its value fits into a sentence."""

    RAILWAY = "Railway's own network"
    RENDER = "Render's own network"
    MACHINE = "this machine"
    PRIVATE = "a private network"


def network_of(host: str | None, provider: Provider) -> Network | None:
    """Return the closed network that `host` belongs to; None where its name or address may be public.

    `host` is one host: a name, an address, a socket folder, or None for libpq's default socket.
    """
    match provider:
        case Provider.RAILWAY_INTERNAL:
            return Network.RAILWAY
        case Provider.RENDER_INTERNAL:
            return Network.RENDER
        case Provider.LOCAL | Provider.EMBEDDED:
            return Network.MACHINE
        case _ if not host or host.startswith("/"):
            return Network.MACHINE
        case _:
            return None if _may_be_public(host) else Network.PRIVATE


def is_public(target: Target) -> bool:
    """Return True if the way to `target` leads over a public network, as far as its host tells."""
    return network_of(target.host, target.provider) is None


def _may_be_public(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.lower().removesuffix(".")
        return "." in name and not name.endswith(_CLOSED_ENDINGS)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_global
