"""A real PGlite with pgvector behind pglite-socket, which does not know the question for TLS."""

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.live.database.test_tls_question import reached_by_psql, reached_by_us

FOLDER = Path(__file__).parents[2] / "pglite"
_STARTS_WITHIN_SECONDS = 240  # WebAssembly on a busy machine: only a hang takes longer

pytestmark = [
    pytest.mark.skipif(
        not shutil.which("node") or not (FOLDER / "node_modules").exists(),
        reason="needs Node.js, and `npm ci --prefix tests/pglite` once: .ci/run does both",
    ),
    pytest.mark.timeout(_STARTS_WITHIN_SECONDS + 60),
]


@pytest.fixture(scope="module")
def pglite() -> Iterator[str]:
    """The connection string of one; it takes one connection at a time."""
    process = subprocess.Popen(["node", "serve.mjs"], cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres"
    finally:
        process.kill()
        process.communicate()


def connected(url: str) -> psycopg.Connection:
    """Open a connection as soon as the last one is gone, until which PGlite closes every other."""
    for _ in range(600):
        with contextlib.suppress(psycopg.OperationalError):
            return psycopg.connect(url)
        time.sleep(0.05)
    return psycopg.connect(url)


async def until_reached(url: str) -> None:
    """It takes the next connection only a moment after the last one has gone."""
    async with asyncio.timeout(30):
        while await reached_by_us(url, 10.0):
            await asyncio.sleep(0.05)


async def test_it_is_reached_where_psql_reaches_it(pglite: str) -> None:
    await asyncio.to_thread(lambda: connected(f"{pglite}?sslmode=disable").close())
    await until_reached(f"{pglite}?sslmode=disable")

    for mode in ("prefer", "require"):
        assert not await asyncio.to_thread(reached_by_psql, f"{pglite}?sslmode={mode}")
        assert await reached_by_us(f"{pglite}?sslmode={mode}", 10.0)


def test_it_has_pgvector(pglite: str) -> None:
    with connected(f"{pglite}?sslmode=disable") as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        row = connection.execute("SELECT '[1,2,3]'::vector <-> '[3,2,1]'").fetchone()

    assert row is not None
    assert float(row[0]) == pytest.approx(8**0.5)
