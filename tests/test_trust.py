"""Nothing of a stranger's is read, written or run: whatever an ordinary role plants, the traps in it stay unsprung."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgvector_ready.commands.check.run import check
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.report import State
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.plants import Garden, garden

Plant = Callable[[Garden], None]
_HISTORY = Path(__file__).parents[1] / "app/migrations"


@pytest.fixture
def planted(database: Database) -> Iterator[Garden]:
    with garden(database) as it:
        yield it


def _url(planted: Garden, role: str) -> str:
    return planted.database.url if role == "superuser" else planted.database.plain_url


async def _checked(planted: Garden, role: str, migrations: str = "auto") -> dict[Step, tuple[State, Failure | None]]:
    """What `check --enable` found: it provisions, proves through the engine, and probes."""
    settings = load(database_url=_url(planted, role), migrations=migrations, migrations_folder=_HISTORY)
    observation = await check(settings, enable=True, timeout_seconds=20)
    return {verdict.step: (verdict.state, verdict.failure) for verdict in observation.report.verdicts}


def _evil_view(planted: Garden) -> None:
    planted.trap("public.evil")
    planted.plant("CREATE VIEW alembic_version AS SELECT evil()::varchar(32) AS version_num", _GRANT)


_GRANT = "GRANT SELECT ON alembic_version TO PUBLIC"


def _slow_view(planted: Garden) -> None:
    planted.plant("CREATE VIEW alembic_version AS SELECT pg_sleep(30)::text AS version_num", _GRANT)


def _empty_table(planted: Garden) -> None:
    planted.plant("CREATE TABLE alembic_version (version_num varchar(32))", _GRANT)


def _materialized_view(planted: Garden) -> None:
    planted.plant("CREATE MATERIALIZED VIEW alembic_version AS SELECT 'x'::text AS version_num", _GRANT)


def _partitioned_table(planted: Garden) -> None:
    planted.plant("CREATE TABLE alembic_version (version_num text) PARTITION BY LIST (version_num)", _GRANT)


def _foreign_table(planted: Garden) -> None:
    planted.database.execute("CREATE FOREIGN DATA WRAPPER wrapper")
    planted.database.execute(f'GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO "{planted.planter}"')
    planted.plant(
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrapper",
        "CREATE FOREIGN TABLE alembic_version (version_num text) SERVER elsewhere",
        _GRANT,
    )


def _sequence(planted: Garden) -> None:
    planted.plant("CREATE SEQUENCE alembic_version", _GRANT)


def _composite_type(planted: Garden) -> None:
    planted.plant("CREATE TYPE alembic_version AS (version_num text)")


def _with_policy(planted: Garden) -> None:
    planted.trap("public.evil", returns="boolean", value="true")
    planted.plant(
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('0001')",
        "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY all_of_it ON alembic_version USING (evil())",
        _GRANT,
    )


def _in_a_schema_like_the_role(planted: Garden, role: str) -> None:
    planted.trap("trap.evil")
    planted.plant(
        f'CREATE SCHEMA "{role}"',
        f'CREATE VIEW "{role}".alembic_version AS SELECT trap.evil() AS version_num',
        f'GRANT USAGE ON SCHEMA "{role}" TO PUBLIC',
        f'GRANT SELECT ON "{role}".alembic_version TO PUBLIC',
    )


def _in_a_schema_like_the_plain_role(planted: Garden) -> None:
    _in_a_schema_like_the_role(planted, planted.database.owner)


def _in_a_schema_like_the_superuser(planted: Garden) -> None:
    _in_a_schema_like_the_role(planted, "postgres")


_STRANGERS_TABLES = [
    _evil_view,
    _slow_view,
    _empty_table,
    _materialized_view,
    _partitioned_table,
    _foreign_table,
    _sequence,
    _composite_type,
    _with_policy,
]


@pytest.mark.parametrize("role", ["superuser", "plain role"])
@pytest.mark.parametrize("plant", _STRANGERS_TABLES)
async def test_a_strangers_version_table_is_not_read_and_fails_nothing(
    planted: Garden, plant: Plant, role: str
) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    plant(planted)

    verdicts = await _checked(planted, role)
    required = await _checked(planted, role, "required")

    state, failure = verdicts[Step.MIGRATED]
    assert verdicts[Step.USABLE] == (State.PASS, None)
    assert (state, failure and failure.code) == (State.WARN, Code.MIGRATIONS_UNTRUSTED)
    assert failure is not None
    assert planted.planter in failure.message
    assert required[Step.MIGRATED][0] is State.FAIL
    assert planted.is_untouched
