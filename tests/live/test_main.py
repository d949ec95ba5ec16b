"""The whole service against real databases: found well, made well, refused, down, back, and ended by signals."""

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text

from app.api.session import Session
from pgvector_ready.server.server import bind
from tests.conftest import Database
from tests.support.postgres import PostgresServer, free_port, wait_until
from tests.support.service import DATABASE, HEALTH, Running, ServiceProcess, running, service_process


@pytest.fixture(scope="module")
def fragile() -> Iterator[PostgresServer]:
    """A server of this module's own, to be stopped and killed; always up when a test begins."""
    with PostgresServer() as server:
        server.execute("CREATE EXTENSION vector")
        yield server


def provisioning(answer: httpx.Response) -> str:
    return str(answer.json()["provisioning"]["state"])


def has_vector(database: Database) -> bool:
    return bool(database.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'"))


# The extension


async def test_an_extension_that_is_there_is_left_alone(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        health, answer = await service.health(), await service.database()

    assert (health.status_code, answer.status_code) == (200, 200)
    assert provisioning(answer) == "already_enabled"


async def test_a_missing_extension_is_created_before_the_first_request(database: Database) -> None:
    async with running(database.url) as service:
        health, answer = await service.health(), await service.database()

    assert (health.status_code, answer.status_code) == (200, 200)
    assert answer.json()["provisioning"] == {"state": "created", "attempts": 1}
    assert has_vector(database)


async def test_a_plain_role_is_told_what_to_do_and_ready_once_it_is_done(database: Database) -> None:
    """Nobody restarts anything: the service finds it by itself."""
    async with running(database.plain_url) as service:
        denied = await service.until("pgvector_permission_denied")
        starting = await service.health()
        database.execute("CREATE EXTENSION vector")
        mended = await service.until(None)
        await service.until_latched()
        settled = await service.until(None)

    assert (denied.status_code, starting.status_code) == (503, 503)
    assert denied.json()["error"]["sqlstate"] == "42501"
    assert "CREATE EXTENSION vector;" in denied.json()["error"]["remedy"]
    assert denied.json()["pgvector"]["state"] == "available"
    assert provisioning(denied) == "failed"
    assert mended.status_code == 200
    # Created by somebody just between looking and trying again, it is taken for our own: IF NOT EXISTS does not say.
    assert provisioning(settled) in {"already_enabled", "created"}


async def test_enabling_may_be_switched_off(database: Database) -> None:
    """It only looks, and says so; whoever creates the extension is noticed."""
    async with running(database.url, enable_pgvector=False) as service:
        before = await service.until("pgvector_not_enabled")
        is_untouched = not has_vector(database)
        database.execute("CREATE EXTENSION vector")
        after = await service.until(None)
        await service.until_latched()

    assert is_untouched
    assert (before.status_code, provisioning(before)) == (503, "disabled")
    assert (after.status_code, provisioning(after)) == (200, "disabled")


@pytest.mark.parametrize(("update", "state"), [(True, "updated"), (False, "already_enabled")])
async def test_an_update_is_only_made_where_it_is_wanted(
    database_with_vector: Database,
    update: bool,  # noqa: FBT001
    state: str,
) -> None:
    database_with_vector.execute("UPDATE pg_extension SET extversion = '0.8.0' WHERE extname = 'vector'")

    async with running(database_with_vector.url, update_pgvector=update) as service:
        health, answer = await service.health(), await service.database()

    assert (health.status_code, answer.status_code) == (200, 200)
    assert answer.json()["status"] == ("pass" if update else "warn")
    assert provisioning(answer) == state


# The server


@asynccontextmanager
async def up_again(server: PostgresServer) -> AsyncIterator[None]:
    """Whatever a block does to the server, it is up afterwards."""
    try:
        yield
    finally:
        if not server.is_running:
            server.start()


async def test_a_server_that_comes_up_later_is_found(fragile: PostgresServer) -> None:
    async with up_again(fragile):
        await asyncio.to_thread(fragile.stop)
        async with running(fragile.connection_string()) as service:
            starting, down = await service.health(), await service.until("connection_refused")
            fragile.start(wait=False)  # from this thread: it would end with another one
            ready = await service.until(None)
            await service.until_latched()

    assert (starting.status_code, starting.json()["error"]["code"]) == (503, "starting")
    assert (down.status_code, down.json()["error"]["step"]) == (503, "connected")
    assert ready.status_code == 200


async def test_a_server_that_dies_is_told_and_found_again(fragile: PostgresServer) -> None:
    """Liveness stays 200 all along: a restart of the service would mend nothing."""
    async with up_again(fragile), running(fragile.connection_string()) as service:
        await service.until(None)
        await asyncio.to_thread(fragile.kill)
        down = await service.until("connection_refused")
        live = await service.health()
        fragile.start(wait=False)
        back = await service.until(None)

    assert (down.status_code, live.status_code, back.status_code) == (503, 200, 200)
    assert provisioning(back) == "already_enabled"


# The team's own endpoints

_may_end: asyncio.Event
router = APIRouter()


@router.get("/hold")
async def hold(session: Session) -> str:
    """Keep a connection of the application's pool for as long as the test wants."""
    await session.execute(text("SELECT 1"))
    await _may_end.wait()
    return "held"


@router.get("/nearest")
async def nearest(session: Session) -> float:
    distance = await session.scalar(text("SELECT '[1,2,3]'::vector <-> '[3,2,1]'::vector"))
    return float(distance or 0)


@pytest.fixture
async def may_end() -> asyncio.Event:
    global _may_end  # noqa: PLW0603 - the endpoint is made before any event loop
    _may_end = asyncio.Event()
    return _may_end


async def test_a_router_is_served_with_a_session_from_the_pool(database: Database) -> None:
    async with running(database.url, routers=[router]) as service:
        answer = await service.client.get("/nearest")

    assert answer.status_code == 200
    assert answer.json() == pytest.approx(8**0.5)


async def test_an_exhausted_pool_changes_nothing_in_either_endpoint(database: Database, may_end: asyncio.Event) -> None:
    """An application that has run out of connections does not have a dead database."""
    async with running(database.url, routers=[router]) as service:
        holders = [asyncio.create_task(service.client.get("/hold")) for _ in range(6)]
        await are_held(service, database, 5)
        is_exhausted = sum(holder.done() for holder in holders) == 0
        health, answer = await service.health(), await service.until(None)
        may_end.set()
        held = await asyncio.gather(*holders)

    assert is_exhausted
    assert (health.status_code, answer.status_code) == (200, 200)
    assert {one.json() for one in held} == {"held"}


async def are_held(service: Running, database: Database, connections: int) -> None:
    """Wait until so many of the pool's connections lie in a transaction."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'idle in transaction'"
    async with asyncio.timeout(30):
        while database.server.execute(query, database.name) != [(connections,)]:
            assert (await service.health()).status_code == 200


# Processes


def test_eight_instances_start_at_once_on_a_new_database(database: Database, tmp_path: Path) -> None:
    """As a platform starts them; without a lock nearly all of them would fail in CREATE EXTENSION."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(service_process(tmp_path / str(number), DATABASE_URL=database.url))
            for number in range(8)
        ]
        for process in processes:
            process.wait_for(200)
        answers = [process.wait_for(200, DATABASE) for process in processes]
        codes = [process.end() for process in processes]

    states = [provisioning(answer) for answer in answers]
    lines = [line for process in processes for line in process.events()]
    assert set(states) <= {"created", "already_enabled"}
    assert "created" in states
    assert {answer.json()["provisioning"]["attempts"] for answer in answers} == {1}
    assert {line["level"] for line in lines} == {"info"}
    assert not any("exception" in line for line in lines)
    assert codes == [0] * 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(database_with_vector: Database, tmp_path: Path, number: signal.Signals) -> None:
    with service_process(tmp_path / "log", DATABASE_URL=database_with_vector.url) as process:
        process.wait_for(200)

        code = process.end(number)

    assert code == 0
    assert [line["signal"] for line in process.events() if line["event"] == "draining"] == [number.name]
    wait_until(lambda: not database_with_vector.server.backends(database_with_vector.name))


def test_it_drains_while_it_still_listens_and_a_second_signal_ends_that(
    database_with_vector: Database, tmp_path: Path
) -> None:
    environment = {"DATABASE_URL": database_with_vector.url, "DRAIN_SECONDS": "300"}
    with service_process(tmp_path / "log", **environment) as process:
        process.wait_for(200)
        assert process.process is not None
        process.process.send_signal(signal.SIGTERM)
        draining = [process.wait_for(503, path) for path in (HEALTH, DATABASE)]

        code = process.end()

    assert [answer.json()["error"]["code"] for answer in draining] == ["draining", "draining"]
    assert code == 0


def test_it_leaves_by_itself_when_it_has_drained(database_with_vector: Database, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database_with_vector.url, "DRAIN_SECONDS": "1"}
    with service_process(tmp_path / "log", **environment) as process:
        process.wait_for(200)
        assert process.process is not None
        process.process.send_signal(signal.SIGTERM)
        process.wait_for(503)

        code = process.process.wait(30)

    assert code == 0


def test_a_frozen_server_does_not_hold_up_the_end(fragile: PostgresServer, tmp_path: Path) -> None:
    """Render kills what has not left 30 s after SIGTERM."""
    with service_process(tmp_path / "log", DATABASE_URL=fragile.connection_string()) as process:
        process.wait_for(200)
        with fragile.frozen():
            code = process.end()

    assert code == 0


def test_a_signal_during_start_up_ends_it(fragile: PostgresServer, tmp_path: Path) -> None:
    """While the database keeps it waiting and nothing listens yet."""
    with fragile.frozen(), service_process(tmp_path / "log", DATABASE_URL=fragile.connection_string()) as process:
        wait_until(lambda: "Waiting for application startup." in process.log.read_text())

        code = process.end()

    assert code == 0
    assert "Traceback" not in process.log.read_text()


def test_kill_9_leaves_nothing_behind_that_the_next_one_minds(database: Database, tmp_path: Path) -> None:
    with service_process(tmp_path / "first", DATABASE_URL=database.url) as first:
        first.wait_for(200)
        code = first.end(signal.SIGKILL)
    wait_until(lambda: not database.server.backends(database.name))
    with service_process(tmp_path / "second", DATABASE_URL=database.url) as second:
        second.wait_for(200)
        answer = second.wait_for(200, DATABASE)
        second.end()

    assert code == -signal.SIGKILL
    assert provisioning(answer) == "already_enabled"


async def test_a_role_that_may_not_make_temporary_tables_is_ready_without_that_proof(
    database_with_vector: Database,
) -> None:
    name = database_with_vector.name
    database_with_vector.server.create_role(f"{name}_guest")
    database_with_vector.execute(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
    url = database_with_vector.server.connection_string(f"{name}_guest", name)
    try:
        async with running(url) as service:
            answer, gate = await service.database(), await service.health()
    finally:
        database_with_vector.execute(f'DROP ROLE "{name}_guest"')

    assert (answer.status_code, gate.status_code) == (200, 200)
    assert answer.json()["provisioning"] == {"state": "already_enabled", "attempts": 1}


def test_a_taken_port_is_one_line_and_exit_code_two(database_with_vector: Database, tmp_path: Path) -> None:
    with service_process(tmp_path / "first", DATABASE_URL=database_with_vector.url) as first:
        first.wait_for(200)
        environment = {"DATABASE_URL": database_with_vector.url, "PORT": str(first.port)}
        with service_process(tmp_path / "second", **environment) as second:
            assert second.process is not None
            code = second.process.wait(30)
        first.end()

    assert code == 2
    assert second.log.read_text() == (
        f"pgvector-ready: PORT: {first.port} on 127.0.0.1 is taken by another process: "
        "stop that one, or set PORT to a free one.\n"
    )


def test_the_log_says_where_it_listens(database_with_vector: Database, tmp_path: Path) -> None:
    environment: dict[str, Any] = {"DATABASE_URL": database_with_vector.url, "HOST": "::1", "PORT": str(free_port())}
    with ServiceProcess(log=tmp_path / "log", **environment) as process:
        wait_until(lambda: '"event":"serving"' in process.log.read_text())
        (serving,) = (line for line in process.events() if line["event"] == "serving")
        urls = re.findall(r"\S+", serving["try"])
        answers = [httpx.get(url).status_code for url in urls]
        process.end()

    assert urls[0] == f"http://[::1]:{environment['PORT']}{HEALTH}"
    assert answers == [200, 200]


async def test_an_answer_is_not_held_back_until_the_client_has_acknowledged_its_headers() -> None:
    """Headers and body are two segments; on a connection that is kept Nagle's algorithm makes 40 ms of it."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: accepted.put(writer), sock=bind("127.0.0.1", 0))
    async with server:
        _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer = await accepted.get()
        is_sent_at_once = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for end in (client, writer):
            end.close()
            await end.wait_closed()

    assert is_sent_at_once
