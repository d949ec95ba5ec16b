"""Two instances behind a real balancer, restarted one after the other under load: not one request is lost."""

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import Database
from tests.support.postgres import free_port, wait_until
from tests.support.service import DATABASE, HEALTH, NO_TLS, ServiceProcess

_DOCUMENT = (Path(__file__).parents[3] / "docs" / "rolling-restart.md").read_text()
_PROGRAM = """
import asyncio
from fastapi import APIRouter
import app.api
from pgvector_ready.__main__ import main

router = APIRouter()

@router.api_route("/team/{seconds}", methods=["GET", "POST"])
async def work(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds

app.api.ROUTERS = (router,)
main()
"""


def documented(language: str) -> str:
    """The configuration that people copy."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", _DOCUMENT, re.MULTILINE | re.DOTALL)
    return str(block)


@contextmanager
def instances_of(
    database: Database, tmp_path: Path, drain_seconds: float, *names: str
) -> Iterator[list[ServiceProcess]]:
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    environment = {
        "DATABASE_URL": database.url,
        "DRAIN_SECONDS": str(drain_seconds),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    with ExitStack() as stack:
        instances = [
            stack.enter_context(
                ServiceProcess(log=tmp_path / name, program=[sys.executable, str(program)], **environment)
            )
            for name in names
        ]
        for instance in instances:
            instance.wait_for(200)
        yield instances


@contextmanager
def balancer(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


class HAProxy:
    """The documented configuration with these instances, and with everything off that would repeat a lost request."""

    def __init__(self, instances: list[ServiceProcess], folder: Path) -> None:
        self.port, self.control = free_port(), folder / "control"
        text = documented("haproxy").replace("bind :80", f"bind 127.0.0.1:{self.port}")
        for address, instance in zip(("10.0.0.1:8000", "10.0.0.2:8000"), instances, strict=True):
            text = text.replace(address, f"127.0.0.1:{instance.port}")
        text = text.replace("inter 1s", "inter 100ms")  # so that the drain may be as much shorter
        off = "    retries 0\n    no option redispatch\n    retry-on none\n"
        text = text.replace("    mode http\n", "    mode http\n" + off, 1)
        configuration = folder / "haproxy.cfg"
        configuration.write_text(f"global\n    stats socket {self.control}\n{text}")
        self.command = ("haproxy", "-db", "-f", str(configuration))

    def states(self) -> dict[str, str]:
        """How it sees each of the servers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.control))
            connection.sendall(b"show stat\n")
            rows = b"".join(iter(lambda: connection.recv(65536), b"")).decode().splitlines()
        names = rows[0].removeprefix("# ").split(",")
        found = [dict(zip(names, row.split(","), strict=False)) for row in rows[1:] if row]
        return {row["svname"]: row["status"] for row in found if row["svname"] in {"one", "two"}}

    def is_whole(self) -> bool:
        """Whether it sends requests to both."""
        return self.control.exists() and self.states() == {"one": "UP", "two": "UP"}


