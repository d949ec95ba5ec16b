"""The checks of one endpoint: first that the service itself answered, then the content of the answer."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus

from pgvector_ready.commands.verify.address import Address
from pgvector_ready.commands.verify.finding import Check, failed, passed, skipped
from pgvector_ready.commands.verify.redirect import advice_on_redirect, destination
from pgvector_ready.commands.verify.reply import Outcome, Reply
from pgvector_ready.commands.verify.schema import DatabaseDocument, Reading, ServiceDocument, Whole, read
from pgvector_ready.commands.verify.trouble import NoReply
from pgvector_ready.documents.identity import SERVICE
from pgvector_ready.judgement.report import State


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the two, and the name its checks begin with."""

    name: str
    model: type[Whole]


HEALTH = Endpoint("health", ServiceDocument)
DATABASE = Endpoint("database", DatabaseDocument)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers of an endpoint; None is a question that was not asked."""

    endpoint: Endpoint
    address: Address
    get: Outcome | None
    head: Outcome | None = None
    sent_token: bool = False
    # The name of the variable that the token is read from.
    token_variable: str = "HEALTH_TOKEN"  # noqa: S105 - a name

    @property
    def path(self) -> str:
        """The endpoint's path."""
        paths = self.address.paths
        return paths.database if self.endpoint.model is DatabaseDocument else paths.health


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """An endpoint's checks, and its whole document where it spoke the contract and showed everything."""

    checks: tuple[Check, ...]
    answered: Answered
    whole: Whole | None = None
    is_anonymous: bool = False

    @property
    def service(self) -> ServiceDocument | None:
        """The whole document of `/api/v1/health`."""
        return self.whole if isinstance(self.whole, ServiceDocument) else None

    @property
    def database(self) -> DatabaseDocument | None:
        """The whole document of `/api/v1/health/db`."""
        return self.whole if isinstance(self.whole, DatabaseDocument) else None

    @property
    def failure(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if check.state is State.FAIL), None)


def judge_endpoint(answered: Answered) -> EndpointResult:
    """Return every check of one endpoint, in order; once a gate fails, the others have nothing to look at."""
    reply, checks = answered.get, list[Check]()
    reading = read(reply.body, answered.endpoint.model) if isinstance(reply, Reply) else Reading()
    obstacle = None if reply else "not asked, because nothing answers there"
    for aspect, judge in _ASPECTS.items():
        name = f"{answered.endpoint.name}_{aspect}"
        if obstacle is not None or reply is None:
            checks.append(skipped(name, obstacle or ""))
            continue
        if isinstance(reply, NoReply):
            checks.append(failed(name, reply.message, reply.remedy))
        else:
            checks.append(judge(name, answered, reply, reading))
        if aspect in _GATES and checks[-1].state is State.FAIL:
            obstacle = f"not looked at, because {name} failed"
    if obstacle is not None:
        return EndpointResult(tuple(checks), answered)
    return EndpointResult(tuple(checks), answered, reading.whole, is_anonymous=reading.anonymous is not None)


def _reached(name: str, answered: Answered, reply: Reply, _: Reading) -> Check:
    return passed(name, f"{answered.path} answered in {reply.duration_ms:.0f} ms", reply.duration_ms)


_REDIRECTS = range(300, 400)
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})


def _direct(name: str, answered: Answered, reply: Reply, _: Reading) -> Check:
    if reply.status in _REDIRECTS:
        where = destination(answered.address, answered.path, reply)
        message = f"{answered.path} answers {reply.status}, a redirect to {where}."
        return failed(name, message, advice_on_redirect(answered.address, answered.path, reply))
    if reply.status not in _REFUSALS:
        return passed(name, "no redirect, and no login in front")
    scheme = re.match(r"[A-Za-z]{1,20}", reply.headers.get("www-authenticate", ""))
    wanted = f" ({scheme[0]})" if scheme else ""
    message = f"{answered.path} answers {reply.status}: what stands in front of the service asks for a login{wanted}."
    if answered.address.login:
        return failed(name, f"{message} The one in the URL is not accepted.", "Check user and password in the URL.")
    return failed(
        name,
        message,
        "Write the login into the URL, as in https://user:password@host (it is never shown), "
        "or let the health paths through without one.",
    )


_MOST_DIFFERENCES = 5


def _contract(name: str, answered: Answered, reply: Reply, reading: Reading) -> Check:
    path = answered.path
    if reading.anonymous:
        return _anonymous(name, answered)
    if reading.whole:
        return passed(name, f"{SERVICE} {reading.whole.version}")
    if not reading.differences:
        message = f"This URL does not speak the contract: {path} answers {_description_of(reply)}."
        return failed(name, message, _advice_on_stranger(reply))
    more = " and more" if len(reading.differences) > _MOST_DIFFERENCES else ""
    differences = ", ".join(reading.differences[:_MOST_DIFFERENCES]) + more
    if reading.text("service") == SERVICE:
        version = reading.text("version") or "of an unknown version"
        message = f"{path} speaks another version of the contract ({SERVICE} {version}): {differences}."
        return failed(name, message, f"Deploy the current version, or verify with {SERVICE} {version}.")
    what = f"{_description_of(reply)} with {_keys(reading.found)}"
    message = f"This URL does not speak the contract: {path} answers {what}; {differences}."
    return failed(name, message, _advice_on_stranger(reply))


def _anonymous(name: str, answered: Answered) -> Check:
    variable = answered.token_variable
    if answered.sent_token:
        message = f"The service does not accept the token in {variable}, and tells only what everybody may see."
        return failed(name, message, f"Set {variable} to the value that HEALTH_TOKEN has in the service's environment.")
    message = "anonymous: protected by a HEALTH_TOKEN, it tells no more than healthy, status and error.code"
    return passed(name, f"{message}; {advice_on_token(answered)}")


