"""`Ready` as a guest: applications of other shapes, other engines, wrong arguments, and no lifespan at all."""

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import PostgresDsn, SecretStr, create_model
from sqlalchemy import MetaData, create_engine, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from app.models import Base
from pgvector_ready import Ready
from pgvector_ready.judgement.failures import Code, Step
from pgvector_ready.judgement.report import Reason, State
from pgvector_ready.settings import Settings, load
from tests.conftest import Database
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH
from tests.support.told import error_in

NOWHERE = "postgresql://app:secret@127.0.0.1:1/app"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "guests.md").read_text()


@asynccontextmanager
async def client_of(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application itself, whose lifespan runs meanwhile."""
    async with asyncio.timeout(30), app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://guest") as client:
            yield client


async def code_in(client: httpx.AsyncClient, path: str = DATABASE) -> str | None:
    error = (await client.get(path)).json()["error"]
    return error and str(error["code"])


# The document


@pytest.mark.parametrize("has_lifespan", [True, False])
async def test_the_five_lines_are_enough(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    has_lifespan: bool,  # noqa: FBT001
) -> None:
    """As they stand in docs/guests.md."""
    monkeypatch.setenv("DATABASE_URL", database.url)
    (lines,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, str]]:
        seen.append("begun")
        yield {"theirs": "state"}
        seen.append("ended")

    names: dict[str, Any] = {"lifespan": lifespan if has_lifespan else None}
    exec(lines, names)  # noqa: S102 - the document's own
    async with client_of(names["app"]) as client:
        health, answer = await client.get(HEALTH), await client.get(DATABASE)

    assert (health.status_code, answer.status_code) == (200, 200)
    assert answer.json()["provisioning"] == {"state": "created", "attempts": 1}
    assert seen == (["begun", "ended"] if has_lifespan else [])


# Arguments


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"database_url": 5}, TypeError, "database_url must be text"),
        ({"path": "health"}, ValueError, "begin with /"),
        ({"path": "/health/"}, ValueError, "end without one"),
        ({"path": "/{tenant}/health"}, ValueError, "no parameter"),
        ({"path": None}, TypeError, "path must be text"),
        ({"engine": "postgresql://"}, TypeError, "AsyncEngine"),
        ({"metadata": object()}, TypeError, "MetaData"),
        ({"settings": {}}, TypeError, "Settings"),
        ({"migrations": "/nowhere/at/all"}, Exception, "not there"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_wrong_argument_raises_one_sentence(arguments: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as raised:
        Ready(**{"database_url": NOWHERE, **arguments})

    assert "\n" not in str(raised.value)


def test_a_sync_engine_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match="leave it out"):
        Ready(NOWHERE, engine=create_engine("postgresql+psycopg://"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        NOWHERE,
        SecretStr(NOWHERE),
        make_url(NOWHERE),
        make_url(NOWHERE.replace("ql:", "ql+asyncpg:")),
        PostgresDsn(NOWHERE),
    ],
    ids=["text", "secret", "sqlalchemy", "sqlalchemy with a driver", "pydantic"],
)
def test_a_connection_string_may_be_what_the_application_has(url: Any) -> None:
    assert Ready(url).settings.connection_string.password == "secret"  # noqa: S105 - a test's own


@pytest.mark.parametrize("metadata", [Base, MetaData()], ids=["base", "metadata"])
def test_models_may_be_a_base_or_its_metadata(metadata: Any) -> None:
    assert isinstance(Ready(NOWHERE, metadata=metadata).metadata, MetaData)


def test_the_settings_may_come_from_the_application() -> None:
    settings = load(database_url=NOWHERE, startup_gate=False)

    assert Ready(settings=settings).settings is settings
    assert isinstance(Ready("postgresql://other/db", settings=settings).settings, Settings)
    assert Ready("postgresql://other/db", settings=settings).settings.connection_string.hosts[0].name == "other"


def test_making_one_opens_nothing() -> None:
    script = (
        "import asyncio, os, threading; from pgvector_ready import Ready; before = os.listdir('/proc/self/fd');"
        f"ready = Ready('{NOWHERE}'); ready.router, ready.page, ready.metrics;"
        "print(len(os.listdir('/proc/self/fd')) - len(before), threading.active_count())"
    )

    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert printed.split() == ["0", "1"]


@pytest.mark.parametrize(
    ("url", "code"), [(None, "database_url_missing"), ("postgresql://u:p@ss@h/db", "database_url_unencoded")]
)
async def test_without_a_right_url_the_application_starts_and_says_so(url: str | None, code: str) -> None:
    ready = Ready(url)
    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(ready.router)
    app.include_router(ready.page)
    async with client_of(app) as client:
        health, answer, page = await client.get(HEALTH), await client.get(DATABASE), await client.get("/")

    assert (health.status_code, answer.status_code, page.status_code) == (503, 503, 200)
    assert health.json()["error"]["code"] == "starting"
    assert answer.json()["error"]["code"] == code
    with pytest.raises(RuntimeError, match="while it runs"):
        _ = ready.engine


# Engines


@pytest.fixture(params=["asyncpg", "psycopg"])
async def engine(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[AsyncEngine]:
    """An application's own, by either driver."""
    made = create_async_engine(make_url(database.url).set(drivername=f"postgresql+{request.param}"))
    yield made
    await made.dispose()


async def test_an_engine_that_was_given_is_proven_and_left_alive(engine: AsyncEngine) -> None:
    ready = Ready(engine=engine)
    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(ready.router)
    async with client_of(app) as client:
        answer = await client.get(HEALTH)

    assert answer.status_code == 200, (await _why(ready)).text
    assert ready.engine is engine
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT 1")).scalar() == 1


async def _why(ready: Ready) -> httpx.Response:
    app = FastAPI()
    app.include_router(ready.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://guest") as client:
        return await client.get(DATABASE)


async def test_an_engine_that_leads_elsewhere_is_the_wrong_target(engine: AsyncEngine, server: PostgresServer) -> None:
    server.create_database("elsewhere")
    try:
        ready = Ready(server.connection_string(database="elsewhere"), engine=engine)
        app = FastAPI(lifespan=ready.lifespan())
        app.include_router(ready.router)
        async with client_of(app) as client:
            health, answer = await client.get(HEALTH), await client.get(DATABASE)
    finally:
        server.execute("DROP DATABASE elsewhere WITH (FORCE)")

    assert health.status_code == 503
    error = answer.json()["error"]
    assert (error["code"], error["step"]) == ("wrong_target", "expected")
    assert "engine" in error["message"]


# Lifespans


async def test_handlers_of_events_run_although_there_is_a_lifespan() -> None:
    ready, seen = Ready(NOWHERE), []
    app = FastAPI(lifespan=ready.lifespan())

    async def started() -> None:
        seen.append("started")

    app.router.on_startup.append(started)
    app.router.on_shutdown.append(lambda: seen.append("stopped"))
    async with client_of(app):
        assert seen == ["started"]

    assert seen == ["started", "stopped"]


async def test_a_starlette_application_takes_it_too() -> None:
    ready = Ready(NOWHERE)
    app = Starlette(lifespan=ready.lifespan(), middleware=[Middleware(ready.middleware)])
    async with client_of(app) as client:
        assert await code_in(client) == "connection_refused"


def test_a_test_client_enters_it_again_and_again_on_loops_of_its_own(database_with_vector: Database) -> None:
    ready = Ready(database_with_vector.url)
    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(ready.router)

    for _ in range(3):
        with TestClient(app) as client:
            assert client.get(HEALTH).status_code == 200
            assert client.get(DATABASE).json()["provisioning"] == {"state": "already_enabled", "attempts": 1}


async def test_mounted_where_nobody_runs_its_lifespan_the_first_request_starts_it(database: Database) -> None:
    ready = Ready(database.url)
    inner, outer = FastAPI(lifespan=ready.lifespan()), FastAPI()
    inner.include_router(ready.router)
    outer.mount("/below", inner)
    async with client_of(outer) as client:
        first = await client.get(f"/below{HEALTH}")
        async with asyncio.timeout(20):
            while (last := await client.get(f"/below{HEALTH}")).status_code != 200:
                await asyncio.sleep(0.05)
        extension = database.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
    await ready._stop()

    assert first.status_code == 503
    assert last.json()["links"]["database"] == f"/below{DATABASE}"
    assert extension


async def test_running_needs_no_application(database_with_vector: Database) -> None:
    ready = Ready(database_with_vector.url)

    async with ready.running() as same:
        assert same is ready
        assert (await _why(ready)).status_code == 200
        ready.drain()
        assert (await _why(ready)).json()["error"]["code"] == "draining"
    async with ready.running():
        assert (await _why(ready)).status_code == 200


# Routes


async def test_its_routes_are_like_any_routers() -> None:
    def refuse() -> None:
        raise HTTPException(401)

    ready = Ready(NOWHERE)
    app = FastAPI(lifespan=ready.lifespan(), generate_unique_id_function=lambda route: str(route.tags[0]) + route.name)
    app.include_router(ready.router, prefix="/internal", include_in_schema=False)
    app.include_router(ready.router, prefix="/closed", dependencies=[Depends(refuse)], include_in_schema=False)
    app.include_router(ready.router, prefix="/open")
    async with client_of(app) as client:
        inside, closed = await client.get(f"/internal{HEALTH}"), await client.get(f"/closed{HEALTH}")
        slash = await client.get(f"/internal{DATABASE}/")
        other = await client.post(f"/internal{HEALTH}")
        openapi = (await client.get("/openapi.json")).json()

    assert inside.json()["links"]["database"] == f"/internal{DATABASE}"
    assert closed.status_code == 401
    assert (slash.status_code, other.status_code, other.headers["allow"]) == (503, 405, "GET, HEAD, OPTIONS")
    assert not [path for path in openapi["paths"] if path.startswith("/internal")]
    assert openapi["paths"][f"/open{HEALTH}"]["get"]["tags"] == ["health"]


async def test_another_path_moves_all_of_it() -> None:
    ready = Ready(NOWHERE, path="/healthz")
    app = FastAPI(lifespan=ready.lifespan())
    for router in (ready.router, ready.page):
        app.include_router(router)
    app.add_middleware(ready.middleware)
    async with client_of(app) as client:
        health, page = await client.get("/healthz"), await client.get("/")
        statuses = [(await client.get(path)).status_code for path in ("/healthz/db", "/healthz/badge.svg", HEALTH)]

    assert health.json()["links"]["database"] == "/healthz/db"
    assert statuses == [503, 200, 404]
    assert 'href="/healthz/db"' in page.text


async def test_the_middleware_answers_before_everything_of_the_application() -> None:
    ready = Ready(NOWHERE)
    app = FastAPI(lifespan=ready.lifespan(), dependencies=[Depends(lambda: (_ for _ in ()).throw(HTTPException(401)))])

    @app.get(HEALTH)
    async def theirs() -> str:
        return "theirs"

    app.add_middleware(CORSMiddleware, allow_origins=["https://example.com"])
    app.add_middleware(ready.middleware)
    async with client_of(app) as client:
        ours, preflight = await client.get(HEALTH), await client.options(DATABASE)

    assert ours.json()["error"]["code"] == "starting"
    assert preflight.status_code == 204


def taken(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a log without any knowledge of ours says of paths that two routes have."""
    return [record.getMessage() for record in caplog.records if record.msg == "path_taken: %s"]


async def test_a_route_in_the_way_is_one_warning_that_names_both(caplog: pytest.LogCaptureFixture) -> None:
    ready = Ready(NOWHERE)

    async def own_health(_: Request) -> PlainTextResponse:
        return PlainTextResponse("theirs")

    app = FastAPI(lifespan=ready.lifespan(), routes=[Route(HEALTH, own_health)])
    app.include_router(ready.router)
    with caplog.at_level(logging.WARNING, "pgvector_ready.ready"):
        async with client_of(app) as client:
            answer = await client.get(HEALTH)

    assert answer.text == "theirs"
    assert taken(caplog) == [
        f"path_taken: own_health answers {HEALTH} before pgvector-ready's own route: give Ready another path=…"
    ]


async def test_a_route_that_ours_takes_the_path_of_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    """Included after ours, as the five lines stand, an endpoint of the team's would be gone without a word."""
    ready = Ready(NOWHERE)
    own, versioned = APIRouter(prefix="/health"), APIRouter()

    @own.get("")
    async def own_health() -> str:
        return "theirs"

    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(ready.router)
    versioned.include_router(own)
    app.include_router(versioned, prefix="/api/v1")
    with caplog.at_level(logging.WARNING, "pgvector_ready.ready"):
        async with client_of(app) as client:
            answer = await client.get(HEALTH)

    assert answer.json()["service"] == "pgvector-ready"
    assert taken(caplog) == [
        f"path_taken: pgvector-ready's own route answers {HEALTH} before own_health: give Ready another path=…"
    ]


async def test_without_one_in_the_way_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A route for all that is left, such as a frontend's, loses nothing to one before it."""
    ready = Ready(NOWHERE)

    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("theirs")

    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(APIRouter(prefix="/other"))
    app.include_router(ready.router)
    app.router.routes += [Route("/{path:path}", page), Mount("/", Starlette())]
    async with client_of(app):
        pass

    assert taken(caplog) == []


async def test_a_log_of_the_teams_own_says_what_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    """A formatter that shows no `extra`, as most do, has the code, the sentence and the advice nevertheless."""
    ready = Ready(NOWHERE)
    app = FastAPI(lifespan=ready.lifespan())
    app.include_router(ready.router)

    async with client_of(app) as client:
        error = (await client.get(DATABASE)).json()["error"]

    said = {record.msg.partition(":")[0]: record.getMessage() for record in caplog.records}
    assert said["became_unready"] == f"became_unready: {error['code']}: {error['message']} {error['remedy']}"
    assert said["probe_failed"] == "probe_failed: connection_refused at connected"
    assert "secret" not in caplog.text


def test_the_schemas_of_the_application_keep_their_names() -> None:
    """FastAPI gives two classes of one name two others, and their clients would be generated anew."""
    names = {kind.__name__ for kind in (Code, Step, State, Reason)} | {"ErrorDocument", "DatabaseDocument"}
    app = FastAPI()
    for name in sorted(names):
        app.add_api_route(f"/{name}", lambda: None, response_model=create_model(name, team=(int, ...)))
    alone = app.openapi()["components"]["schemas"]

    app.openapi_schema = None
    app.include_router(Ready(NOWHERE).router)
    together = app.openapi()["components"]["schemas"]

    assert set(alone) == names
    assert {name: schema for name, schema in together.items() if not name.startswith("PgvectorReady")} == alone


# Manners


def test_nothing_global_is_touched() -> None:
    script = f"""
import asyncio, gc, logging, os, signal, sys
def state():
    loggers = {{name: logging.getLogger(name).handlers for name in (None, "pgvector_ready", "uvicorn")}}
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    policy = type(asyncio.get_event_loop_policy())
    return loggers, logging.root.level, signals, policy, gc.isenabled(), gc.get_threshold(), dict(os.environ), sys.path
before = str(state())
from pgvector_ready import Ready
ready = Ready("{NOWHERE}")
async def main():
    async with ready.running():
        pass
asyncio.run(main())
assert str(state()) == before, (before, state())
"""
    environment = {"PATH": "/usr/bin", "PORT": "nonsense", "HOST": "?", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml"}

    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr


def test_a_module_alone_loads_nothing_else() -> None:
    script = "import pgvector_ready.judgement.runbook, sys; print(*sorted(n for n in sys.modules if 'pgvector_' in n))"

    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert all(name == "pgvector_ready" or name.startswith("pgvector_ready.judgement") for name in printed.split())


def test_metrics_without_their_extra_say_which() -> None:
    script = (
        f"import sys; sys.modules['prometheus_client'] = None; from pgvector_ready import Ready;"
        f"Ready('{NOWHERE}').router; Ready('{NOWHERE}').metrics"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert ran.stderr.rstrip().endswith('pip install "pgvector-ready[metrics]"')


@pytest.mark.parametrize("pool_timeout", [0.2, 30.0], ids=["the pool gives up", "start-up gives up"])
async def test_a_pool_without_a_free_connection_is_blamed_and_not_the_server(
    server: PostgresServer, pool_timeout: float
) -> None:
    server.create_database("kept")
    engine = create_async_engine(
        make_url(server.connection_string(database="kept")).set(drivername="postgresql+asyncpg"),
        pool_size=1,
        max_overflow=0,
        pool_timeout=pool_timeout,
    )
    try:
        app = FastAPI(lifespan=(ready := Ready(engine=engine)).lifespan())
        app.include_router(ready.router)
        async with engine.connect() as kept, client_of(app) as client:
            while await code_in(client) != "too_many_connections":
                await asyncio.sleep(0.02)
            answer = await client.get(DATABASE)
            await kept.close()
            while (await client.get(HEALTH)).status_code != 200:
                await asyncio.sleep(0.02)
            mended = await client.get(DATABASE)
    finally:
        await engine.dispose()
        server.drop_database("kept")

    error_in(answer, "too_many_connections", "usable", "own pool are in use", "tries again by itself")
    assert mended.status_code == 200


async def test_an_exhausted_pool_and_a_frozen_server_are_answered_in_time(server: PostgresServer) -> None:
    """The pool is the application's; the probe has a connection of its own."""
    server.create_database("guest")
    engine = create_async_engine(
        make_url(server.connection_string(database="guest")).set(drivername="postgresql+asyncpg"),
        pool_size=1,
        max_overflow=0,
    )
    try:
        ready = Ready(engine=engine)
        app = FastAPI(lifespan=ready.lifespan())
        app.include_router(ready.router)
        async with client_of(app) as client, engine.connect():
            ready.expire()
            assert (await client.get(DATABASE)).status_code == 200
    finally:
        await engine.dispose()
        server.drop_database("guest")
