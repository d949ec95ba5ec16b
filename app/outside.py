"""A service looked at from outside: which database it answers from, and whether that is the one expected."""

import re
import time
from typing import Any

import httpx

from app.report import DATABASE_PATH, HEALTH_PATH
from app.switch import Expected, Seen

_TIMEOUT = httpx.Timeout(10.0)  # twice what Render's own check is patient for


class HttpOutside:
    """Asks the two endpoints; `token` is the service's HEALTH_TOKEN, without which it may show no target."""

    def __init__(self, token: str | None, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        # A token that no header can carry is one that the service refuses as well.
        is_usable = token is not None and re.fullmatch(r"[\x21-\x7e]+", token)
        headers = {"Authorization": f"Bearer {token}"} if is_usable else {}
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT)

    def close(self) -> None:
        """Close the connections to the service."""
        self._client.close()

    def seen(self, url: str) -> Seen:
        """Look once; never raises."""
        health, database = self._document(url + HEALTH_PATH), self._document(url + DATABASE_PATH)
        target = _part(database, "target")
        host, port = target.get("host"), target.get("port")
        return Seen(
            failure=_failure(health) or _failure(database),
            fingerprint=_text(target.get("fingerprint")),
            place=(host, port) if isinstance(host, str) and isinstance(port, int) else None,
            instance=_text(health.get("instance")),
        )

    def verify(self, url: str, expected: Expected, wait_seconds: float) -> list[str]:
        """Look until it is as expected, or for so long; what is not."""
        deadline = time.monotonic() + wait_seconds
        while (unmet := expected.unmet(self.seen(url))) and time.monotonic() < deadline:
            time.sleep(self._poll_seconds)
        return unmet

    def _document(self, url: str) -> dict[str, Any]:
        try:
            document = self._client.get(url).json()
        except (httpx.RequestError, httpx.InvalidURL, ValueError):
            return {}
        return document if isinstance(document, dict) else {}


def _failure(document: dict[str, Any]) -> str | None:
    if document.get("healthy") is True:
        return None
    code = _text(_part(document, "error").get("code"))
    return f"it answers {code}" if code else "its health cannot be read"


def _part(document: dict[str, Any], key: str) -> dict[str, Any]:
    part = document.get(key)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    """A short word of the service's, or None: whoever answers there, nothing else of it is repeated."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w.:-]{1,100}", value, re.ASCII) else None
