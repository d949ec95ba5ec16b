"""A client for somebody else's server: its answers are bounded, never unpacked, and no redirect is followed."""

from collections.abc import Mapping
from typing import Any

import httpx


class WrongProxyError(ValueError):
    """The environment names a proxy that cannot be one; `str()` is the line to print."""

    def __init__(self) -> None:
        super().__init__(
            "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not the URL of a proxy, such as http://proxy.example.com:3128"
        )


def create_client(headers: Mapping[str, str], **options: Any) -> httpx.AsyncClient:
    """Return a client that asks for uncompressed answers. Raises WrongProxyError."""
    wanted = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    try:
        return httpx.AsyncClient(headers=wanted, event_hooks={"response": [_keep_location]}, **options)
    except (ValueError, httpx.InvalidURL):
        raise WrongProxyError from None


async def _keep_location(response: httpx.Response) -> None:
    """Move the header out of sight: httpx reads it even where it does not follow, and fails at a bad one."""
    response.extensions["location"] = response.headers.pop("Location", None)


def location_of(response: httpx.Response) -> str | None:
    """Return where a redirect leads, as it came."""
    location: str | None = response.extensions.get("location")
    return location


async def read(response: httpx.Response, limit: int) -> bytes:
    """Return the body as it came, or its beginning where it is longer than `limit`.

    It is not unpacked: a few bytes may be any number of them.
    """
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > limit:
            break
    return bytes(body[: limit + 1])
