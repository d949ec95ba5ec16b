"""Behind a real PgBouncer in transaction mode: everything works, nobody's session is touched, its refusals are told."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack, closing

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pgvector.sqlalchemy import Vector
from sqlalchemy import Column, Integer, MetaData, Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pgvector_ready import Ready
from pgvector_ready.database import Database as Connector
from pgvector_ready.database import create_engine
from pgvector_ready.dsn import parse
from tests.conftest import Database
from tests.support.pooler import PgBouncer
from tests.support.postgres import PostgresServer
from tests.support.service import DATABASE, HEALTH, running
from tests.support.told import error_in


async def test_a_new_database_is_enabled_and_proven_through_it(database: Database) -> None:
    with PgBouncer(database.server) as pooler:
        async with running(pooler.connection_string(database.name)) as service:
            await service.until_latched()
            answer = await service.database()

    connected = next(step for step in answer.json()["steps"] if step["step"] == "connected")
    assert answer.json()["provisioning"]["state"] == "created"
    assert any("pooler answers" in note for note in connected["notes"])


async def test_a_direct_connection_is_not_taken_for_a_pooler(database_with_vector: Database) -> None:
    async with running(database_with_vector.url) as service:
        answer = await service.until(None)

    connected = next(step for step in answer.json()["steps"] if step["step"] == "connected")
    assert not connected.get("notes")


async def test_an_engine_that_prepares_by_name_is_told_and_the_advice_ends_it(database_with_vector: Database) -> None:
    """Another client's statements lie on the pool's only session, by the names that asyncpg counts up."""
    name = database_with_vector.name
    with PgBouncer(database_with_vector.server, default_pool_size="1") as pooler:
        url = pooler.connection_string(name)
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as other:
            other.execute(_PREPARE_MANY)
        with_driver = url.replace("postgresql://", "postgresql+asyncpg://", 1)
        engines = [create_async_engine(with_driver)]
        try:
            answer = await _answer_of(url, engines[0], "pooler_error")
            error = error_in(answer, "pooler_error", "usable", "prepares statements by name", sqlstate="42P05")
            arguments = eval(error["remedy"].partition("connect_args=")[2].partition("; or")[0])  # noqa: S307 - the remedy's own
            engines.append(create_async_engine(with_driver, connect_args=arguments))
            assert (await _answer_of(url, engines[1], None)).status_code == 200
        finally:
            for engine in engines:
                await engine.dispose()


_PREPARE_MANY = """DO $$BEGIN FOR number IN 0..2000 LOOP
EXECUTE format('PREPARE "__asyncpg_stmt_%s__" AS SELECT 1', to_hex(number)); END LOOP; END$$"""


async def _answer_of(url: str, engine: AsyncEngine, code: str | None) -> httpx.Response:
    """What a guest with this engine answers once start-up has come to this."""
    app = FastAPI(lifespan=(ready := Ready(url, engine=engine)).lifespan())
    app.include_router(ready.router)
    transport = httpx.ASGITransport(app=app)
    async with (
        asyncio.timeout(30),
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://guest") as client,
    ):
        while True:
            health, answer = await client.get(HEALTH), await client.get(DATABASE)
            error = answer.json()["error"]
            if (error and error["code"]) == code and (code or health.status_code == httpx.codes.OK):
                return answer
            await asyncio.sleep(0.02)


async def test_the_pools_sessions_are_left_as_they_were(database_with_vector: Database) -> None:
    """A setting made through a pooler would stay with somebody else's session."""
    with PgBouncer(database_with_vector.server, default_pool_size="1") as pooler:
        url = pooler.connection_string(database_with_vector.name)
        async with running(url) as service:
            await service.until(None)
            engine = create_engine(Connector(parse(url), 3))
            async with engine.connect() as connection:
                timeout = await connection.scalar(text("SHOW idle_session_timeout"))
            await engine.dispose()

    assert timeout == "0"


STATEMENTS = """
import asyncio, sys
from tests.provoked.test_provoked_pooler import work
asyncio.run(work(sys.argv[1]))
"""


async def test_hundreds_of_statements_of_two_processes_share_two_sessions(database_with_vector: Database) -> None:
    with PgBouncer(database_with_vector.server) as pooler:
        url = pooler.connection_string(database_with_vector.name)
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", STATEMENTS, url, stderr=subprocess.PIPE)

        await work(url)
        _, complaints = await other.communicate()

    assert other.returncode == 0, complaints.decode()


