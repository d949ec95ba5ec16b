"""A redirect, which no monitor may depend on: where it leads, and what that means."""

from urllib.parse import urljoin, urlsplit

from pgvector_ready.commands.verify.address import Address
from pgvector_ready.commands.verify.reply import Reply


def destination(address: Address, path: str, reply: Reply) -> str:
    """Return where a redirect leads: host and path, without what may be secret."""
    if "location" not in reply.headers:
        return "nowhere"
    try:
        parts = urlsplit(urljoin(address.url(path), reply.headers["location"]))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "an address that is none of the web's"
    return f"{parts.hostname}{port}{parts.path}"


def advice_on_redirect(address: Address, path: str, reply: Reply) -> str:
    """Return what to do about it."""
    where = destination(address, path, reply)
    asked_for = urlsplit(address.url(path)).path
    is_to_tls = not address.is_encrypted and reply.headers.get("location", "").startswith("https://")
    if is_to_tls and where.endswith(asked_for):  # and not to some login page
        return "Begin the URL with https://, here and in every monitor: some do not follow redirects."
    if where.endswith(f"{asked_for}/"):
        return "The contract has no redirects: another framework serves this path; deploy this service there."
    return (
        "Use the address it leads to, if that is the service; "
        "if it is a login page, let the health paths through without one."
    )
