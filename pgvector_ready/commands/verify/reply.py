"""HTTP questions as monitors ask them: one at a time, bounded, no redirect followed."""

import asyncio
import base64
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import h11
import httpx

from pgvector_ready.commands.outward import WrongProxyError, create_client, location_of, read
from pgvector_ready.commands.verify.address import Address, WrongUseError
from pgvector_ready.commands.verify.trouble import NoReply, explain

# The documents are below 16 kB; whoever sends more than this is somebody else.
_MOST_BYTES = 262_144
# At most half of the deadline, so that a port that nobody opens is told from a service that keeps silent.
_CONNECT_SECONDS = 5.0
# After a head the connection ends; a server that keeps it open has this long to send what it should not.
_STRAY_SECONDS = 0.3
# `identity`: a compressed GET has another length than its HEAD, and a size that nothing bounds.
_HEADERS = {"User-Agent": "pgvector-ready-verify", "Accept": "application/json", "Accept-Encoding": "identity"}
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, h11.ProtocolError, OSError, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; the names of its headers are in lower case, and a HEAD's `body` is what should not be there."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: float


Outcome = Reply | NoReply


class Asker:
    """Asks one service; each question on a connection of its own, because an old one may lead to an old instance."""

    def __init__(self, address: Address, token: str | None, client: httpx.AsyncClient, context: ssl.SSLContext) -> None:
        self.address = address
        # There is one header for the token and for the login of whatever stands in front.
        self.sends_token = token is not None and address.login is None
        self._client = client
        self._context = context
        self._is_proxied = _is_proxied(address)
        self._login = {"Authorization": _basic(*address.login)} if address.login else {}
        self._credentials = {"Authorization": f"Bearer {token}"} if self.sends_token else self._login

    async def get(self, path: str, seconds: float, *, is_own: bool = True) -> Outcome:
        """Send GET; the token goes along only to the service's own two paths (`is_own`)."""
        credentials = self._credentials if is_own else self._login
        return await self._bounded(self._exchange("GET", path, seconds, credentials), seconds)

    async def head(self, path: str, seconds: float) -> Outcome:
        """Send HEAD to one of the service's own paths."""
        if self._is_proxied:
            return await self._bounded(self._exchange("HEAD", path, seconds, self._credentials), seconds)
        return await self._bounded(self._head(path), seconds)

    async def _bounded(self, exchange: Awaitable[Reply], seconds: float) -> Outcome:
        try:
            # httpx bounds each read, so that a byte now and then would extend it for ever.
            async with asyncio.timeout(seconds):
                return await exchange
        except _FAILURES as error:
            return explain(error, self.address, seconds, is_proxied=self._is_proxied)

    async def _exchange(self, method: str, path: str, seconds: float, credentials: Mapping[str, str]) -> Reply:
        started = time.perf_counter()
        timeout = httpx.Timeout(None, connect=min(_CONNECT_SECONDS, seconds / 2))
        url = self.address.url(path)
        async with self._client.stream(method, url, headers=credentials, timeout=timeout) as response:
            body = await read(response, _MOST_BYTES)
        location = location_of(response)
        found = {**response.headers, **({"location": location} if location is not None else {})}
        return Reply(response.status_code, found, body, _since(started))

    async def _head(self, path: str) -> Reply:
        """Send HEAD by the parser alone: every client drops the body that must not be there."""
        started = time.perf_counter()
        address = self.address
        url = httpx.URL(address.url(path))
        headers = {"Host": url.netloc.decode(), "Connection": "close", **_HEADERS, **self._credentials}
        http = h11.Connection(h11.CLIENT)
        context, name = (self._context, address.host) if address.is_encrypted else (None, None)
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname=name)
        try:
            request = h11.Request(method="HEAD", target=url.raw_path, headers=[*headers.items()])
            writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
            while not isinstance(answer := http.next_event(), h11.Response):  # 103 and its like come before it
                if answer is h11.NEED_DATA:
                    http.receive_data(await reader.read(_MOST_BYTES))
            duration_ms = _since(started)
            found = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
            return Reply(answer.status_code, found, http.trailing_data[0] or await _stray(reader), duration_ms)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def asking(address: Address, token: str | None) -> AsyncIterator[Asker]:
    """Yield an asker. Raises WrongUseError where the environment names a proxy that cannot be one."""
    context = httpx.create_ssl_context()
    limits = httpx.Limits(max_keepalive_connections=0)
    try:
        client = create_client(_HEADERS, verify=context, limits=limits)
    except WrongProxyError as error:
        raise WrongUseError(str(error)) from None
    async with client:
        yield Asker(address, token, client, context)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _is_proxied(address: Address) -> bool:
    proxies = urllib.request.getproxies()
    scheme = "https" if address.is_encrypted else "http"
    return (scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(address.host)


async def _stray(reader: asyncio.StreamReader) -> bytes:
    with suppress(OSError):  # among them the deadline's
        async with asyncio.timeout(_STRAY_SECONDS):
            return await reader.read(_MOST_BYTES)
    return b""
