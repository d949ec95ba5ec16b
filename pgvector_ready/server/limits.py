"""The most that clients may cost (docs/exposure.md has the table), and what their connections share to keep to it."""

from dataclasses import dataclass

from pgvector_ready.server.budget import Budget
from pgvector_ready.server.turns import Turns


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on connections, none of which uvicorn has when httptools parses."""

    # As nginx's large_client_header_buffers (4 of 8 kB) and Apache's LimitRequestFields.
    head_bytes: int = 32 * 1024
    head_fields: int = 100
    # Escaped bytes in a path: three hundred letters of Japanese. A head full of them takes 3 ms to decode.
    path_escapes: int = 1000
    # From its first byte to its blank line: half of what Apache's mod_reqtimeout gives, and no client needs a second.
    head_seconds: float = 10.0
    # The whole of a body; Node's requestTimeout.
    body_seconds: float = 300.0
    # Of a body that nobody waits for, since its request has been answered: read on for so long, then let go.
    leftover_bytes: int = 1024 * 1024
    # For a client that takes none of its answer; nginx's send_timeout.
    send_seconds: float = 60.0
    # How long a refused client may go on sending until it has read why; nginx's lingering_timeout.
    linger_seconds: float = 5.0
    # For the first request of somebody who has connected in the last moment of this process.
    farewell_seconds: float = 0.5
    # Measured: 7 kB each when idle. Beyond them, those that wait for nothing give way, and never the newest, which may
    # be the platform's probe. A limit that answers 503, as uvicorn's limit_concurrency does, would call this service
    # ill.
    connections: int = 4096
    # Requests without an answer and answers that are not taken, over all connections.
    kept_bytes: int = 32 * 1024 * 1024


LIMITS = Limits()


@dataclass(slots=True)
class Common:
    """The limits, budget and queue that all connections of a server share."""

    limits: Limits
    budget: Budget
    turns: Turns
    polls: tuple[bytes, ...]
    """The beginnings of the requests that are served before all others; complete once the application has started."""