def advice_on_token(answered: Answered) -> str:
    """Return how to see the whole document of a service that is protected by a token."""
    if answered.address.login:
        return "leave the login out of the URL and set HEALTH_TOKEN: only one of the two can be sent"
    return f"set {answered.token_variable} here to the service's token to see the rest"


def _advice_on_stranger(reply: Reply) -> str:
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The platform answers in the service's place: check in its dashboard and logs that it is running."
    if "content-encoding" in reply.headers:
        return "The answer is compressed, which the request forbids: switch that off in the proxy or CDN in front."
    return (
        "Check that the URL is this service's, and that what is deployed there is this service; "
        "where Ready was given another path, give it as --path."
    )


def _description_of(reply: Reply) -> str:
    """Return a few words about somebody else's answer."""
    kind = reply.headers.get("content-type", "").partition(";")[0] or "something without a type"
    title = re.search(rb"<title[^>]{0,200}>([^<]{1,200})", reply.body, re.IGNORECASE)
    named = f", a page titled “{unescape(title[1].decode(errors='replace')).strip()[:60]}”" if title else ""
    # Render says here why none of its services answered: no-server, suspend, hibernate-wake-error …
    routing = reply.headers.get("x-render-routing")
    packed = reply.headers.get("content-encoding")
    notes = [f"content-encoding: {packed}"] if packed else []
    notes += [f"x-render-routing: {routing}"] if routing else []
    return f"{reply.status} {kind}{named}" + (f" ({', '.join(notes)})" if notes else "")


def _keys(found: object) -> str:
    if not isinstance(found, dict):
        return "no object in it"
    return f"the keys {', '.join(list(found)[:_MOST_DIFFERENCES])}" if found else "no keys"


def _status(name: str, answered: Answered, reply: Reply, reading: Reading) -> Check:
    path, document, whole = answered.path, reading.document, reading.whole
    error = document.error if document else None
    if reply.status == HTTPStatus.OK and document:
        return passed(name, f"200 {document.status}{_warnings(whole)}")
    if reply.status != HTTPStatus.SERVICE_UNAVAILABLE or not error:
        remedy = "The service itself answers 200 or 503: look at what stands in front of it."
        return failed(name, f"{path} answers {reply.status}.", remedy)
    if whole and whole.error:
        return failed(name, f"{path} answers 503 {error.code}: {whole.error.message}", whole.error.remedy)
    remedy = f"Look the code up in docs/failures.md, or {advice_on_token(answered)}."
    return failed(name, f"{path} answers 503 {error.code}.", remedy)


def _warnings(whole: Whole | None) -> str:
    steps = whole.steps if isinstance(whole, DatabaseDocument) else ()
    return "".join(f"; {step.step}: {step.code}: {step.message}" for step in steps if step.state == State.WARN)


def _consistent(name: str, answered: Answered, reply: Reply, reading: Reading) -> Check:
    document = reading.document
    is_healthy, status, error = (
        (document.healthy, document.status, document.error) if document else (False, "unknown", None)
    )
    claims = {
        f"status code {reply.status}": reply.status == HTTPStatus.OK,
        f"healthy {str(is_healthy).lower()}": is_healthy,
        f"status {status}": status in {"pass", "warn"},
        "an error" if error else "no error": error is None,
    }
    if len(set(claims.values())) == 1:
        return passed(name, "status code and document say the same")
    message = f"{answered.path} contradicts itself: {', '.join(claims)}."
    return failed(name, message, "Something between here and the service changes its answers: ask it directly.")


def _no_store(name: str, answered: Answered, reply: Reply, _: Reading) -> Check:
    value = reply.headers.get("cache-control", "")
    if "no-store" in re.split(r"[\s,]+", value.lower()):
        return passed(name, "no cache may keep the answer")
    header = f"with Cache-Control: {value}" if value else "without Cache-Control"
    message = f"{answered.path} answers {header}, and not with no-store."
    return failed(name, message, "Switch caching off for this path in the proxy or CDN: it would serve old health.")


def _head(name: str, answered: Answered, reply: Reply, _: Reading) -> Check:
    head = answered.head
    if head is None:
        return skipped(name, "HEAD was not asked, because something else failed")
    if isinstance(head, NoReply):
        return failed(name, f"To HEAD: {head.message}", head.remedy)
    for is_wrong, message in (
        (head.status != reply.status, f"HEAD answers {head.status} and GET {reply.status}."),
        (bool(head.body), "HEAD answers with a body, which spoils the connection for the next request."),
        (
            not _fits(head, reply),
            f"HEAD names a Content-Length of {head.headers.get('content-length', '')[:20]}, "
            f"and GET answers {len(reply.body)} bytes.",
        ),
    ):
        if is_wrong:
            return failed(name, message, "Monitors that use HEAD see something else: check what stands in front.")
    return passed(name, "HEAD answers as GET does, without a body")


def _fits(head: Reply, reply: Reply) -> bool:
    """True if the length may be that of the GET's document; proxies may leave it out.

    Between the two there may have been another probe, or another instance, whose figures have a few digits more or
    less; a length of 0 or that of another page is out of this tenth.
    """
    length = head.headers.get("content-length")
    if length is None:
        return True
    is_number = re.fullmatch("[0-9]{1,9}", length)  # of more digits Python makes no number
    return bool(is_number) and abs(int(length) - len(reply.body)) <= len(reply.body) / 10


_GATES = frozenset({"reached", "direct", "contract"})
_ASPECTS: dict[str, Callable[[str, Answered, Reply, Reading], Check]] = {
    "reached": _reached,
    "direct": _direct,
    "contract": _contract,
    "status": _status,
    "consistent": _consistent,
    "no_store": _no_store,
    "head": _head,
}