class Load:
    """Clients that ask without a pause, each on a connection of its own that it keeps."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.outcomes: Counter[str] = Counter()
        self.is_over = False

    async def client(self, method: str, path: str) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=30, verify=NO_TLS) as client:
            while not self.is_over:
                try:
                    answer = await client.request(method, path)
                    self.outcomes[f"{method} {path} {answer.status_code}"] += 1
                except httpx.TransportError as error:
                    self.outcomes[f"{method} {path} {error!r}"] += 1
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        kinds = [("GET", "/team/0"), ("POST", "/team/0"), ("GET", "/team/0.3"), ("POST", "/team/0.3")]
        clients = [asyncio.create_task(self.client(*kind)) for kind in kinds * 4]
        try:
            yield
        finally:
            self.is_over = True
            await asyncio.gather(*clients)


def restart(instance: ServiceProcess) -> int:
    """Ended in order and started again; the exit code of the old one."""
    code = instance.end(signal.SIGTERM)
    instance.start()
    instance.wait_for(200)
    return code


class Nginx:
    """The documented configuration with these instances.

    A refused connection is its only way to learn of an instance that is gone, so that it has to ask the next one. A
    request that has been sent is lost with its instance, if it is a POST: nginx never repeats one.
    """

    def __init__(self, instances: list[ServiceProcess], folder: Path) -> None:
        self.port, self.log = free_port(), folder / "nginx.log"
        text = documented("nginx").replace("listen 80", f"listen 127.0.0.1:{self.port}")
        for address, instance in zip(("10.0.0.1:8000", "10.0.0.2:8000"), instances, strict=True):
            text = text.replace(address, f"127.0.0.1:{instance.port}")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        folders = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        configuration = folder / "nginx.conf"
        configuration.write_text(
            f"daemon off;\npid {folder}/pid;\nerror_log {self.log} warn;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{folders}{text}}}\n"
        )
        self.command = ("nginx", "-e", str(self.log), "-p", str(folder), "-c", str(configuration))

    def listens(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


async def restarted_under_load(instances: list[ServiceProcess], port: int, are_in_service: Callable[[], bool]) -> Load:
    """One after the other: the second while the first, which is new, has all the load."""
    load = Load(port)
    async with load.running():
        for instance in instances:
            assert await asyncio.to_thread(restart, instance) == 0
            await asyncio.to_thread(wait_until, are_in_service)
    return load


def assert_nothing_was_lost(load: Load, instances: list[ServiceProcess]) -> None:
    assert {outcome.rpartition(" ")[2] for outcome in load.outcomes} == {"200"}, load.outcomes
    assert len(load.outcomes) == 4
    assert_all_went_on(load, instances)


def assert_all_went_on(load: Load, instances: list[ServiceProcess]) -> None:
    assert load.outcomes.total() > 500
    assert {line["level"] for instance in instances for line in instance.events()} == {"info"}


async def test_behind_haproxy_nothing_is_lost(database_with_vector: Database, tmp_path: Path) -> None:
    """Its own retries are off: what an instance lost would be lost."""
    with instances_of(database_with_vector, tmp_path, 1.5, "one", "two") as instances:
        haproxy = HAProxy(instances, tmp_path)
        with balancer(*haproxy.command):
            wait_until(haproxy.is_whole)
            load = await restarted_under_load(instances, haproxy.port, haproxy.is_whole)

    assert_nothing_was_lost(load, instances)


async def test_behind_nginx_nothing_is_lost(database_with_vector: Database, tmp_path: Path) -> None:
    """But for a POST on a kept connection that was closed in that very moment, which nginx repeats for nobody."""
    with instances_of(database_with_vector, tmp_path, 3.5, "one", "two") as instances:
        nginx = Nginx(instances, tmp_path)
        with balancer(*nginx.command):
            wait_until(nginx.listens)
            load = await restarted_under_load(instances, nginx.port, nginx.listens)

    told = [line for line in nginx.log.read_text().splitlines() if "[error]" in line]
    on_a_closed_one = [line for line in told if "prematurely closed" in line or "reset by peer" in line]
    lost = {outcome: number for outcome, number in load.outcomes.items() if not outcome.endswith(" 200")}
    assert set(lost) <= {"POST /team/0 502", "POST /team/0.3 502"}, load.outcomes
    assert sum(lost.values()) <= min(3, len(on_a_closed_one)), (lost, told)
    assert all("Connection refused" in line for line in told if line not in on_a_closed_one)
    assert_all_went_on(load, instances)


# One connection


@pytest.fixture
def draining(database_with_vector: Database, tmp_path: Path) -> Iterator[ServiceProcess]:
    """An instance with a long drain ahead of it."""
    with instances_of(database_with_vector, tmp_path, 300, "one") as (instance,):
        yield instance


def begin(instance: ServiceProcess, number: signal.Signals = signal.SIGTERM) -> None:
    assert instance.process is not None
    instance.process.send_signal(number)


def test_while_it_drains_every_answer_is_the_last_on_its_connection(draining: ServiceProcess) -> None:
    """Kept alive before, and ended in order: the balancer is told, instead of finding a closed socket."""
    paths = ("/team/0", HEALTH, DATABASE, "/metrics", "/nothing")
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=draining.url, verify=NO_TLS)) for _ in paths]
        before = [client.get(path) for client, path in zip(clients, paths, strict=True)]
        begin(draining)
        draining.wait_for(503)

        after = [client.get(path) for client, path in zip(clients, paths, strict=True)]

    assert [answer.headers.get("connection") for answer in before] == [None] * len(paths)
    assert [answer.headers["connection"] for answer in after] == ["close"] * len(paths)
    assert [answer.status_code for answer in before] == [200, 200, 200, 200, 404]
    assert [answer.status_code for answer in after] == [200, 503, 503, 200, 404]


@pytest.mark.parametrize(
    ("number", "seconds", "status"), [(signal.SIGTERM, 1, 200), (signal.SIGINT, 3600, 503)], ids=["SIGTERM", "SIGINT"]
)
async def test_a_second_signal_ends_the_draining_and_only_ctrl_c_what_has_begun(
    draining: ServiceProcess, number: signal.Signals, seconds: int, status: int
) -> None:
    async with httpx.AsyncClient(base_url=draining.url, timeout=30) as client:
        asked = asyncio.create_task(client.get(f"/team/{seconds}"))
        begin(draining)
        await asyncio.to_thread(draining.wait_for, 503)

        code = await asyncio.to_thread(draining.end, number)
        answer = await asked

    assert (code, answer.status_code) == (0, status)
    assert "Traceback" not in draining.log.read_text()


async def test_what_takes_too_long_is_told_so(draining: ServiceProcess) -> None:
    """10 s after the listener has closed; a platform would kill the process, and nobody would get an answer at all."""
    async with httpx.AsyncClient(base_url=draining.url, timeout=30) as client:
        asked = asyncio.create_task(client.get("/team/3600"))
        begin(draining)
        await asyncio.to_thread(draining.wait_for, 503)

        code = await asyncio.to_thread(draining.end)
        answer = await asked

    assert (code, answer.status_code) == (0, 503)
    assert "Traceback" not in draining.log.read_text()
