"""One endpoint, judged by what it answered: first whether the service answered at all, then what it said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel

from pgvector_ready.commands.verify import schema as contract
from pgvector_ready.commands.verify.address import Address
from pgvector_ready.commands.verify.finding import Check, failed, passed, skipped
from pgvector_ready.commands.verify.reply import Outcome, Reply
from pgvector_ready.commands.verify.trouble import NoReply
from pgvector_ready.documents.documents import SERVICE, DatabaseDocument, ServiceDocument
from pgvector_ready.judgement.report import State
from pgvector_ready.paths import DATABASE_PATH, HEALTH_PATH


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the two, and the name its checks begin with."""

    name: str
    path: str
    model: type[BaseModel]


HEALTH = Endpoint("health", HEALTH_PATH, ServiceDocument)
DATABASE = Endpoint("database", DATABASE_PATH, DatabaseDocument)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an endpoint answered; None is a question that was not asked."""

    endpoint: Endpoint
    address: Address
    get: Outcome | None
    head: Outcome | None = None
    sent_token: bool = False
    # The name of the variable that the token is read from.
    token_variable: str = "HEALTH_TOKEN"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Judged:
    """An endpoint's checks, and its document where it spoke the contract."""

    checks: tuple[Check, ...]
    document: Mapping[str, Any] | None
    asked: Asked

    @property
    def failure(self) -> Check | None:
        """The first that failed."""
        return next((check for check in self.checks if check.state is State.FAIL), None)


def judge_endpoint(asked: Asked) -> Judged:
    """Every check of one endpoint, in order; once one of the first three fails, the others have nothing to look at."""
    checks: list[Check] = []
    name = asked.endpoint.name
    if isinstance(asked.get, Reply):
        for gate in (_reached, _direct, _contract):
            checks.append(gate(asked, asked.get))
            if checks[-1].state is State.FAIL:
                break
        else:
            document = contract.read(asked.get.body)
            checks += [_status(asked, asked.get, document), _consistent(asked, asked.get, document)]
            checks += [_no_store(asked, asked.get), _head(asked, asked.get)]
            return Judged(tuple(checks), document, asked)
    elif isinstance(asked.get, NoReply):
        checks.append(failed(f"{name}_reached", asked.get.message, asked.get.remedy))
    why = f"not looked at, because {checks[-1].name} failed" if checks else "not asked, because nothing answers there"
    rest = (skipped(f"{name}_{aspect}", why) for aspect in _ASPECTS[len(checks) :])
    return Judged((*checks, *rest), None, asked)


_ASPECTS = ("reached", "direct", "contract", "status", "consistent", "no_store", "head")


def _reached(asked: Asked, reply: Reply) -> Check:
    name, path = f"{asked.endpoint.name}_reached", asked.endpoint.path
    return passed(name, f"{path} answered in {reply.duration_ms:.0f} ms", reply.duration_ms)


_REDIRECTS = range(300, 400)
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})


def _direct(asked: Asked, reply: Reply) -> Check:
    name, path = f"{asked.endpoint.name}_direct", asked.endpoint.path
    if reply.status in _REDIRECTS:
        return failed(
            name, f"{path} answers {reply.status}, a redirect to {destination(asked, reply)}.", _way(asked, reply)
        )
    if reply.status not in _REFUSALS:
        return passed(name, "no redirect, and no login in front")
    scheme = re.match(r"[A-Za-z]+", reply.headers.get("www-authenticate", ""))
    wanted = f" ({scheme[0]})" if scheme else ""
    message = f"{path} answers {reply.status}: what stands in front of the service asks for a login{wanted}."
    if asked.address.login:
        return failed(name, f"{message} The one in the URL is not accepted.", "Check user and password in the URL.")
    return failed(
        name,
        message,
        "Write the login into the URL, as in https://user:password@host (it is never shown), "
        "or let the health paths through without one.",
    )


def destination(asked: Asked, reply: Reply) -> str:
    """Where a redirect leads: host and path, without what may be secret."""
    try:
        parts = urlsplit(urljoin(asked.address.url(asked.endpoint.path), reply.headers.get("location", "")))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    if "location" not in reply.headers:
        return "nowhere"
    return f"{parts.hostname}{port}{parts.path}"


def _way(asked: Asked, reply: Reply) -> str:
    location = urlsplit(asked.address.url(asked.endpoint.path)).path
    is_to_tls = not asked.address.is_encrypted and reply.headers.get("location", "").startswith("https://")
    if is_to_tls and destination(asked, reply).endswith(location):  # and not to some login page
        return "Begin the URL with https://, here and in every monitor: some do not follow redirects."
    if destination(asked, reply).endswith(f"{location}/"):
        return "The contract has no redirects: another framework serves this path; deploy this service there."
    return (
        "Use the address it leads to, if that is the service; "
        "if it is a login page, let the health paths through without one."
    )


def _contract(asked: Asked, reply: Reply) -> Check:
    name, path = f"{asked.endpoint.name}_contract", asked.endpoint.path
    try:
        document = contract.read(reply.body)
    except ValueError:
        return failed(name, f"This URL does not speak the contract: {path} answers {found(reply)}.", _elsewhere(reply))
    if contract.is_anonymous(document):
        return _anonymous(asked, name)
    different = contract.differences(document, asked.endpoint.model)
    if not different:
        return passed(name, f"{SERVICE} {document['version']}")
    told = ", ".join(different[:_MOST_DIFFERENCES]) + (" and more" if len(different) > _MOST_DIFFERENCES else "")
    if isinstance(document, dict) and document.get("service") == SERVICE:
        version = document.get("version", "of an unknown version")
        message = f"{path} speaks another version of the contract ({SERVICE} {version}): {told}."
        return failed(name, message, f"Deploy the current version, or verify with {SERVICE} {version}.")
    message = f"This URL does not speak the contract: {path} answers {found(reply)} with {_keys(document)}; {told}."
    return failed(name, message, _elsewhere(reply))