async def work(url: str) -> None:
    """Five sessions at once, each with transactions of several statements, vectors among them."""
    engine = create_engine(Connector(parse(url), 3))
    try:
        await asyncio.gather(*(_transact(engine, number) for number in range(30)))
    finally:
        await engine.dispose()


_TABLE = Table(
    "items", MetaData(), Column("id", Integer, primary_key=True), Column("at", Vector(3)), prefixes=["TEMPORARY"]
)


async def _transact(engine: AsyncEngine, number: int) -> None:
    async with engine.connect() as connection, connection.begin() as transaction:
        await connection.run_sync(_TABLE.create)
        await connection.execute(_TABLE.insert(), [{"id": number, "at": [number, 2, 3]}])
        for addend in range(5):
            assert await connection.scalar(select(func.abs(number) + addend)) == number + addend
        nearest = select(_TABLE.c.id).order_by(_TABLE.c.at.l2_distance([number, 2, 3])).limit(1)
        assert await connection.scalar(nearest) == number
        await transaction.rollback()


async def test_a_start_up_parameter_that_it_refuses_is_told_and_without_it_all_is_well(
    database_with_vector: Database,
) -> None:
    with PgBouncer(database_with_vector.server) as pooler:
        url = pooler.connection_string(database_with_vector.name, options="-c search_path=public")
        async with running(url) as service:
            words = ("pooler on 127.0.0.1", "start-up parameter such as options=...")
            error_in(await service.database(), "pooler_error", "connected", *words, sqlstate="08P01")

        async with running(pooler.connection_string(database_with_vector.name)) as service:
            await service.until(None)


async def test_a_queue_in_which_nobody_gets_a_turn_is_told_and_found_mended(database_with_vector: Database) -> None:
    with PgBouncer(database_with_vector.server, default_pool_size="1", query_wait_timeout="1") as pooler:
        url = pooler.connection_string(database_with_vector.name)
        engine = create_engine(Connector(parse(url), 3))
        async with engine.connect() as hog:
            await hog.execute(text("SELECT 1"))
            async with running(url, query_timeout_seconds=1.9) as service:
                error_in(await service.database(), "pooler_error", "connected", sqlstate="08P01")

                await hog.rollback()
                await service.until(None)
        await engine.dispose()


@pytest.mark.parametrize(
    ("different", "word"),
    [
        ({"password": "wrong"}, "the user or password"),
        ({"role": "nobody"}, "the user or password"),
        ({"database": "nowhere"}, "the database's name"),
    ],
    ids=["password", "user", "database"],
)
async def test_what_is_wrong_in_the_connection_string_is_named_among_its_reasons(
    different: dict[str, str], word: str, database_with_vector: Database
) -> None:
    """Debian's PgBouncer 1.18 says 08P01 of everything."""
    with PgBouncer(database_with_vector.server) as pooler:
        url = pooler.connection_string(**{"database": database_with_vector.name, **different})
        async with running(url) as service:
            words = (word, 'psql "$DATABASE_URL"')
            error_in(await service.database(), "pooler_error", "connected", *words, sqlstate="08P01")


async def test_a_pooler_that_is_full_is_told_and_found_mended(database_with_vector: Database) -> None:
    most = 7  # what one instance takes at most
    with PgBouncer(database_with_vector.server, max_client_conn=str(most)) as pooler, ExitStack() as others:
        url = pooler.connection_string(database_with_vector.name)
        for _ in range(most):
            others.enter_context(closing(psycopg.connect(url)))
        async with running(url) as service:
            error_in(await service.database(), "pooler_error", "connected", "max_client_conn", sqlstate="08P01")

            others.close()
            await service.until(None)


async def test_a_pooler_whose_server_is_down_is_silence_during_the_login() -> None:
    with PostgresServer() as server, PgBouncer(server, server_login_retry="1") as pooler:
        server.execute("CREATE EXTENSION vector")
        server.stop()
        async with running(pooler.connection_string("postgres"), connect_timeout_seconds=0.6) as service:
            words = ("during the login", "a pooler there cannot reach its own server")
            error_in(await service.database(), "connect_timeout", "connected", *words, within_seconds=2.0)

            server.start()
            await service.until(None)
