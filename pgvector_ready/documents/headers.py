"""The headers that make a browser careful, on every answer there is."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

Headers = list[tuple[bytes, bytes]]

# Browsers guess no types, show nothing of ours inside a stranger's page, and send no referrer.
SAFETY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
# For a page that has no policy of its own, as the status page has: it may load what it likes, and be framed by nobody.
_POLICY = "base-uri 'none'; frame-ancestors 'none'; object-src 'none'"


def securing(send: Send) -> Send:
    """`send`, with these headers on an answer that does not say otherwise."""

    async def send_securely(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SAFETY_HEADERS:
                headers.setdefault(name.decode(), value.decode())
            if headers.get("content-type", "").startswith("text/html"):
                headers.setdefault("content-security-policy", _POLICY)
        await send(message)

    return send_securely
