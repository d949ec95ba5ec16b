"""Render for the tests: its REST API on a real socket, and behind it real services that deploys start and replace."""

import asyncio
import json
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.service import DATABASE, HEALTH, NO_TLS, running

KEY = "rnd_example"
# What a deploy goes through before its instance starts; the stand-in moves on by one whenever the deploy is read.
STAGES = ("build_in_progress", "update_in_progress")
_GATE_SECONDS = 1.0  # Render's 15 minutes
_LIMIT_SECONDS = 30.0
_numbers = count(1)


class Instance:
    """The service itself, with its real socket and its real database, in a thread of its own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.name = f"srv-instance-{next(_numbers)}"
        self._settings: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._is_up.wait(_LIMIT_SECONDS)

    async def _serve(self) -> None:
        self._loop, self._is_unwanted = asyncio.get_running_loop(), asyncio.Event()
        async with running(RENDER_INSTANCE_ID=self.name, RENDER_GIT_COMMIT="a6be012", **self._settings) as service:
            self.url = service.url
            self._is_up.set()
            await self._is_unwanted.wait()

    def is_healthy_in_time(self) -> bool:
        deadline = time.monotonic() + _GATE_SECONDS
        with httpx.Client(verify=NO_TLS) as client:
            while client.get(self.url + HEALTH).status_code != httpx.codes.OK:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.02)
        return True

    def end(self) -> None:
        """Ask it to; `wait` to see it gone."""
        self._loop.call_soon_threadsafe(self._is_unwanted.set)

    def wait(self) -> None:
        self._thread.join(_LIMIT_SECONDS)


@dataclass(slots=True)
class Deploy:
    """One deploy and what still lies before it; an empty `ahead` means that its instance is next."""

    id: str
    status: str
    ahead: deque[str]
    environment: dict[str, str]
    is_over: bool = False
    unseen_for: int = 0

    @property
    def document(self) -> dict[str, Any]:
        ended = {"finishedAt": "2026-11-23T05:00:02Z"} if self.is_over else {}
        commit = {"id": "a6be012", "message": "x", "createdAt": "2026-11-23T05:00:00Z"}
        return {"id": self.id, "status": self.status, "trigger": "api", "commit": commit, **ended}


@dataclass(slots=True)
class Service:
    """A service; everything about it may be set to be odd."""

    id: str
    name: str
    type: str = "web_service"
    suspended: str = "not_suspended"
    url: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    deploys: list[Deploy] = field(default_factory=list)
    scripts: deque[tuple[str, ...]] = field(default_factory=deque)
    """What the next deploys go through instead of `STAGES`; a status that is an end ends them there."""
    image: dict[str, str] = field(default_factory=dict)
    """What the image sets whatever the variables say."""
    forgets: dict[str, int] = field(default_factory=dict)
    """Variables of which a change is taken and not kept; after so many that are."""
    unseen_for: int = 0
    """How often the deploys are listed before a new one shows."""
    instances: list[Instance] = field(default_factory=list)
    """All that were ever started; of those that became healthy, the last has the traffic."""
    instance: Instance | None = None

    @property
    def document(self) -> dict[str, Any]:
        details = {"url": self.url, "env": "docker"} if self.url else {}
        known = {"id": self.id, "name": self.name, "type": self.type, "suspended": self.suspended}
        return {**known, "autoDeploy": "yes", "serviceDetails": details}

    @property
    def live(self) -> str:
        """The deploy that is live."""
        return next(deploy.id for deploy in self.deploys if deploy.status == "live")

    def keeps(self, key: str) -> bool:
        self.forgets[key] = self.forgets.get(key, 999) - 1
        return self.forgets[key] >= 0

    def start_deploy(self) -> Deploy:
        ahead = deque(self.scripts.popleft() if self.scripts else STAGES)
        environment = {**self.variables, **self.image}
        deploy = Deploy(f"dep-{next(_numbers)}", "created", ahead, environment, unseen_for=self.unseen_for)
        self.deploys.insert(0, deploy)
        return deploy

    def listed(self) -> list[Deploy]:
        for deploy in self.deploys:
            deploy.unseen_for -= 1
        return [deploy for deploy in self.deploys if deploy.unseen_for < 0]

    def advance(self, deploy: Deploy) -> None:
        if deploy.is_over:
            return
        if not deploy.ahead:
            self._bring_live(deploy)
            return
        deploy.status = deploy.ahead.popleft()
        deploy.is_over = bool(re.search("failed|canceled|over", deploy.status))
        if deploy.status == "superseded":
            deploy.status, deploy.is_over = "canceled", True
            self.start_deploy()

    def _bring_live(self, deploy: Deploy) -> None:
        deploy.is_over = True
        instance = Instance(deploy.environment) if "DATABASE_URL" in deploy.environment else None
        self.instances += [instance] if instance else []
        if instance is None or not instance.is_healthy_in_time():
            deploy.status = "update_failed"
            if instance:
                instance.end()
            return
        for other in self.deploys:
            other.status = "deactivated" if other.status == "live" else other.status
        deploy.status = "live"
        old, self.instance = self.instance, instance
        if old:
            old.end()


@dataclass(frozen=True, slots=True)
class Odd:
    """An answer out of the ordinary, to a request that was carried out all the same or was not."""

    status: int | None
    """None cuts the connection instead."""
    body: Any = None
    """Bytes go out as they are, what is called goes out piece by piece, without a length, until the client leaves."""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_carried_out: bool = False


class Held:
    """A request that was carried out and whose answer is kept back."""

    def __init__(self, after: int) -> None:
        self.passes = count(-after)
        self.reached = threading.Event()
        self.released = threading.Event()


TOO_MANY = {"error": "too many requests"}
LOST = Odd(None, is_carried_out=True)


class RenderApi:
    """Render's API and its edge; a context manager. `requests` are all that were made: method and path."""

    def __init__(self) -> None:
        self.services: list[Service] = []
        self.requests: list[tuple[str, str]] = []
        self._odd: dict[tuple[str, str], deque[Odd]] = {}
        self._endless: str | None = None
        self._held: dict[tuple[str, str], Held] = {}
        self._lock = threading.RLock()
        self._servers: list[ThreadingHTTPServer] = []
        self._ended: list[Instance] = []
        self._client = httpx.Client(headers={"Connection": "close"}, verify=NO_TLS)
        self.url = f"{self._listen(self._handler(self._api))}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for instance in self._ended:
            instance.wait()
        self._client.close()

    def forget(self) -> None:
        """Begin anew. The instances are asked to end, and waited for only when all is over: that takes a while."""
        for held in self._held.values():
            held.released.set()
        for service in self.services:
            if service.instance:
                service.instance.end()
            self._ended += service.instances
        self.services, self.requests = [], []
        self._held, self._odd, self._endless = {}, {}, None

    def add(self, name: str = "staging", *, is_running: bool = True, **known: Any) -> Service:
        """A service; a running one has one live deploy with its variables."""
        service = Service(f"srv-{next(_numbers):04d}", name, **known)
        self.services.append(service)
        if service.type == "web_service":
            service.url = self._listen(self._handler(lambda handler: self._edge(service, handler)))
        if is_running:
            deploy = service.start_deploy()
            while not deploy.is_over:
                service.advance(deploy)
            assert deploy.status == "live"
        return service

    def without_end(self, name: str) -> None:
        """List services of this name, page after page, each with a cursor that was not there before."""
        self._endless = name

    def be_odd(self, method: str, ending: str, *answers: Odd) -> None:
        """Give these answers to the next such requests."""
        self._odd.setdefault((method, ending), deque()).extend(answers)

    @contextmanager
    def holding(self, method: str, ending: str, *, after: int = 0) -> Iterator[Held]:
        """Carry the next such request out, or one after it, and keep its answer back until the block ends."""
        held = self._held[method, ending] = Held(after)
        try:
            yield held
        finally:
            self._held.pop((method, ending), None)
            held.released.set()

    def changes(self) -> list[tuple[str, str]]:
        """The requests that were not merely readings: method and what stands after the service's id."""
        return [(method, "/".join(path.split("/")[4:])) for method, path in self.requests if method != "GET"]

    # The API

    def _api(self, handler: BaseHTTPRequestHandler) -> None:
        path, body = urlsplit(handler.path).path, _body(handler)
        self.requests.append((handler.command, path))
        if handler.headers["Authorization"] != f"Bearer {KEY}":
            _answer(handler, 401, _error("unauthorized"))
            return
        odd = self._next_odd(handler.command, path)
        status, document = (0, None)
        if odd is None or odd.is_carried_out:
            with self._lock:
                status, document = self._carry_out(handler, path, body)
        held = next((held for key, held in self._held.items() if _matches(key, handler.command, path)), None)
        if held and next(held.passes) == 0:
            held.reached.set()
            held.released.wait(_LIMIT_SECONDS)
        if odd is None:
            _answer(handler, status, document)
        elif odd.status is None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            _answer(handler, odd.status, odd.body, odd.headers)

    def _next_odd(self, method: str, path: str) -> Odd | None:
        found = (answers for key, answers in self._odd.items() if answers and _matches(key, method, path))
        answers = next(found, None)
        return answers.popleft() if answers else None

    def _carry_out(self, handler: BaseHTTPRequestHandler, path: str, body: Any) -> tuple[int, Any]:
        match handler.command, path.split("/")[2:]:
            case "GET", ["services"]:
                return 200, self._listed(parse_qs(urlsplit(handler.path).query))
            case method, ["services", service_id, *rest]:
                service = next((service for service in self.services if service.id == service_id), None)
                return _of_service(service, method, rest, body) if service else (404, _error("not found: service"))
            case _:
                return 404, _error("not found")

    def _listed(self, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        """More than was asked for: names that only begin so, and a page at a time."""
        if self._endless:
            page = [Service(f"srv-{next(_numbers):04d}", self._endless) for _ in range(int(query["limit"][0]))]
            return [{"service": each.document, "cursor": each.id} for each in page]
        found = [service for service in self.services if service.name.startswith(query["name"][0])]
        after = int(query.get("cursor", ["0"])[0])
        page = found[after : after + int(query["limit"][0])]
        return [{"service": each.document, "cursor": str(after + place)} for place, each in enumerate(page, 1)]

    # The edge

    def _edge(self, service: Service, handler: BaseHTTPRequestHandler) -> None:
        if service.instance is None or urlsplit(handler.path).path not in {HEALTH, DATABASE}:
            _answer(handler, 502, "<html>Bad Gateway</html>")
            return
        headers = {name: value for name, value in handler.headers.items() if name == "Authorization"}
        answer = self._client.request(handler.command, service.instance.url + handler.path, headers=headers)
        kept = {name: value for name, value in answer.headers.items() if name not in {"connection", "date", "server"}}
        _answer(handler, answer.status_code, answer.text, kept)

    @staticmethod
    def _handler(handle: Callable[[BaseHTTPRequestHandler], None]) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in one piece: in two, Nagle's algorithm holds the second back for 40 ms

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                try:
                    handle(self)
                except OSError:  # the client was killed
                    self.close_connection = True

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        return Handler

    def _listen(self, handler: type[BaseHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"


def _of_service(  # noqa: PLR0911 - a table in the form of a match
    service: Service, method: str, rest: list[str], body: Any
) -> tuple[int, Any]:
    match method, rest:
        case "GET", []:
            return 200, service.document
        case _, ["env-vars", key]:
            return _variable(service, method, key, body)
        case "GET", ["deploys"]:
            return 200, [{"deploy": deploy.document, "cursor": deploy.id} for deploy in service.listed()]
        case "POST", ["deploys"]:
            return 201, service.start_deploy().document
        case "GET", ["deploys", deploy_id]:
            deploy = next((deploy for deploy in service.deploys if deploy.id == deploy_id), None)
            if deploy is None:
                return 404, _error("not found: deploy")
            service.advance(deploy)
            return 200, deploy.document
        case _:
            return 404, _error("not found")


def _variable(service: Service, method: str, key: str, body: Any) -> tuple[int, Any]:
    if method == "PUT":
        if not body.get("value"):
            return 400, _error("invalid value")
        if service.keeps(key):
            service.variables[key] = body["value"]
        return 200, {"key": key, "value": body["value"]}
    if key not in service.variables:
        return 404, _error(f"unable to find environment variable {key}")
    value = service.variables[key]
    if method == "DELETE" and service.keeps(key):
        del service.variables[key]
    return (204, None) if method == "DELETE" else (200, {"key": key, "value": value})


def _matches(key: tuple[str, str], method: str, path: str) -> bool:
    return key[0] == method and bool(re.search(f"/{key[1]}$", path))


def _error(message: str) -> dict[str, str]:
    return {"id": "req-1", "message": message}


def _body(handler: BaseHTTPRequestHandler) -> Any:
    sent = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    return json.loads(sent) if sent else None


def _answer(handler: BaseHTTPRequestHandler, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    pieces = [_content(body)] if not callable(body) else body()
    length = {} if callable(body) else {"content-length": str(len(pieces[0]))}
    handler.close_connection = handler.close_connection or callable(body)
    handler.send_response(status)
    for name, value in {**length, **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    for piece in pieces:
        handler.wfile.write(piece)


def _content(body: Any) -> bytes:
    match body:
        case None:
            return b""
        case bytes():
            return body
        case str():
            return body.encode()
        case _:
            return json.dumps(body).encode()
