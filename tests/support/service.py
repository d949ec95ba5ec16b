"""The service for the tests, always behind a real socket: within this process, or as one of its own."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from fastapi import APIRouter, FastAPI

from pgvector_ready.ready import Ready
from pgvector_ready.server.limits import LIMITS, Limits
from pgvector_ready.server.server import Server
from pgvector_ready.service import create_app
from pgvector_ready.settings import load
from tests.support.postgres import free_port, wait_until

HEALTH = "/api/v1/health"
DATABASE = "/api/v1/health/db"
# What is deployed.
SERVE = ("serve", "app.main:create_app", "--factory")
_LIMIT_SECONDS = 30.0
# httpx would read the certificates of the world for each client, 30 ms of a processor; here nobody speaks TLS.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# What the machine's own environment might say to a service: none of it may reach the one under test.
_OURS = {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV"}


@dataclass(frozen=True, slots=True)
class Running:
    """A service within this process's event loop, and a client for it."""

    app: FastAPI
    ready: Ready
    client: httpx.AsyncClient
    url: str

    async def health(self) -> httpx.Response:
        return await self.client.get(HEALTH)

    async def database(self, **query: str) -> httpx.Response:
        return await self.client.get(DATABASE, params=query)

    async def code(self) -> str | None:
        """The database's failure code right now."""
        error = (await self.database()).json()["error"]
        return error and str(error["code"])

    async def until(self, code: str | None, seconds: float = _LIMIT_SECONDS) -> httpx.Response:
        """Poll until the database's failure code is this one; the limit only catches a hang."""
        async with asyncio.timeout(seconds):
            while True:
                answer = await self.database()
                error = answer.json()["error"]
                if (error and error["code"]) == code:
                    return answer
                await asyncio.sleep(0.02)

    async def until_latched(self) -> None:
        """Poll until start-up has succeeded once."""
        async with asyncio.timeout(_LIMIT_SECONDS):
            while (await self.health()).status_code != httpx.codes.OK:
                await asyncio.sleep(0.02)


class _Server(Server):
    """The service's own, which ends when it is told to instead of at uvicorn's next tick, up to 0.1 s later."""

    _ticking: asyncio.Task[None] | None = None

    async def main_loop(self) -> None:
        self._ticking = asyncio.create_task(super().main_loop())
        await asyncio.wait({self._ticking})

    def end(self) -> None:
        self.should_exit = True
        if self._ticking:
            self._ticking.cancel()


@asynccontextmanager
async def running(
    database_url: str,
    *,
    routers: Sequence[APIRouter] = (),
    timeout_seconds: float = _LIMIT_SECONDS,
    limits: Limits = LIMITS,
    **settings: Any,
) -> AsyncIterator[Running]:
    """The service on a free port, with these settings, up when the block begins and gone when it ends."""
    app = create_app(load(database_url=database_url, **settings), routers)
    server = _Server(app, "127.0.0.1", 0, drain_seconds=0, limits=limits)
    serving = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            while not server.is_listening:
                assert not serving.done(), serving
                await asyncio.sleep(0.005)
        url = server.address
        many = httpx.Limits(max_connections=1000)
        async with httpx.AsyncClient(base_url=url, timeout=timeout_seconds, limits=many, verify=NO_TLS) as client:
            yield Running(app, app.state.ready, client, url)
    finally:
        server.end()
        await serving


class ServiceProcess:
    """The service as its users run it: `pgvector-ready serve` in a process of its own, or another `program`'s."""

    def __init__(
        self,
        *arguments: str,
        log: Path,
        program: Sequence[str] = (sys.executable, "-m", "pgvector_ready"),
        **environment: str,
    ) -> None:
        self.program = program
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.folder: Path | None = None  # where it is run; None is here
        kept = {name: value for name, value in os.environ.items() if name in _OURS or name.startswith("COV")}
        self.environment = {**kept, "PORT": str(self.port), **environment}
        self.arguments = arguments or SERVE
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """A new process, on the same port as the one before."""
        with self.log.open("ab") as log:
            command = [*self.program, *self.arguments]
            self.process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, path: str = HEALTH) -> httpx.Response | None:
        """The answer, or None while nobody listens."""
        try:
            return httpx.get(self.url + path, timeout=_LIMIT_SECONDS, verify=NO_TLS)
        except httpx.TransportError:
            return None

    def wait_for(self, status: int, path: str = HEALTH) -> httpx.Response:
        """Poll until it answers with this status."""
        found: list[httpx.Response] = []

        def answers() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            found[:] = [answer for answer in [self.get(path)] if answer is not None]
            return bool(found) and found[0].status_code == status

        wait_until(answers)
        return found[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(_LIMIT_SECONDS)

    def events(self) -> list[dict[str, Any]]:
        """The log's lines, each a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class UnreadProcess(ServiceProcess):
    """Its standard output and standard error are one pipe that nobody reads, until `read_on`."""

    def start(self) -> None:
        self.reading, writing = os.pipe()
        command = [*self.program, *self.arguments]
        self.process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=writing, stderr=writing)
        os.close(writing)

    def read_on(self) -> None:
        """Read, in a thread, to the end of the process; what comes is the log."""

        def read() -> None:
            with open(self.reading, "rb") as pipe, self.log.open("wb") as log:  # noqa: PTH123 - a descriptor
                for line in pipe:
                    log.write(line)
                    log.flush()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()


@contextmanager
def service_process(log: Path, *arguments: str, **environment: str) -> Iterator[ServiceProcess]:
    """A `ServiceProcess` for the length of a block; killed if it is still there."""
    with ServiceProcess(*arguments, log=log, **environment) as process:
        yield process
