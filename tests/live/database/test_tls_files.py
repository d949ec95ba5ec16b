"""Certificates out of their time, and files of TLS that are not what they should be: as psql, and named."""

import asyncio
import datetime as dt
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgvector_ready.database import Database as Connecting
from pgvector_ready.database.errors import failure_of
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.failures import Code, Failure, Step
from tests.support.postgres import DEBIAN_15, PostgresServer
from tests.support.told import note

BY_NAME: dict[str, Any] = {"host": "localhost", "hostaddr": "127.0.0.1"}
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
STRONG = ("require", "verify-ca", "verify-full")


@pytest.fixture(scope="module")
def tls_server() -> Iterator[PostgresServer]:
    with PostgresServer(binaries=DEBIAN_15, tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def files(tls_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "garbage").write_text("not a certificate")
    (folder / "empty").write_text("")
    (folder / "folder").mkdir()
    key = folder / "own.key"
    key.write_bytes((tls_server.folder / "server.key").read_bytes())
    key.chmod(0o600)
    names = ("garbage", "empty", "folder", "missing")
    root = tls_server.folder / "server.crt"
    return {"root": str(root), "key": str(key), **{name: str(folder / name) for name in names}}


def psql(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


async def ours(url: str) -> Failure | None:
    try:
        link = await Connecting(parse(url), 8.0).connect()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return note(failure_of(error, Step.CONNECTED, parse(url).target))
    link.terminate()
    return None


ROWS = [
    *(("sslrootcert", {"sslrootcert": f"{{{name}}}"}) for name in ("garbage", "empty", "folder", "missing", "key")),
    *(
        ("sslcrl", {"sslrootcert": "{root}", "sslcrl": f"{{{name}}}"})
        for name in ("garbage", "empty", "folder", "missing", "key")
    ),
    *(
        ("sslcert", {"sslrootcert": "{root}", "sslcert": f"{{{name}}}", "sslkey": "{key}"})
        for name in ("garbage", "empty", "folder", "missing", "key", "root")
    ),
    *(
        ("sslkey", {"sslrootcert": "{root}", "sslcert": "{root}", "sslkey": f"{{{name}}}"})
        for name in ("garbage", "empty", "folder", "missing")
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("parameter", "words"), ROWS, ids=lambda value: value if isinstance(value, str) else "-".join(value.values())
)
async def test_a_file_is_read_as_psql_reads_it_and_named(
    parameter: str, words: dict[str, str], mode: str, tls_server: PostgresServer, files: dict[str, str]
) -> None:
    given: dict[str, Any] = {word: value.format(**files) for word, value in words.items()}
    url = tls_server.connection_string(**BY_NAME, sslmode=mode, **given)

    theirs = await asyncio.to_thread(psql, url)
    failure = await ours(url)

    assert (failure is None) is theirs, failure
    if failure:
        said = wording(failure)
        assert failure.code is Code.TLS_ROOT_MISSING
        assert f"the file that {parameter} names" in said.message
        assert str(files["folder"]) not in said.message + said.remedy, "the query string is shown nowhere"


async def test_a_bad_certificate_of_ones_own_is_named_where_the_server_insists(
    tls_server: PostgresServer, files: dict[str, str]
) -> None:
    tls_server.set_rules("hostssl all all 127.0.0.1/32 scram-sha-256")
    try:
        url = tls_server.connection_string(sslcert=files["garbage"], sslkey=files["key"])
        failure = await ours(url)
        assert await ours(tls_server.connection_string()) is None
    finally:
        tls_server.set_rules()

    assert failure
    assert (failure.code, failure.sqlstate) == (Code.TLS_ROOT_MISSING, "28000")
    assert "sslcert names, and it holds no certificate" in wording(failure).message


def certify(folder: Path, first: dt.timedelta, last: dt.timedelta) -> None:
    """Give the server a self-signed certificate that is valid from one distance to now until the other."""
    now = dt.datetime.now(dt.UTC)
    begin, end = ((now + distance).strftime("%Y%m%d%H%M%SZ") for distance in (first, last))
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n"
        "x509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=DNS:localhost\n"
        "basicConstraints=critical,CA:TRUE\n"
    )
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01")
    request = ("req", "-new", "-key", "server.key", "-subj", "/CN=localhost", "-out", "server.csr")
    sign = ("ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "server.key", "-in", "server.csr")
    dates = ("-startdate", begin, "-enddate", end, "-notext", "-out", "server.crt")
    for arguments in (request, (*sign, *dates)):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


DAY = dt.timedelta(days=1)


@pytest.mark.parametrize("mode", STRONG)
@pytest.mark.parametrize(
    ("first", "last", "code", "words"),
    [
        (-9 * DAY, -DAY, Code.TLS_EXPIRED, "has expired"),
        (DAY, 9 * DAY, Code.TLS_NOT_YET_VALID, "is not valid yet"),
    ],
    ids=["expired", "not yet valid"],
)
async def test_a_certificate_out_of_its_time_is_told_and_the_advice_helps(
    first: dt.timedelta, last: dt.timedelta, code: Code, words: str, mode: str
) -> None:
    with PostgresServer(binaries=DEBIAN_15, tls=True) as server:
        certify(server.folder, first, last)
        server.restart()
        root = str(server.folder / "server.crt")
        url = server.connection_string(**BY_NAME, sslmode=mode, sslrootcert=root)

        assert not await asyncio.to_thread(psql, url)
        failure = await ours(url)
        assert failure
        assert failure.code is code
        assert words in wording(failure).message
        assert "Until then sslmode=require without sslrootcert" in wording(failure).remedy
        assert await ours(server.connection_string(**BY_NAME, sslmode="require")) is None

        certify(server.folder, -DAY, DAY)
        server.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(30):
            while await ours(url):  # the postmaster reads it in a moment
                await asyncio.sleep(0.05)
