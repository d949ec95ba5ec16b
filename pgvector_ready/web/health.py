"""The two endpoints, as a small ASGI application of their own: a poll costs a look-up and a send."""

import hmac
import re
import time
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.types import Scope, Send

from pgvector_ready.documents.answer import COMMON_HEADERS, Answer, Answers, Manner, about_service
from pgvector_ready.documents.documents import Identity
from pgvector_ready.documents.headers import Headers
from pgvector_ready.documents.language import Language, preferred
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.target import Target
from pgvector_ready.paths import DATABASE_PATH, HEALTH_PATH
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.web.access import log_request

_SERVICE_PATHS = frozenset({HEALTH_PATH, f"{HEALTH_PATH}/"})
_DATABASE_PATHS = frozenset({DATABASE_PATH, f"{DATABASE_PATH}/"})
PATHS = _SERVICE_PATHS | _DATABASE_PATHS

_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_EMPTY: Headers = [(b"content-length", b"0"), _ALLOW, *COMMON_HEADERS]
_OPTIONS = Answer(HTTPStatus.NO_CONTENT, [_ALLOW, *COMMON_HEADERS], b"")
_NOT_ALLOWED = Answer(HTTPStatus.METHOD_NOT_ALLOWED, _EMPTY, b"")
_DEFAULT = Manner()


class Health:
    """Answers the two paths; `readiness` decides what there is to say, this only how."""

    def __init__(
        self, readiness: Readiness, target: Target, identity: Identity, *, has_gate: bool, token: str | None
    ) -> None:
        self._readiness = readiness
        self._has_gate = has_gate
        self._token = token.encode() if token else None
        self._live = about_service(None, identity)
        starting = Failure.about(Code.STARTING, Step.SERVICE, target, {"database_path": DATABASE_PATH})
        self._starting = about_service(starting, identity)
        self._draining = about_service(Failure.about(Code.DRAINING, Step.SERVICE, target), identity)
        self.is_draining = False

    async def __call__(self, scope: Scope, path: str, send: Send) -> None:
        """Answer a request to `path`, one of `PATHS`; no request has a body worth receiving."""
        answer = await self.answer(scope, path)
        is_head = scope["method"] == "HEAD"
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"" if is_head else answer.body})

    async def answer(self, scope: Scope, path: str) -> Answer:
        """The whole answer to this request, taken as one to `path`."""
        method = scope["method"]
        if method == "OPTIONS":
            return _OPTIONS
        if method not in {"GET", "HEAD"}:
            return _NOT_ALLOWED
        started = time.perf_counter()
        answer = (await self._answers(path)).to(self._manner(scope))
        if answer.status != HTTPStatus.OK:
            log_request(scope, answer.status, (time.perf_counter() - started) * 1000)
        return answer

    async def _answers(self, path: str) -> Answers:
        if path in _DATABASE_PATHS:
            if self.is_draining:
                return self._readiness.draining()
            return self._readiness.fresh() or await self._readiness.answers()
        if self.is_draining:
            return self._draining
        return self._live if self._readiness.provisioning.is_done or not self._has_gate else self._starting

    def shows_all(self, scope: Scope) -> bool:
        """Whether whoever sends this request may see more than a verdict."""
        if self._token is None:
            return True
        sent = (value for name, value in scope["headers"] if name == b"authorization")
        return any(_is_right(value, self._token) for value in sent)

    def _manner(self, scope: Scope) -> Manner:
        is_health_json = False
        for name, value in scope["headers"]:
            if name == b"accept":
                is_health_json = is_health_json or b"application/health+json" in value.lower()
        is_anonymous = not self.shows_all(scope)
        if not scope["query_string"] and not is_health_json and not is_anonymous:
            return _DEFAULT
        query = parse_qs(_within_reason(scope["query_string"]).decode("latin-1"), keep_blank_values=True)
        is_text = query.get("format", [""])[-1].lower() == "text"
        return Manner(
            is_strict=query.get("strict", [""])[-1].lower() == "true",
            is_text=is_text,
            is_health_json=is_health_json,
            is_anonymous=is_anonymous,
            # JSON is for machines, which expect one language.
            language=preferred(_header(scope, b"accept-language")) if is_text else Language.ENGLISH,
        )


def _header(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


# No monitor sends more; all that a head may hold would take 30 ms to read, of which nobody else gets anything.
_LONG_QUERY_BYTES = 2048
_ASKED = re.compile(rb"(?<![^&])(?:strict|format)=[^&]{0,32}(?![^&])")


def _within_reason(query: bytes) -> bytes:
    """Return the query string; of a long one only the last of the parameters that are known here."""
    return query if len(query) <= _LONG_QUERY_BYTES else b"&".join(_ASKED.findall(query)[-16:])


def _is_right(authorization: bytes, token: bytes) -> bool:
    scheme, _, credentials = authorization.partition(b" ")  # RFC 9110: the scheme in any case
    return scheme.lower() == b"bearer" and hmac.compare_digest(credentials, token)
