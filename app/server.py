"""uvicorn as this service runs it: it says where, drains before the listener closes, and ends with exit code 0."""

import asyncio
import errno
import logging
import signal
import socket
from types import FrameType

import uvicorn

from app.main import Service
from app.report import DATABASE_PATH, HEALTH_PATH
from app.settings import ConfigurationError

_logger = logging.getLogger(__name__)


def bind(host: str, port: int) -> socket.socket:
    """The address to listen on, taken before anything else is started; nobody can connect until the server listens.

    Raises ConfigurationError.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # asyncio switches Nagle's algorithm off only for a socket that names its protocol; with it, the body would wait
        # 40 ms for the head's acknowledgement on every connection that is kept.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


class Server(uvicorn.Server):
    """One process, one listener. The first signal drains, the second ends it at once."""

    def __init__(self, service: Service, host: str, port: int, drain_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                service,
                host=host,
                port=port,
                loop="app.server:Loop",
                workers=1,
                lifespan="on",
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
        self._service = service
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, then the one line that says where."""
        await super().startup(sockets)
        listening = self.servers[0].sockets[0].getsockname()
        host = f"[{listening[0]}]" if ":" in listening[0] else listening[0]
        address = f"http://{host}:{listening[1]}"
        _logger.info("serving", extra={"try": f"{address}{HEALTH_PATH} {address}{DATABASE_PATH}"})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Say so on both endpoints while the listener is still open; uvicorn's own would close it first.

        The signal is not kept: uvicorn raises a kept one again after its shutdown, and the exit code would not be 0.
        """
        if self._service.health.is_draining:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
            return
        self._service.health.is_draining = True
        _logger.info("draining", extra={"signal": signal.Signals(sig).name, "drain_seconds": self._drain_seconds})
        asyncio.get_running_loop().call_later(self._drain_seconds, self._leave)

    def _leave(self) -> None:
        self.should_exit = True


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own, whose end does not wait for a name server that never answers."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's
        """Leave the threads behind; the process is about to end."""
