"""What is asked of the service, and what it answered: each distinct answer once, with every moment it was given."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.service import DATABASE, HEALTH


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One way of asking; there are only those below, so they are compared by identity."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_about_database(self) -> bool:
        return self.path.startswith(DATABASE)

    @property
    def is_document(self) -> bool:
        """Whether the answer is JSON."""
        return self.method == "GET" and "format=text" not in self.path

    @property
    def raw(self) -> bytes:
        return f"{self.method} {self.path} HTTP/1.1\r\nHost: soak\r\n\r\n".encode()


_health, _health_head = Request("GET", HEALTH), Request("HEAD", HEALTH)
_health_text, _health_strict = Request("GET", f"{HEALTH}?format=text"), Request("GET", f"{HEALTH}?strict=true")
PLAIN = Request("GET", DATABASE)
_head, _text = Request("HEAD", DATABASE), Request("GET", f"{DATABASE}?format=text")
_strict, _strict_head = Request("GET", f"{DATABASE}?strict=true"), Request("HEAD", f"{DATABASE}?strict=true")

# Asked over and over in this order, so that even a slow round sees every observation in every form.
_ROUNDS = (
    (PLAIN, _health, _head, _strict, _health_head, PLAIN, _text, _health),
    (PLAIN, _strict_head, _health_text, _strict, _health, PLAIN, _head, _health_strict),
)
ROUND = tuple(request for half in _ROUNDS for request in half)
LIVENESS_ONLY = (_health, _health_head)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One distinct answer. The moments at which its requests were sent and it was received belong together in pairs."""

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: "array[float]" = field(default_factory=lambda: array("d"))
    received: "array[float]" = field(default_factory=lambda: array("d"))

    @classmethod
    def parse(cls, request: Request, raw: bytes) -> "Answer | None":
        """None until it is complete. Raises ValueError or KeyError for what is no answer."""
        head, is_there, body = raw.partition(b"\r\n\r\n")
        if not is_there:
            return None
        first, *lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if len(body) < (0 if request.method == "HEAD" else int(headers["content-length"])):
            return None
        return cls(request, int(first.split(" ", 2)[1]), headers, body)

    @property
    def key(self) -> tuple[object, ...]:
        """The same for two answers exactly when they differ in nothing but the date."""
        headers = tuple(item for item in self.headers.items() if item[0] != "date")
        return self.request, self.status, headers, self.body

    @property
    def length(self) -> int:
        """As promised."""
        return int(self.headers["content-length"])


@dataclass(frozen=True, slots=True)
class Trouble:
    """A request that got no answer."""

    at: float
    request: Request | None
    what: str
