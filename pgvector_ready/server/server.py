"""uvicorn as this service runs it: it says where, drains before the listener closes, and ends with exit code 0."""

import asyncio
import errno
import logging
import math
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from pgvector_ready.ready import Ready
from pgvector_ready.server.arrival import Arrival
from pgvector_ready.server.budget import Budget
from pgvector_ready.server.limits import LIMITS, Common, Limits
from pgvector_ready.server.protocol import Protocol, make_room
from pgvector_ready.server.turns import Turns, beginnings
from pgvector_ready.settings import ConfigurationError
from pgvector_ready.web.access import AccessLog

_logger = logging.getLogger(__name__)

# How many connections may wait to be accepted (uvicorn's own number), and how many are accepted in one turn of the
# event loop.
_WAITING, _AT_ONCE = 2048, 32
# Out of descriptors: as long as asyncio itself waits, and how often that is said.
_PAUSE_SECONDS, _COMPLAINT_SECONDS = 1.0, 60.0
# Answers that the kernel keeps for a client and has not sent yet; nearly all answers are smaller.
_UNSENT_BYTES = 64 * 1024
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
        # The kernel keeps megabytes for each client that takes nothing, unless it is told otherwise.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
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
    """Return how many of these connections can be open at once; the limit of open files is raised first, if it can be.

    1024 is the soft limit of most machines, kept low for programs that use select(); the hard one is far above it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + connections // 2 + _RESERVED  # half as many may wait to come in
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):  # macOS has a limit above its limits
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max((soft - _RESERVED) * 2 // 3, soft // 4)


class Server(uvicorn.Server):
    """One process, one listener. The first signal drains, the second ends the draining."""

    def __init__(  # noqa: PLR0913 - an argument each for whoever puts a server together
        self,
        app: ASGIApp,
        host: str,
        port: int,
        drain_seconds: float,
        limits: Limits = LIMITS,
        *,
        polled: frozenset[str] = frozenset(),
        on_drain: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve `app`, its `polled` paths before all others; the first signal calls `on_drain`."""
        limits = replace(limits, connections=room_for(limits.connections))
        self._access = AccessLog(app, polled)
        common = Common(limits, Budget(limits.kept_bytes), Turns(), beginnings(polled))
        super().__init__(
            uvicorn.Config(
                self._access,
                host=host,
                port=port,
                loop="pgvector_ready.loop:Loop",
                http=partial(Protocol, common=common),  # type: ignore[arg-type]  # only called
                workers=1,
                lifespan="auto",
                log_config=None,
                access_log=False,
                server_header=False,
                # Longer than the load balancer's, or it sends a request into a connection that is just being closed;
                # Render's answers 502 then, and 120 s avoids it.
                timeout_keep_alive=120,
                # A request that never ends must not outlast the platform's patience (30 s on Render).
                timeout_graceful_shutdown=10,
            )
        )
        self._common = common
        self._drain_seconds = drain_seconds
        self._on_drain = on_drain
        self.is_listening = self.has_failed = False
        self._is_draining = False
        self._arriving: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._complained_at = -math.inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, listen, and say where."""
        await super().startup(sockets=[])  # which would accept by itself
        self.has_failed = self.lifespan.should_exit  # the application's own start-up did, and uvicorn has said why
        if self.should_exit:
            return
        ready = self.lifespan.state.get("pgvector_ready")
        if ready:
            self._attend(ready)
        self.listener = (sockets or [bind(self.config.host, self.config.port)])[0]
        self.listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self.listener.listen(_WAITING)
        self._listen()
        self.is_listening = True
        paths = (ready.health.paths.health, ready.health.paths.database) if ready else ("",)
        tried = " ".join(f"{self.address}{path}" for path in paths)
        _logger.info("serving: %s", tried, extra={"try": tried})

    def _attend(self, ready: Ready) -> None:
        """Serve its two paths before all others, log what fails there, and let it know when this server drains."""
        self._access.polled = ready.health.paths.polled
        self._common.polls = beginnings(ready.health.paths.polled)
        if ready.answers_first:
            self._access.answer = ready.health
        ready.health.logs_failures = True
        self._on_drain = ready.drain

    @property
    def address(self) -> str:
        """The URL at which it listens."""
        host, port, *_ = self.listener.getsockname()
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self.listener, self._accept, _AT_ONCE)

    def _accept(self, number: int) -> None:
        """Accept up to `number` of the waiting connections: who polls comes in at once, the others by turns.

        asyncio would accept as well, but where descriptors run out it logs a traceback for each connection, and tries
        again that many times a second more after each second.
        """
        turns, polls = self._common.turns, self._common.polls
        for _ in range(number):
            if turns.waiting > self._common.limits.connections // 2 and number == _AT_ONCE:
                return  # they are in no hurry, and each has a descriptor
            try:
                client, _ = self.listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._wait_for_descriptors(error)
                return
            arrival = Arrival(client, polls, self._welcome)
            if not arrival.is_poll():
                turns.take(arrival.come_in)

    def _welcome(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        arriving = loop.create_task(loop.connect_accepted_socket(self._protocol, client))
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arrived)

    def _arrived(self, arriving: asyncio.Task[object]) -> None:
        self._arriving.discard(arriving)
        if not arriving.cancelled() and arriving.exception():
            _logger.info("connection_lost", extra={"detail": str(arriving.exception())})

    def _wait_for_descriptors(self, error: OSError) -> None:
        """Let idle connections go, and look again in a while: the kernel would call the listener ready all the time."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.listener)
        self._pause = loop.call_later(_PAUSE_SECONDS, self._listen)
        connections = self.server_state.connections
        make_room(connections, len(connections) * 9 // 10)
        if loop.time() - self._complained_at > _COMPLAINT_SECONDS:
            self._complained_at = loop.time()
            _logger.warning("connections_not_accepted", extra={"detail": error.strerror, "open": len(connections)})

    def _protocol(self) -> asyncio.Protocol:
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept all who wait before the listener closes, which would reset them, request and all; then as uvicorn."""
        if self._pause:
            self._pause.cancel()
        if self.is_listening:
            await self._close_listener()
        await super().shutdown(sockets)

    async def _close_listener(self) -> None:
        asyncio.get_running_loop().remove_reader(self.listener)
        self._accept(_WAITING)
        self._common.turns.take_all()
        if self._pause:
            self._pause.cancel()
        if self._arriving:
            await asyncio.wait(self._arriving)
        self.listener.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Say so on both endpoints while the listener is still open; uvicorn's own would close it first.

        The signal is not kept: uvicorn raises a kept one again after its shutdown, and the exit code would not be 0.
        """
        if self._is_draining:
            self.should_exit = True
            if sig == signal.SIGINT:  # Ctrl-C once more: not even what has begun is waited for
                for request in self.server_state.tasks:
                    request.cancel()
            return
        self._is_draining = True
        self._on_drain()
        self._end_connections()
        _logger.info("draining", extra={"signal": signal.Signals(sig).name, "drain_seconds": self._drain_seconds})
        asyncio.get_running_loop().call_later(self._drain_seconds, self._leave)

    def _end_connections(self) -> None:
        """Each answer from now on is the last on its connection: a balancer's pool empties before the sockets close."""
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]

    def _leave(self) -> None:
        self.should_exit = True
