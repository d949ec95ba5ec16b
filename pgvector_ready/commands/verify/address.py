"""A service's URL as somebody typed it: read once, and shown without anything secret."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from pgvector_ready.paths import Paths


class WrongUseError(ValueError):
    """The command was used wrongly; `str()` is the one line to print, without what was typed."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a service. `origin`, which is scheme, host and port, is all of it that may be shown."""

    origin: str
    # A service may be mounted below another application, and a gateway may want a key in the query.
    prefix: str = field(default="", repr=False)
    query: str = field(default="", repr=False)
    login: tuple[str, str] | None = field(default=None, repr=False)
    paths: Paths = field(default=Paths(), repr=False)

    @property
    def host(self) -> str:
        """The name or address, without brackets."""
        return urlsplit(self.origin).hostname or ""

    @property
    def port(self) -> int:
        """The port, or that of the scheme."""
        return urlsplit(self.origin).port or (443 if self.is_encrypted else 80)

    @property
    def is_encrypted(self) -> bool:
        """True if TLS is used."""
        return self.origin.startswith("https:")

    def url(self, path: str) -> str:
        """Return the URL of one of the service's paths; not to be shown."""
        query = f"?{self.query}" if self.query and "?" not in path else ""
        return f"{self.origin}{self.prefix}{path}{query}"


def parse(text: str, what: str = "URL", paths: Paths | None = None) -> Address:
    """Return the address in `text`, whose path may be one of the endpoints' own. Raises WrongUseError."""
    try:
        parts = urlsplit(_cleaned(text, what))
        origin = _origin(parts, what)
    except WrongUseError:
        raise
    except (ValueError, httpx.InvalidURL):
        message = (
            f"{what} cannot be read as a URL; give scheme, host and port, such as https://app.example.com, "
            "and percent-encode the special characters of a password"
        )
        raise WrongUseError(message) from None
    login = (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None
    paths = paths or Paths()
    return Address(origin, _prefix(parts.path, paths), parts.query, login, paths)


def _cleaned(text: str, what: str) -> str:
    text = text.strip()
    if not text.isprintable() or " " in text:
        message = f"{what} contains blanks or invisible characters; copy it again"
        raise WrongUseError(message)
    return text


def _origin(parts: SplitResult, what: str) -> str:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = f"{what} must begin with https:// or http:// and name a host, such as https://app.example.com"
        raise WrongUseError(message)
    host = httpx.URL(scheme=parts.scheme, host=parts.hostname).raw_host.decode()  # in ASCII, as DNS and TLS want it
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def _prefix(path: str, paths: Paths) -> str:
    path = path.rstrip("/")
    # The longer one first: the shorter is its beginning, not its end, but a prefix may end in anything.
    for endpoint in (paths.database, paths.health):
        if path.endswith(endpoint):
            return path.removesuffix(endpoint)
    return path