_MOST_DIFFERENCES = 5


def _anonymous(asked: Asked, name: str) -> Check:
    variable = asked.token_variable
    if asked.sent_token:
        message = f"The service does not accept the token in {variable}, and tells only what everybody may see."
        return failed(name, message, f"Set {variable} to the value that HEALTH_TOKEN has in the service's environment.")
    told = "anonymous: protected by a HEALTH_TOKEN, it tells no more than healthy, status and error.code"
    return passed(name, f"{told}; {how(asked)}")


def how(asked: Asked) -> str:
    """How to see the whole document of a service that is protected by a token."""
    if asked.address.login:
        return "leave the login out of the URL and set HEALTH_TOKEN: only one of the two can be sent"
    return f"set {asked.token_variable} here to the service's token to see the rest"


def _elsewhere(reply: Reply) -> str:
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The platform answers in the service's place: check in its dashboard and logs that it is running."
    return "Check that the URL is this service's, and that what is deployed there is this service."


def found(reply: Reply) -> str:
    """What somebody else's answer is, in a few words."""
    kind = reply.headers.get("content-type", "").partition(";")[0] or "something without a type"
    title = re.search(rb"<title[^>]*>([^<]{1,200})", reply.body, re.IGNORECASE)
    named = f", a page titled “{unescape(title[1].decode(errors='replace')).strip()[:60]}”" if title else ""
    # Render says here why none of its services answered: no-server, suspend, hibernate-wake-error …
    routing = reply.headers.get("x-render-routing")
    return f"{reply.status} {kind}{named}" + (f" (x-render-routing: {routing})" if routing else "")


def _keys(document: object) -> str:
    if not isinstance(document, dict):
        return "no object in it"
    return f"the keys {', '.join(list(document)[:_MOST_DIFFERENCES])}" if document else "no keys"


def _status(asked: Asked, reply: Reply, document: Mapping[str, Any]) -> Check:
    name, path, error = f"{asked.endpoint.name}_status", asked.endpoint.path, document["error"]
    if reply.status == HTTPStatus.OK:
        return passed(name, f"200 {document['status']}{_warnings(document)}")
    if reply.status != HTTPStatus.SERVICE_UNAVAILABLE or not error:
        remedy = "The service itself answers 200 or 503: look at what stands in front of it."
        return failed(name, f"{path} answers {reply.status}.", remedy)
    if "message" not in error:
        remedy = f"Look the code up in docs/failures.md, or {how(asked)}."
        return failed(name, f"{path} answers 503 {error['code']}.", remedy)
    return failed(name, f"{path} answers 503 {error['code']}: {error['message']}", error["remedy"])


def _warnings(document: Mapping[str, Any]) -> str:
    steps = [step for step in document.get("steps", ()) if step["state"] == State.WARN]
    return "".join(f"; {step['step']}: {step.get('code')}: {step.get('message')}" for step in steps)


def _consistent(asked: Asked, reply: Reply, document: Mapping[str, Any]) -> Check:
    name = f"{asked.endpoint.name}_consistent"
    claims = {
        f"status code {reply.status}": reply.status == HTTPStatus.OK,
        f"healthy {str(document['healthy']).lower()}": document["healthy"],
        f"status {document['status']}": document["status"] in {"pass", "warn"},
        "an error" if document["error"] else "no error": document["error"] is None,
    }
    if len(set(claims.values())) == 1:
        return passed(name, "status code and document say the same")
    message = f"{asked.endpoint.path} contradicts itself: {', '.join(claims)}."
    return failed(name, message, "Something between here and the service changes its answers: ask it directly.")


def _no_store(asked: Asked, reply: Reply) -> Check:
    name = f"{asked.endpoint.name}_no_store"
    value = reply.headers.get("cache-control", "")
    if "no-store" in re.split(r"[\s,]+", value.lower()):
        return passed(name, "no cache may keep the answer")
    told = f"with Cache-Control: {value}" if value else "without Cache-Control"
    message = f"{asked.endpoint.path} answers {told}, and not with no-store."
    return failed(name, message, "Switch caching off for this path in the proxy or CDN: it would serve old health.")


def _head(asked: Asked, reply: Reply) -> Check:
    name, head = f"{asked.endpoint.name}_head", asked.head
    if head is None:
        return skipped(name, "HEAD was not asked, because something else failed")
    if isinstance(head, NoReply):
        return failed(name, f"To HEAD: {head.message}", head.remedy)
    for is_wrong, message in (
        (head.status != reply.status, f"HEAD answers {head.status} and GET {reply.status}."),
        (bool(head.body), "HEAD answers with a body, which spoils the connection for the next request."),
        (
            not _fits(head, reply),
            f"HEAD names a Content-Length of {head.headers.get('content-length')}, "
            f"and GET answers {len(reply.body)} bytes.",
        ),
    ):
        if is_wrong:
            return failed(name, message, "Monitors that use HEAD see something else: check what stands in front.")
    return passed(name, "HEAD answers as GET does, without a body")


def _fits(head: Reply, reply: Reply) -> bool:
    """Whether the length is that of the same document; proxies may leave it out.

    Between the two there may have been another probe, or another instance, whose figures have a few digits more or
    less; a length of 0 or that of another page is out of this tenth.
    """
    length = head.headers.get("content-length")
    if length is None:
        return True
    return length.isdecimal() and abs(int(length) - len(reply.body)) <= len(reply.body) / 10
