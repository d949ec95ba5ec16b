"""uvicorn as this service runs it: it says where, drains before the listener closes, and ends with exit code 0."""

import asyncio
import errno
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import FrameType

import uvicorn

from pgvector_ready.paths import DATABASE_PATH, HEALTH_PATH
from pgvector_ready.server.protocol import LIMITS, Limits, Protocol
from pgvector_ready.service import Service
from pgvector_ready.settings import ConfigurationError

_logger = logging.getLogger(__name__)

# How many connections may wait to be accepted (uvicorn's own number), and how many of them asyncio accepts in one go.
# asyncio knows one number for both, and out of descriptors it tries and logs as often before it pauses for a second.
_WAITING, _AT_ONCE = 2048, 32
# Descriptors that are not clients' connections: the pool, the probe, files, and those just accepted.
_RESERVED = 8 * _AT_ONCE


def bind(host: str, port: int) -> socket.socket:
    """The address to listen on, taken before anything else is started; nobody can connect until the server listens.

    Raises ConfigurationError.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        family, kind, protocol, _, address = found
        # The protocol is named, so that asyncio switches Nagle's algorithm off. Otherwise the body, which is written
        # after the headers, waits for the client's delayed acknowledgement of those, 40 ms on Linux.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(_unbindable(error, host, port)) from error
    return listener


def _unbindable(error: Exception, host: str, port: int) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"PORT: {port} on {host} is taken by another process: stop that one, or set PORT to a free one."
        case errno.EACCES | errno.EPERM:
            return f"PORT: {port} may not be used by this account: set PORT to one above 1023."
        case _:
            return "HOST: is no address of this machine: set it to 127.0.0.1, or to 0.0.0.0 for all of them."


def room_for(connections: int) -> int:
    """How many of so many connections there are descriptors for, once this process may have as many as it needs.

    1024 is the soft limit of most machines, kept low for programs that use select(); the hard one is far above it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVED
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):  # macOS has a limit above its limits
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - _RESERVED, soft // 2)


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Everybody who waits at this moment."""
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            yield client


class Server(uvicorn.Server):
    """One process, one listener. The first signal drains, the second ends the draining."""

    def __init__(self, service: Service, host: str, port: int, drain_seconds: float, limits: Limits = LIMITS) -> None:
        room = room_for(limits.connections)
        super().__init__(
            uvicorn.Config(
                service,
                host=host,
                port=port,
                loop="pgvector_ready.loop:Loop",
                http=partial(Protocol, limits=replace(limits, connections=room)),  # type: ignore[arg-type]  # only called
                workers=1,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=_AT_ONCE,
                # Longer than the load balancer's, or it sends a request into a connection that is just being closed;
                # Render's answers 502 then, and 120 s avoids it.
                timeout_keep_alive=120,
                # A request that never ends must not outlast the platform's patience (30 s on Render).
                timeout_graceful_shutdown=10,
            )
        )
        self._service = service
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, then the one line that says where."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_WAITING)
        listening = self.servers[0].sockets[0].getsockname()
        host = f"[{listening[0]}]" if ":" in listening[0] else listening[0]
        address = f"http://{host}:{listening[1]}"
        _logger.info("serving", extra={"try": f"{address}{HEALTH_PATH} {address}{DATABASE_PATH}"})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with all who are in the queue: closing the listener would reset them, request and all."""
        loop = asyncio.get_running_loop()
        waiting = [client for listener in sockets or () for client in _accepted(listener)]
        for server in self.servers:
            server.close()
        for client in waiting:
            await loop.connect_accepted_socket(self._protocol, client)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Say so on both endpoints while the listener is still open; uvicorn's own would close it first.

        The signal is not kept: uvicorn raises a kept one again after its shutdown, and the exit code would not be 0.
        """
        if self._service.health.is_draining:
            self.should_exit = True
            if sig == signal.SIGINT:  # Ctrl-C once more: not even what has begun is waited for
                for request in self.server_state.tasks:
                    request.cancel()
            return
        self._service.health.is_draining = True
        self._end_connections()
        _logger.info("draining", extra={"signal": signal.Signals(sig).name, "drain_seconds": self._drain_seconds})
        asyncio.get_running_loop().call_later(self._drain_seconds, self._leave)

    def _end_connections(self) -> None:
        """Each answer from now on is the last on its connection: a balancer's pool empties before the sockets close."""
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]

    def _leave(self) -> None:
        self.should_exit = True
