"""Nothing of a stranger's is read, written or run: whatever an ordinary role plants, the traps in it stay unsprung."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgvector_ready.commands.check.run import check
from pgvector_ready.documents.wording import wording
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
    assert planted.planter in wording(failure).message
    assert required[Step.MIGRATED][0] is State.FAIL
    assert planted.is_untouched


@pytest.mark.parametrize("role", ["superuser", "plain role"])
@pytest.mark.parametrize("plant", [_in_a_schema_like_the_plain_role, _in_a_schema_like_the_superuser])
async def test_a_schema_that_is_called_like_the_role_is_as_strange(planted: Garden, plant: Plant, role: str) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    plant(planted)

    state, failure = (await _checked(planted, role))[Step.MIGRATED]

    is_met = (plant is _in_a_schema_like_the_superuser) is (role == "superuser")
    assert state is (State.WARN if is_met else State.SKIPPED)
    assert failure is None or failure.code is Code.MIGRATIONS_UNTRUSTED
    assert planted.is_untouched


# What has pgvector's names, in a schema that is found before its own


def _evil_input(planted: Garden) -> None:
    planted.trap("public.evil", "text", "boolean", "true")
    planted.plant("CREATE DOMAIN vector AS text CHECK (evil(VALUE))")


def _evil_operator_of_texts(planted: Garden) -> None:
    _evil_input(planted)
    planted.trap("public.distance", "text, text", "float8", "8::float8 ^ 0.5")
    planted.plant("CREATE OPERATOR public.<-> (LEFTARG = text, RIGHTARG = text, PROCEDURE = distance)")


def _evil_operator_of_vectors(planted: Garden) -> None:
    planted.trap("public.distance", "extensions.vector, extensions.vector", "float8", "8::float8 ^ 0.5")
    types = "LEFTARG = extensions.vector, RIGHTARG = extensions.vector"
    planted.plant(f"CREATE OPERATOR public.<-> ({types}, PROCEDURE = distance)")


def _evil_cosine_operator(planted: Garden) -> None:
    planted.trap("public.distance", "extensions.vector, extensions.vector", "float8", "8::float8 ^ 0.5")
    types = "LEFTARG = extensions.vector, RIGHTARG = extensions.vector"
    planted.plant(f"CREATE OPERATOR public.<=> ({types}, PROCEDURE = distance)")


def _array_type(planted: Garden) -> None:
    planted.plant("CREATE TYPE vector AS (a float8[])")


def _enumeration(planted: Garden) -> None:
    planted.plant("CREATE TYPE vector AS ENUM ('[1,2,3]', '[3,2,1]')")


def _table_of_that_name(planted: Garden) -> None:
    planted.plant("CREATE TABLE vector (id int)")


def _view_of_that_name(planted: Garden) -> None:
    planted.plant("CREATE VIEW vector AS SELECT 1 AS id")


_SHADOWS = [
    _evil_input,
    _evil_operator_of_texts,
    _evil_operator_of_vectors,
    _evil_cosine_operator,
    _array_type,
    _enumeration,
    _table_of_that_name,
    _view_of_that_name,
]


@pytest.mark.parametrize("role", ["superuser", "plain role"])
@pytest.mark.parametrize("plant", _SHADOWS)
async def test_what_is_found_before_pgvector_is_named_and_not_run(planted: Garden, plant: Plant, role: str) -> None:
    """The extension in `extensions`, and a path that has `public` before it, as on Supabase."""
    database = planted.database
    database.execute("CREATE SCHEMA extensions")
    database.execute("GRANT USAGE ON SCHEMA extensions TO PUBLIC")
    database.execute("CREATE EXTENSION vector WITH SCHEMA extensions")
    database.server.execute(f'ALTER DATABASE "{database.name}" SET search_path = "$user", public, extensions')
    plant(planted)

    state, failure = (await _checked(planted, role))[Step.USABLE]

    assert (state, failure and failure.code) == (State.FAIL, Code.PGVECTOR_SHADOWED)
    assert failure is not None
    assert planted.planter in wording(failure).message
    assert "public" in wording(failure).message
    assert planted.is_untouched
    _carry_out(planted, failure)
    assert (await _checked(planted, role))[Step.USABLE] == (State.PASS, None)
    assert planted.is_untouched


def _carry_out(planted: Garden, failure: Failure) -> None:
    """Run the first statement of a remedy as a superuser, as it is printed."""
    statements = re.findall(r"\b(?:ALTER|DROP|GRANT|CREATE) .*?;", wording(failure).remedy)
    assert statements, wording(failure).remedy
    planted.database.execute(statements[0])


# What stands on a version table that is one's own


def _own_table(planted: Garden, owner: str | None = None) -> None:
    planted.database.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    planted.database.execute("INSERT INTO alembic_version VALUES ('0001')")
    planted.database.execute(f'ALTER TABLE alembic_version OWNER TO "{owner or planted.database.owner}"')


def _trigger(planted: Garden) -> None:
    planted.database.execute(f'GRANT TRIGGER ON alembic_version TO "{planted.planter}"')
    planted.trap("public.evil", returns="trigger", value="NULL", volatility="VOLATILE")
    events = "BEFORE INSERT OR UPDATE OR DELETE"
    planted.plant(f"CREATE TRIGGER evil {events} ON alembic_version FOR EACH ROW EXECUTE FUNCTION evil()")


def _foreign_key(planted: Garden) -> None:
    planted.database.execute("ALTER TABLE alembic_version ADD PRIMARY KEY (version_num)")
    planted.database.execute(f'GRANT REFERENCES ON alembic_version TO "{planted.planter}"')
    planted.trap("public.evil", returns="trigger", value="NULL", volatility="VOLATILE")
    planted.plant(
        "CREATE TABLE child (version_num varchar REFERENCES alembic_version ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO child VALUES ('0001')",
        "CREATE TRIGGER evil BEFORE UPDATE OR DELETE ON child FOR EACH ROW EXECUTE FUNCTION evil()",
    )


@pytest.mark.parametrize("role", ["superuser", "plain role"])
@pytest.mark.parametrize("plant", [_trigger, _foreign_key])
async def test_what_a_stranger_has_on_ones_own_table_is_named(planted: Garden, plant: Plant, role: str) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    _own_table(planted)
    plant(planted)

    state, failure = (await _checked(planted, role))[Step.MIGRATED]

    assert (state, failure and failure.code) == (State.WARN, Code.MIGRATIONS_UNTRUSTED)
    assert failure is not None
    assert planted.planter in wording(failure).message
    assert planted.is_untouched


# What a statement without schemas would meet


async def _enabled(planted: Garden, role: str = "superuser") -> Failure | None:
    return (await _checked(planted, role))[Step.ENABLED][1]


async def test_the_extension_goes_into_no_strangers_schema(planted: Garden) -> None:
    """`"$user"` is found first, and PostgreSQL would create it there."""
    planted.plant('CREATE SCHEMA "postgres"', 'GRANT ALL ON SCHEMA "postgres" TO PUBLIC')

    failure = await _enabled(planted)

    assert failure is None
    assert planted.database.execute(
        "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
    ) == [("public",)]


async def test_where_every_schema_is_a_strangers_nothing_is_created(planted: Garden) -> None:
    planted.plant("CREATE SCHEMA theirs", "GRANT ALL ON SCHEMA theirs TO PUBLIC")
    planted.database.server.execute(f'ALTER DATABASE "{planted.database.name}" SET search_path = theirs')

    failure = await _enabled(planted)

    assert failure is not None
    assert failure.code is Code.UNTRUSTED_CODE
    assert f"schema theirs belongs to {planted.planter}" in wording(failure).message
    assert not planted.database.execute("SELECT FROM pg_extension WHERE extname = 'vector'")
    _carry_out(planted, failure)
    assert await _enabled(planted) is None


async def test_an_event_trigger_with_a_strangers_function_keeps_from_changing_anything(planted: Garden) -> None:
    planted.trap("public.evil", returns="event_trigger", value="", volatility="VOLATILE")
    planted.database.execute("CREATE EVENT TRIGGER spy ON ddl_command_start EXECUTE FUNCTION evil()")

    missing = await _enabled(planted)
    planted.database.execute("ALTER EVENT TRIGGER spy DISABLE")
    planted.database.execute("CREATE EXTENSION vector")
    planted.database.execute("ALTER EVENT TRIGGER spy ENABLE")
    proof = (await _checked(planted, "superuser"))[Step.USABLE][1]

    for failure in (missing, proof):
        assert failure is not None
        assert failure.code is Code.UNTRUSTED_CODE
        assert "event trigger spy" in wording(failure).message
    assert planted.is_untouched
    assert proof
    _carry_out(planted, proof)
    assert (await _checked(planted, "superuser"))[Step.USABLE] == (State.PASS, None)


# What stands in the way of CREATE EXTENSION

_IN_THE_WAY = {
    "a type": "CREATE TYPE vector AS (a float8[])",
    "a domain": "CREATE DOMAIN vector AS text",
    "a table": "CREATE TABLE vector (id int)",
    "a view": "CREATE VIEW vector AS SELECT 1 AS id",
    "a type of a later release": "CREATE TYPE sparsevec AS ENUM ('x')",
    "a function": "CREATE FUNCTION array_to_vector(int[], int, bool) RETURNS int LANGUAGE sql AS 'SELECT 1'",
}


@pytest.mark.parametrize("name", _IN_THE_WAY)
async def test_what_is_in_the_way_is_named_and_put_aside(planted: Garden, name: str) -> None:
    planted.plant(_IN_THE_WAY[name])

    failure = await _enabled(planted)

    assert failure is not None
    assert failure.code is Code.PGVECTOR_NAME_TAKEN
    assert f"of {planted.planter} " in wording(failure).message
    _carry_out(planted, failure)
    assert await _enabled(planted) is None
