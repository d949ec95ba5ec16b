"""A client for the part of Render's REST API v1 that a switch needs."""

import asyncio
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from pgvector_ready.commands.outward import WrongProxyError, create_client, read
from pgvector_ready.commands.switch.resources import DEPLOY, DEPLOYS, SERVICE, SERVICES, VARIABLE, Deploy, Service
from pgvector_ready.dsn import provider_of
from pgvector_ready.judgement.target import Provider
from pgvector_ready.printable import SENTENCE_LIMIT, printable

DEFAULT_API_URL = "https://api.render.com/v1"

_PAGE = 100  # the largest that Render gives
_MOST_PAGES = 50  # five thousand services whose names begin as the wanted one's: somebody else answers
# A page of 100 services has about half a megabyte.
_MOST_BYTES = 8 * 2**20
_ATTEMPTS = 5
# Render counts by the minute; who is told to wait for longer than two is better off starting again.
_LONGEST_WAIT_SECONDS = 120.0
_DAY_SECONDS = 86_400
_TIMEOUT = httpx.Timeout(20.0, connect=10.0)
# httpx bounds each read, so that a byte now and then would extend it for ever.
_WHOLE_SECONDS = 60.0
# Of an address that the service holds and this run has not read yet.
_CREDENTIALS = re.compile(r"://(?:[^\s@]{0,500}@)+")
_T = TypeVar("_T")


class RenderError(Exception):
    """Render's API did not do what was asked of it; `str()` is the sentence to print, and nothing secret is in it."""


class AccessError(RenderError):
    """The key is wrong, or the address that it is to be sent to: only another one helps."""


class RefusedError(RenderError):
    """Render understood and refused: nothing has happened, and asking again gives the same answer."""


class NotFoundError(RefusedError):
    """Render knows no such thing."""


class NotKeptError(RenderError):
    """Render took a value and did not keep it."""


class UncertainError(RenderError):
    """The answer was lost, so that the request may have been carried out or not: look before repeating it."""


@dataclass(frozen=True, slots=True)
class Access:
    """The API's address and the key to it, both judged when they are given."""

    api_key: str
    url: str = DEFAULT_API_URL

    def __post_init__(self) -> None:
        """Raise AccessError before anything is sent; httpx would put a broken key into its own error."""
        if not re.fullmatch(r"[\x21-\x7e]+", self.api_key):
            message = "RENDER_API_KEY holds a character that no key has, such as a blank: copy it again from Render."
            raise AccessError(message)
        try:
            scheme = httpx.URL(self.url).scheme if urlsplit(self.url).hostname else None
        except (httpx.InvalidURL, ValueError):
            scheme = None
        if scheme != "https" and not (scheme == "http" and self.is_local):
            message = "RENDER_API_URL must begin with https://: the key would cross the network in clear."
            raise AccessError(message)

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"Access({urlsplit(self.url).hostname})"

    @property
    def is_local(self) -> bool:
        """True if the API is a stand-in on this machine."""
        return provider_of(urlsplit(self.url).hostname) is Provider.LOCAL


