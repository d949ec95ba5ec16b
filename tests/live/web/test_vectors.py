"""The vectors over HTTP: who sees names, what a poll pays for the look at them, and a look that never ends."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import httpx
import psycopg
import pytest
from pgvector.sqlalchemy import Vector
from sqlalchemy import Column, Integer, MetaData, Table

from pgvector_ready import Ready
from tests.conftest import Database
from tests.support.faults import door
from tests.support.service import DATABASE, Running, running
from tests.support.told import error_in

TOKEN = "a-token-of-the-tests"  # noqa: S105 - as it says
NAMES = ("private_items", "secret_column", "hidden_idx")
STATEMENTS = (
    "CREATE TABLE private_items (id int, secret_column vector(3))",
    "CREATE INDEX hidden_idx ON private_items USING hnsw (secret_column vector_l2_ops)",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'hidden_idx'::regclass",
)


async def until_looked(service: Running, **headers: str) -> dict[str, Any]:
    """The document once somebody has looked at the vectors."""
    async with asyncio.timeout(30):
        while True:
            document: dict[str, Any] = (await service.client.get(DATABASE, headers=headers)).json()
            if document.get("vectors"):
                return document
            service.ready.expire()
            await asyncio.sleep(0.02)


def broken(database: Database) -> None:
    for statement in STATEMENTS:
        database.execute(statement)


async def test_without_a_token_there_are_codes_and_numbers_and_no_name(database_with_vector: Database) -> None:
    broken(database_with_vector)
    async with running(database_with_vector.url) as service:
        document = await until_looked(service)
        others = [
            await service.client.get(DATABASE, params={"format": "text"}),
            await service.client.get(DATABASE, params={"strict": "true"}),
            await service.client.get("/"),
            await service.client.get("/metrics"),
        ]

    vectors, step = document["vectors"], document["steps"][-1]
    assert (vectors["columns"], vectors["indexes"], vectors["building"], vectors["more"]) == (1, 1, 0, 0)
    (column,) = vectors["largest"]
    (index,) = column.pop("indexes")
    assert column == {"table": None, "column": None, "type": "vector", "dimensions": 3, "rows": 0}
    assert (index["index"], index["method"], index["state"]) == (None, "hnsw", "invalid")
    (finding,) = vectors["findings"]
    assert (finding["code"], finding["table"], finding["column"], finding["index"], finding["remedy"]) == (
        "vector_index_invalid",
        *[None] * 4,
    )
    assert (document["status"], step["state"], step["code"]) == ("warn", "warn", "vector_index_invalid")
    assert "pgvector-ready check" in step["remedy"]
    assert not [
        name for name in NAMES for told in (json.dumps(document), *(one.text for one in others)) if name in told
    ]
    assert [one.status_code for one in others] == [200, 503, 200, 200]


async def test_with_the_token_names_and_statements_are_shown(database_with_vector: Database) -> None:
    broken(database_with_vector)
    authorised = {"authorization": f"Bearer {TOKEN}"}
    async with running(database_with_vector.url, health_token=TOKEN) as service:
        document = await until_looked(service, **authorised)
        text = await service.client.get(DATABASE, params={"format": "text"}, headers=authorised)
        anonymous = await service.client.get(DATABASE)

    (finding,) = document["vectors"]["findings"]
    assert (finding["table"], finding["column"], finding["index"]) == (
        "public.private_items",
        "secret_column",
        "public.hidden_idx",
    )
    assert finding["remedy"].endswith("REINDEX INDEX CONCURRENTLY public.hidden_idx;")
    assert "REINDEX INDEX CONCURRENTLY public.hidden_idx;" in text.text
    assert anonymous.json() == {"healthy": True, "status": "warn", "error": None}


async def test_the_poll_that_makes_a_look_due_does_not_wait_for_it(database_with_vector: Database) -> None:
    """Every connection but the first, which is the probe's, is let in and never answered."""
    server = database_with_vector.server
    async with door(server.port) as way:
        url = database_with_vector.url.replace(f":{server.port}/", f":{way.port}/")
        async with running(url, enable_pgvector=False, startup_gate=False, connect_timeout_seconds=3) as service:
            await service.until(None)
            freezing = asyncio.create_task(_freeze_all_but_one(way))
            service.ready.expire()
            started = time.monotonic()
            answers = [await service.client.get(DATABASE) for _ in range(20)]
            seconds = time.monotonic() - started
            freezing.cancel()
            with suppress(asyncio.CancelledError):
                await freezing

    assert {answer.status_code for answer in answers} == {httpx.codes.OK}
    assert seconds < 3  # the time for connecting: had one of them waited, it would have been as long


async def _freeze_all_but_one(way: Any) -> None:
    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    way.manner = never
    await asyncio.Event().wait()


async def test_while_nobody_could_look_required_models_are_unknown(database_with_vector: Database) -> None:
    """The catalogue's dependencies are locked, which a look needs and a probe does not; then the lock is gone."""
    database = database_with_vector
    database.execute("CREATE TABLE items (id int, embedding vector(3))")
    database.execute(f'REVOKE TEMPORARY ON DATABASE "{database.name}" FROM PUBLIC')  # the proof would need them too
    database.execute(f'REVOKE TEMPORARY ON DATABASE "{database.name}" FROM "{database.owner}"')
    with psycopg.connect(database.url) as holder:
        holder.execute("LOCK TABLE pg_catalog.pg_depend IN ACCESS EXCLUSIVE MODE")
        async with running(database.plain_url, vectors="required", enable_pgvector=False) as service:
            answer = await service.until("vectors_unknown")
            gate = await service.health()
            error_in(answer, "vectors_unknown", "searchable", "VECTORS=auto")

            holder.rollback()
            await service.until(None)
            await service.until_latched()

    assert gate.status_code == httpx.codes.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("policy", ["auto", "required"])
async def test_models_that_do_not_fit_keep_a_deploy_back_only_where_that_is_asked_for(
    policy: str, database_with_vector: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database_with_vector.execute("CREATE TABLE items (id int, embedding vector(3))")
    monkeypatch.setenv("DATABASE_URL", database_with_vector.url)
    monkeypatch.setenv("VECTORS", policy)
    metadata = MetaData()
    Table("items", metadata, Column("id", Integer), Column("embedding", Vector(4)))
    ready = Ready(metadata=metadata)

    async with ready.running():
        if policy == "auto":
            async with asyncio.timeout(30):
                while "vector_dimensions_differ" not in (await _body(ready)):
                    ready.expire()
                    await asyncio.sleep(0.02)
        status, body = await _answer(ready)
        gate, _ = await _answer(ready, is_about_database=False)

    assert "vector_dimensions_differ" in body
    assert (status, gate) == ((200, 200) if policy == "auto" else (503, 503))


async def _answer(ready: Ready, *, is_about_database: bool = True) -> tuple[int, str]:
    path = ready.health.paths.database if is_about_database else ready.health.paths.health
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    answer = await ready.health.answer(scope, is_about_database=is_about_database)
    return int(answer.status), answer.body.decode()


async def _body(ready: Ready) -> str:
    return (await _answer(ready))[1]
