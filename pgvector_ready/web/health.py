"""The two endpoints, as a small ASGI application of their own: a poll costs a look-up and a send."""

import hmac
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.types import Scope, Send

from pgvector_ready.documents.answer import COMMON_HEADERS, Answer, Answers, Manner, about_service
from pgvector_ready.documents.headers import Headers
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.language import Language, preferred
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.target import Target
from pgvector_ready.paths import Paths
from pgvector_ready.readiness.readiness import Readiness
from pgvector_ready.web.access import log_request

_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_EMPTY: Headers = [(b"content-length", b"0"), _ALLOW, *COMMON_HEADERS]
_OPTIONS = Answer(HTTPStatus.NO_CONTENT, [_ALLOW, *COMMON_HEADERS], b"")
_NOT_ALLOWED = Answer(HTTPStatus.METHOD_NOT_ALLOWED, _EMPTY, b"")
_DEFAULT = Manner()


class Health:
    """Answers the two paths; `readiness` decides what there is to say, this only how.

    `awaken` is called with every request, for an application whose lifespan nobody runs.
    """

    def __init__(  # noqa: PLR0913 - what an answer depends on
        self,
        readiness: Readiness,
        target: Target,
        identity: Identity,
        *,
        has_gate: bool,
        token: str | None,
        paths: Paths,
        awaken: Callable[[], None] = lambda: None,
    ) -> None:
        self._readiness = readiness
        self._has_gate = has_gate
        self._token = token.encode() if token else None
        self.paths = paths
        self.awaken = awaken
        self._live = about_service(None, identity)
        self._starting = about_service(Failure.about(Code.STARTING, Step.SERVICE, target), identity)
        self._draining = about_service(Failure.about(Code.DRAINING, Step.SERVICE, target), identity)
        self.is_draining = False
        # Another server has an access log of its own.
        self.logs_failures = False

    async def __call__(self, scope: Scope, path: str, send: Send) -> None:
        """Answer a request to `path`, one of `paths.polled`; no request has a body worth receiving."""
        answer = await self.answer(scope, is_about_database=path in self.paths.about_database)
        is_head = scope["method"] == "HEAD"
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": b"" if is_head else answer.body})

    async def answer(self, scope: Scope, *, is_about_database: bool) -> Answer:
        """The whole answer to this request, taken as one to this endpoint."""
        method = scope["method"]
        if method == "OPTIONS":
            return _OPTIONS
        if method not in {"GET", "HEAD"}:
            return _NOT_ALLOWED
        self.awaken()
        started = time.perf_counter()
        manner = self._manner(scope)
        if is_about_database:
            answer = (await self._about_database()).to(manner)
        else:
            # Where the other endpoint is depends on where this one was found.
            link = scope["path"].rstrip("/") + "/db"
            answer = self._about_service().to(manner._replace(database_path=link))
        if self.logs_failures and answer.status != HTTPStatus.OK:
            log_request(scope, answer.status, (time.perf_counter() - started) * 1000)
        return answer

    async def _about_database(self) -> Answers:
        if self.is_draining:
            return self._readiness.draining()
        return self._readiness.fresh() or await self._readiness.answers()

    def _about_service(self) -> Answers:
        if self.is_draining:
            return self._draining
        return self._live if self._readiness.provisioning.is_done or not self._has_gate else self._starting

    def shows_all(self, scope: Scope) -> bool:
        """Return True if the sender of this request may see more than a verdict."""
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
        shows_names = self._token is not None and not is_anonymous
        if not scope["query_string"] and not is_health_json and not is_anonymous and not shows_names:
            return _DEFAULT
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        is_text = query.get("format", [""])[-1].lower() == "text"
        return Manner(
            is_strict=query.get("strict", [""])[-1].lower() == "true",
            is_text=is_text,
            is_health_json=is_health_json,
            is_anonymous=is_anonymous,
            shows_names=shows_names,
            # JSON is for machines, which expect one language.
            language=preferred(_header(scope, b"accept-language")) if is_text else Language.ENGLISH,
        )


def _header(scope: Scope, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == wanted)


def _is_right(authorization: bytes, token: bytes) -> bool:
    scheme, _, credentials = authorization.partition(b" ")  # RFC 9110: the scheme in any case
    return scheme.lower() == b"bearer" and hmac.compare_digest(credentials, token)