class Render:
    """A client that is patient with a busy API.

    What Render says is foreign: it may be hostile, endless, or repeat what was sent. Every word of it that can be shown
    goes through `shown`, which applies `redact`; an answer is read up to a limit.

    Raises AccessError where the environment names a proxy that cannot be.
    """

    def __init__(self, access: Access, redact: Callable[[str], str], *, backoff_seconds: float = 1.0) -> None:
        self._redact = redact
        self._backoff_seconds = backoff_seconds
        headers = {"Authorization": f"Bearer {access.api_key}"}
        try:
            self._client = create_client(headers, base_url=access.url, timeout=_TIMEOUT)
        except WrongProxyError as error:
            raise AccessError(str(error)) from None

    def shown(self, text: str) -> str:
        """Return somebody else's words redacted, on one line and bounded."""
        # Redacted before it is cut: a part of a secret would not be recognised.
        return printable(_CREDENTIALS.sub("://***@", self._redact(text)), SENTENCE_LIMIT)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def services(self, name: str) -> list[Service]:
        """Return every service of exactly this name, of whatever type."""
        found: list[Service] = []
        params: dict[str, str | int] = {"name": name, "limit": _PAGE}
        for _ in range(_MOST_PAGES):
            page = await self._read(SERVICES, "list the services", "/services", params)
            found += [item.service for item in page if item.service.name.raw == name]
            cursor = page[-1].cursor if len(page) == _PAGE else None
            if cursor is None or cursor == params.get("cursor"):
                return found
            params["cursor"] = cursor
        message = "Asked to list the services, Render's API comes to no end: give the service's id as --service."
        raise RenderError(message)

    async def service(self, service_id: str) -> Service | None:
        """Return the service with this id, if there is one."""
        try:
            return await self._read(SERVICE, "read the service", f"/services/{service_id}")
        except NotFoundError:
            return None

    async def variable(self, service_id: str, key: str) -> str | None:
        """Return a variable's value; None where the service itself has none (environment groups are not read)."""
        try:
            variable = await self._read(VARIABLE, f"read {key}", f"/services/{service_id}/env-vars/{key}")
        except NotFoundError:
            return None
        return variable.value

    async def set_variable(self, service_id: str, key: str, value: str | None) -> None:
        """Set one variable, or delete it with None. Render does not deploy by itself after a change by its API."""
        path = f"/services/{service_id}/env-vars/{key}"
        if value is not None:
            await self._ask("PUT", f"set {key}", path, body={"value": value})
            return
        with suppress(NotFoundError):  # an attempt before this one did it
            await self._ask("DELETE", f"delete {key}", path)

    async def deploys(self, service_id: str) -> list[Deploy]:
        """Return the latest deploys, the newest first."""
        path = f"/services/{service_id}/deploys"
        return [item.deploy for item in await self._read(DEPLOYS, "list the deploys", path, {"limit": 20})]

    async def deploy(self, service_id: str, deploy_id: str) -> Deploy:
        """Return one deploy as it is now."""
        return await self._read(DEPLOY, "read the deploy", f"/services/{service_id}/deploys/{deploy_id}")

    async def start_deploy(self, service_id: str) -> Deploy | None:
        """Start a deploy; return None where Render queued it without saying which it is. Raises UncertainError."""
        doing = "start a deploy"
        answer = await self._ask("POST", doing, f"/services/{service_id}/deploys", body={})
        return self._parse(DEPLOY, doing, answer) if answer.body.strip() else None

    async def _read(
        self, adapter: TypeAdapter[_T], doing: str, path: str, params: dict[str, str | int] | None = None
    ) -> _T:
        return self._parse(adapter, doing, await self._ask("GET", doing, path, params=params))

    def _parse(self, adapter: TypeAdapter[_T], doing: str, answer: "_Answer") -> _T:
        try:
            return adapter.validate_json(answer.body, context=self.shown)
        except ValidationError:
            message = f"Asked to {doing}, Render's API gave an answer of an unknown form: check RENDER_API_URL."
            raise RenderError(message) from None

    async def _ask(self, method: str, doing: str, path: str, **request: Any) -> "_Answer":
        """Return a good answer; wait and ask again after a bad one that may pass."""
        for attempt in range(1, _ATTEMPTS + 1):
            answer = await self._send(method, path, **request)
            if answer is not None and not _may_pass(answer):
                return self._accepted(doing, answer)
            if method == "POST" and (answer is None or answer.status_code != httpx.codes.TOO_MANY_REQUESTS):
                raise UncertainError(_unanswered(doing, answer))
            if attempt < _ATTEMPTS:
                await self._wait(doing, answer, attempt)
        raise RenderError(_unanswered(doing, answer))

    async def _send(self, method: str, path: str, *, params: Any = None, body: Any = None) -> "_Answer | None":
        try:
            async with (
                asyncio.timeout(_WHOLE_SECONDS),
                self._client.stream(method, path, params=params, json=body) as response,
            ):
                return _Answer(response.status_code, response.headers, await _content(response))
        except (httpx.RequestError, TimeoutError):
            return None

    def _accepted(self, doing: str, answer: "_Answer") -> "_Answer":
        if httpx.codes.is_success(answer.status_code):
            return answer
        words = self._words(answer)
        match answer.status_code:
            case httpx.codes.UNAUTHORIZED:
                message = "Render does not know this RENDER_API_KEY: make one under Account Settings, API Keys."
                raise AccessError(message)
            case httpx.codes.FORBIDDEN:
                message = (
                    f"This RENDER_API_KEY may not {doing}{words}: use the key of a member of the service's workspace."
                )
                raise AccessError(message)
            case httpx.codes.NOT_FOUND:
                message = f"Asked to {doing}, Render found nothing there{words}."
                raise NotFoundError(message)
            case _:
                message = f"Render refused to {doing} (HTTP {answer.status_code}){words}."
                raise RefusedError(message)

    def _words(self, answer: "_Answer") -> str:
        """Return a colon and the message in an error, which may repeat what was sent; empty where there is none."""
        try:
            document = from_json(answer.body)
        except ValueError:
            return ""
        message = (document.get("message") or document.get("error")) if isinstance(document, dict) else None
        return f": {self.shown(message).strip(' .')}" if isinstance(message, str) else ""

    async def _wait(self, doing: str, answer: "_Answer | None", attempt: int) -> None:
        seconds = _wait_asked_for(answer.headers) if answer is not None else None
        if seconds is None:
            seconds = self._backoff_seconds * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if seconds > _LONGEST_WAIT_SECONDS:
            wanted = f"{seconds:.0f} s" if seconds < _DAY_SECONDS else "more than a day"
            message = f"Asked to {doing}, Render's API wants to be left alone for {wanted}: try again after that."
            raise RenderError(message)
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that was read to its end, or up to the limit."""

    status_code: int
    headers: httpx.Headers
    body: bytes = field(repr=False)


async def _content(response: httpx.Response) -> bytes:
    """Return the body, or nothing where it is longer than any of Render's, or compressed although nobody asked."""
    is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
    body = b"" if is_packed else await read(response, _MOST_BYTES)
    return body if len(body) <= _MOST_BYTES else b""


def _may_pass(answer: _Answer) -> bool:
    return answer.status_code == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(answer.status_code)


def _unanswered(doing: str, answer: _Answer | None) -> str:
    cause = "cannot be reached" if answer is None else f"keeps answering HTTP {answer.status_code}"
    return f"Render's API {cause} (asked to {doing}): look at Render's status page, and try again."


def _wait_asked_for(headers: httpx.Headers) -> float | None:
    """Return seconds, by `Retry-After` (a number or a date) or `Ratelimit-Reset` (a number, or an instant as one)."""
    for name in ("Retry-After", "Ratelimit-Reset"):
        text = headers.get(name, "").strip()
        if text.isascii() and text.isdigit():
            now, number = time.time(), float(text)
            return number if number < now / 2 else max(0.0, number - now)
        if text and name == "Retry-After" and (moment := _moment(text)):
            return max(0.0, moment.timestamp() - time.time())
    return None


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
