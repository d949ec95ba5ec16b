"""One HTTP question at a time, bounded, as monitors ask it; no redirect is followed."""

import asyncio
import base64
import io
import re
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, parse_headers

import httpx

from pgvector_ready.commands.verify.address import Address, WrongUseError
from pgvector_ready.commands.verify.trouble import NoReply, explain

# The documents are below 4 kB; whoever sends more than this is somebody else.
_MOST_BYTES = 262_144
# At most half of the deadline, so that a port that nobody opens is told from a service that keeps silent.
_CONNECT_SECONDS = 5.0
# After a head the connection ends; a server that keeps it open has this long to send what it should not.
_STRAY_SECONDS = 0.3
# `identity`: a compressed GET has another length than its HEAD.
_HEADERS = {"User-Agent": "pgvector-ready-verify", "Accept": "application/json", "Accept-Encoding": "identity"}
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, HTTPException, OSError, EOFError, ValueError)


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
        """GET; the token goes along only to the service's own two paths (`is_own`)."""
        return await self._bounded(self._exchange("GET", path, seconds, is_own=is_own), seconds)

    async def head(self, path: str, seconds: float) -> Outcome:
        """HEAD of one of the service's own paths."""
        if self._is_proxied:
            return await self._bounded(self._exchange("HEAD", path, seconds, is_own=True), seconds)
        return await self._bounded(self._raw_head(path), seconds)

    async def _bounded(self, exchange: Awaitable[Reply], seconds: float) -> Outcome:
        try:
            # httpx bounds each read, so that a byte now and then would extend it for ever.
            async with asyncio.timeout(seconds):
                return await exchange
        except (*_FAILURES, asyncio.LimitOverrunError) as error:
            return explain(error, self.address, seconds, is_proxied=self._is_proxied)

    async def _exchange(self, method: str, path: str, seconds: float, *, is_own: bool) -> Reply:
        started = time.perf_counter()
        timeout = httpx.Timeout(None, connect=min(_CONNECT_SECONDS, seconds / 2))
        headers = self._credentials if is_own else self._login
        url = self.address.url(path)
        async with self._client.stream(method, url, headers=headers, timeout=timeout) as response:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    break
        return Reply(response.status_code, response.headers, bytes(body), _since(started))

    async def _raw_head(self, path: str) -> Reply:
        """HEAD on a bare connection: every client drops the body that must not be there, which then spoils the next."""
        started = time.perf_counter()
        address = self.address
        context, name = (self._context, address.host) if address.is_encrypted else (None, None)
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context, server_hostname=name)
        try:
            writer.write(_head_request(address, path, self._credentials))
            status, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
            while status < HTTPStatus.OK:  # 103 and its like come before the answer
                status, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
            duration_ms = _since(started)
            return Reply(status, headers, await _stray(reader), duration_ms)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def asking(address: Address, token: str | None) -> AsyncIterator[Asker]:
    """An asker for the length of a block. Raises WrongUseError where the environment names a proxy that cannot be."""
    context = httpx.create_ssl_context()
    limits = httpx.Limits(max_keepalive_connections=0)
    try:
        client = httpx.AsyncClient(verify=context, limits=limits, headers=_HEADERS)
    except (ValueError, httpx.InvalidURL):
        message = (
            "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY is not the URL of a proxy, such as http://proxy.example.com:3128"
        )
        raise WrongUseError(message) from None
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


def _head_request(address: Address, path: str, credentials: Mapping[str, str]) -> bytes:
    url = httpx.URL(address.url(path))
    headers = {"Host": url.netloc.decode(), "Connection": "close", **_HEADERS, **credentials}
    lines = [f"HEAD {url.raw_path.decode()} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _read_head(head: bytes) -> tuple[int, Mapping[str, str]]:
    first, _, rest = head.partition(b"\r\n")
    line = re.match(rb"HTTP/1\.\d (\d{3})\b", first)
    if line is None:
        raise httpx.RemoteProtocolError(_NOT_HTTP)
    return int(line[1]), {name.lower(): value for name, value in parse_headers(io.BytesIO(rest)).items()}


_NOT_HTTP = "the first line is none of HTTP/1"


async def _stray(reader: asyncio.StreamReader) -> bytes:
    with suppress(OSError):  # among them the deadline's
        async with asyncio.timeout(_STRAY_SECONDS):
            return await reader.read(_MOST_BYTES)
    return b""
