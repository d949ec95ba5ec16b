"""Nothing of a stranger's is read, written or run: whatever an ordinary role plants, the traps in it stay unsprung."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgvector_ready.commands.check.run import check
from pgvector_ready.database import Database as Connector
from pgvector_ready.database.exceptions import UntrustedError
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import parse
from pgvector_ready.judgement.facts import Distrust
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.report import State
from pgvector_ready.judgement.requirements import VersionTable
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.migrations.history import find_history, requirements_for
from pgvector_ready.observation.observer import Observer
from pgvector_ready.observation.strangers import refuse_for_migrations
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.support.plants import Garden, garden
from tests.support.postgres import DEBIAN_15, PostgresServer
from tests.support.told import note

Plant = Callable[[Garden], None]
_HISTORY = Path(__file__).parents[2] / "app/migrations"


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
    return {verdict.step: (verdict.state, note(verdict.failure)) for verdict in observation.report.verdicts}


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
    planted.database.execute("INSERT INTO alembic_version VALUES ('nobodys')")
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
        "INSERT INTO child VALUES ('nobodys')",
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


# Which tables are one's own


def _plain(planted: Garden) -> None:
    _own_table(planted)


def _of_a_superuser(planted: Garden) -> None:
    _own_table(planted, "postgres")
    planted.database.execute("GRANT SELECT ON alembic_version TO PUBLIC")


def _of_a_granted_role(planted: Garden) -> None:
    migrator = planted.neighbour("migrator")
    planted.database.execute(f'GRANT "{migrator}" TO "{planted.database.owner}"')
    _own_table(planted, migrator)


def _with_a_trigger_of_ones_own(planted: Garden) -> None:
    _own_table(planted)
    planted.database.execute(
        "CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    )
    planted.database.execute("CREATE TRIGGER audit AFTER INSERT ON alembic_version EXECUTE FUNCTION audited()")


def _read_by_a_strangers_view(planted: Garden) -> None:
    _own_table(planted)
    planted.database.execute("GRANT SELECT ON alembic_version TO PUBLIC")
    planted.trap("public.evil", "text", "text", "$1")
    planted.plant("CREATE VIEW what_they_run AS SELECT evil(version_num) FROM alembic_version")


def _in_text(planted: Garden) -> None:
    _own_table(planted)
    planted.database.execute(
        "ALTER TABLE alembic_version ALTER version_num TYPE text, ADD at timestamptz DEFAULT now()"
    )


@pytest.mark.parametrize(
    "plant",
    [_plain, _of_a_superuser, _of_a_granted_role, _with_a_trigger_of_ones_own, _read_by_a_strangers_view, _in_text],
)
async def test_a_table_of_ones_own_is_read(planted: Garden, plant: Plant) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    plant(planted)

    state, failure = (await _checked(planted, "plain role"))[Step.MIGRATED]

    assert failure is not None
    assert failure.code is Code.MIGRATIONS_UNKNOWN  # it was read
    assert state is State.WARN


def _domain_column(planted: Garden) -> None:
    planted.trap("public.evil", "text", "boolean", "true")
    planted.plant("CREATE DOMAIN public.revision AS text CHECK (evil(VALUE))")
    _own_table(planted)
    planted.database.execute("ALTER TABLE alembic_version ADD also revision")
    planted.reset()
    _audited(planted)


def _default(planted: Garden) -> None:
    planted.trap("public.evil", volatility="VOLATILE")
    _own_table(planted)
    planted.database.execute("ALTER TABLE alembic_version ADD at text")
    planted.database.execute("ALTER TABLE alembic_version ALTER at SET DEFAULT evil()")
    _audited(planted)


def _index(planted: Garden) -> None:
    planted.plant("CREATE FUNCTION public.evil(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
    _own_table(planted)
    planted.database.execute("CREATE INDEX ON alembic_version (evil(version_num))")
    planted.plant("DROP FUNCTION IF EXISTS nothing()")
    _audited(planted)


def _check(planted: Garden) -> None:
    planted.plant("CREATE FUNCTION public.evil(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'")
    _own_table(planted)
    planted.database.execute("ALTER TABLE alembic_version ADD CHECK (evil(version_num))")
    _audited(planted)


def _audited(planted: Garden) -> None:
    """A table with a trigger is looked at more closely, even for reading."""
    planted.database.execute("CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    planted.database.execute("CREATE TRIGGER audit AFTER INSERT ON alembic_version EXECUTE FUNCTION audited()")


def _rule(planted: Garden) -> None:
    _own_table(planted)
    planted.database.execute("CREATE RULE nothing AS ON DELETE TO alembic_version DO INSTEAD NOTHING")


def _parent(planted: Garden) -> None:
    _own_table(planted)
    planted.database.execute("CREATE TABLE child () INHERITS (alembic_version)")


def _without_its_column(planted: Garden) -> None:
    _own_table(planted)
    planted.database.execute("ALTER TABLE alembic_version RENAME version_num TO version")


def _column_of_a_strangers_type(planted: Garden) -> None:
    planted.plant("CREATE TYPE public.revision AS ENUM ('0001')")
    planted.database.execute("CREATE TABLE alembic_version (version_num revision)")
    planted.database.execute(f'ALTER TABLE alembic_version OWNER TO "{planted.database.owner}"')


def _in_a_strangers_schema(planted: Garden) -> None:
    planted.plant("CREATE SCHEMA theirs", "GRANT ALL ON SCHEMA theirs TO PUBLIC")
    _own_table(planted)
    planted.database.execute("ALTER TABLE alembic_version SET SCHEMA theirs")
    planted.database.server.execute(f'ALTER DATABASE "{planted.database.name}" SET search_path = public, theirs')


def _of_a_role_that_granted_itself(planted: Garden) -> None:
    """Until PostgreSQL 14 everybody may grant himself to everybody; later, whoever administers a role may."""
    pawn = planted.neighbour("pawn")
    planted.database.execute(f'GRANT "{pawn}" TO "{planted.planter}" WITH ADMIN OPTION')
    planted.plant(f'GRANT "{pawn}" TO "{planted.database.owner}"')
    _own_table(planted, pawn)
    planted.database.execute("GRANT SELECT ON alembic_version TO PUBLIC")


def _of_a_role_that_one_made(planted: Garden) -> None:
    """From PostgreSQL 16 on one is granted it by that, of no use but to pass it on."""
    made = planted.neighbour("made")
    if planted.database.server.major >= 16:
        planted.database.execute(
            f'GRANT "{made}" TO "{planted.database.owner}" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE'
        )
    _own_table(planted, made)
    planted.database.execute("GRANT SELECT ON alembic_version TO PUBLIC")


_UNTRUSTED = [
    _domain_column,
    _default,
    _index,
    _check,
    _rule,
    _parent,
    _without_its_column,
    _column_of_a_strangers_type,
    _in_a_strangers_schema,
    _of_a_role_that_granted_itself,
    _of_a_role_that_one_made,
]


@pytest.mark.parametrize("plant", _UNTRUSTED)
async def test_a_table_that_is_not_all_ones_own_is_not_read_until_the_remedy_was_carried_out(
    planted: Garden, plant: Plant
) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    plant(planted)

    state, failure = (await _checked(planted, "plain role"))[Step.MIGRATED]

    assert (state, failure and failure.code) == (State.WARN, Code.MIGRATIONS_UNTRUSTED)
    assert planted.is_untouched
    assert failure is not None
    _carry_out(planted, failure)
    _, afterwards = (await _checked(planted, "plain role"))[Step.MIGRATED]
    assert afterwards is None or afterwards.code is not Code.MIGRATIONS_UNTRUSTED, wording(afterwards)


async def test_a_revision_that_row_level_security_hides_is_no_missing_one(planted: Garden) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    _own_table(planted, "postgres")
    planted.database.execute("GRANT SELECT ON alembic_version TO PUBLIC")
    planted.database.execute("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")

    verdicts = [(await _checked(planted, "plain role", policy))[Step.MIGRATED] for policy in ("auto", "required")]
    of_its_owner = (await _checked(planted, "superuser"))[Step.MIGRATED]

    assert [(state, failure and failure.code) for state, failure in verdicts] == [
        (State.WARN, Code.MIGRATIONS_HIDDEN),
        (State.FAIL, Code.MIGRATIONS_HIDDEN),
    ]
    assert of_its_owner[1]
    assert of_its_owner[1].code is Code.MIGRATIONS_UNKNOWN
    assert verdicts[0][1]
    _carry_out(planted, verdicts[0][1])
    _, afterwards = (await _checked(planted, "plain role"))[Step.MIGRATED]
    assert afterwards
    assert afterwards.code is Code.MIGRATIONS_UNKNOWN


async def test_a_revision_without_end_is_bounded(planted: Garden) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    planted.database.execute("CREATE TABLE alembic_version (version_num text)")
    planted.database.execute("INSERT INTO alembic_version SELECT repeat('x', 250000) FROM generate_series(1, 1000)")

    _, failure = (await _checked(planted, "superuser"))[Step.MIGRATED]

    assert failure is not None
    assert failure.code is Code.MIGRATIONS_UNKNOWN
    assert len(str(failure.values["current"])) <= 128


# PostgreSQL's own names

# A double of each function and operator of PostgreSQL's that an ordinary role can make, in a schema of his own.
_DOUBLES = """\
DO $do$
DECLARE one record; n int := 0;
BEGIN
    FOR one IN
        SELECT proname, pg_get_function_identity_arguments(oid) AS given, pg_get_function_result(oid) AS returned,
               CASE WHEN proretset THEN '' ELSE 'NULL' END AS value
        FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
    LOOP
        BEGIN
            EXECUTE format($f$CREATE FUNCTION doubles.%I(%s) RETURNS %s LANGUAGE plpgsql AS
                           $b$BEGIN PERFORM trap.spring(); RETURN %s; END$b$$f$,
                           one.proname, one.given, one.returned, one.value);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
    FOR one IN
        SELECT oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r,
               format_type(oprresult, NULL) AS returned
        FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0
    LOOP
        n := n + 1;
        BEGIN
            EXECUTE format($f$CREATE FUNCTION trap.double_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS
                           $b$BEGIN PERFORM trap.spring(); RETURN NULL; END$b$$f$,
                           n, one.l, one.r, one.returned);
            EXECUTE format('CREATE OPERATOR doubles.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.double_%s)',
                           one.oprname, one.l, one.r, n);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $do$"""


async def test_no_name_in_a_probe_can_mean_anything_but_postgresqls_own(planted: Garden) -> None:
    """The search path puts a stranger's schema before pg_catalog, in which everything has a double."""
    planted.database.execute("CREATE EXTENSION vector")
    _own_table(planted)
    planted.plant("CREATE SCHEMA doubles", "GRANT USAGE ON SCHEMA doubles TO PUBLIC", _DOUBLES)
    [(functions, operators)] = planted.database.execute(
        "SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'doubles'::regnamespace),"
        " (SELECT count(*) FROM pg_operator WHERE oprnamespace = 'doubles'::regnamespace)"
    )
    boss = planted.neighbour("boss")
    for role in (boss, planted.database.owner):
        planted.database.execute(f'ALTER ROLE "{role}" SET search_path = doubles, pg_catalog, public')
    planted.database.execute(f'ALTER ROLE "{boss}" SUPERUSER')

    for role in (boss, planted.database.owner):
        url = planted.database.server.connection_string(role, planted.database.name)
        settings = load(database_url=url, migrations_folder=_HISTORY)
        observation = await check(settings, enable=True, timeout_seconds=20)
        probed = judge(observation.report.facts, requirements_for(settings, find_history(settings)))

        failure = observation.report.failure
        assert failure
        assert (failure.code, failure.step) == (Code.UNTRUSTED_CODE, Step.USABLE), "start-up is refused"
        assert probed.is_healthy, "and the probe itself is not"
        assert probed.facts.revisions == frozenset({"nobodys"})
        assert planted.is_untouched
    assert functions > 1500
    assert operators > 500


# Operators that fit better than PostgreSQL's own, whose types are only like these.
_BETTER = """\
DO $do$
DECLARE l text; r text; o text; n int := 0;
    types text[] := ARRAY['text', 'varchar', 'name', 'bpchar', 'int2', 'int4', 'int8', 'oid', 'regclass', 'regtype',
                          'float8', 'numeric', '"char"'];
BEGIN
    SET LOCAL search_path = pg_catalog;
    FOREACH l IN ARRAY types LOOP FOREACH r IN ARRAY types LOOP
    FOREACH o IN ARRAY ARRAY['=', '<>', '<', '>', '||'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.pg_operator
                              WHERE oprname = o AND oprleft = l::regtype AND oprright = r::regtype);
        n := n + 1;
        EXECUTE format($f$CREATE FUNCTION trap.better_%s(%s, %s) RETURNS bool LANGUAGE plpgsql AS
                       $b$BEGIN PERFORM trap.spring(); RETURN NULL; END$b$$f$,
                       n, l, r);
        EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.better_%s)',
                       o, l, r, n);
    END LOOP; END LOOP; END LOOP;
END $do$"""


@pytest.mark.parametrize("role", ["superuser", "plain role"])
async def test_operators_that_fit_better_are_met_by_no_probe_and_refused_by_migrate(planted: Garden, role: str) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    _own_table(planted)
    planted.plant(_BETTER)
    planted.reset()

    verdicts = await _checked(planted, role)
    link = await Connector(parse(_url(planted, role)), 10).connect()
    with pytest.raises(UntrustedError) as refused:
        await refuse_for_migrations(link, VersionTable())
    link.terminate()

    assert verdicts[Step.USABLE] == (State.PASS, None)
    assert verdicts[Step.MIGRATED][1]
    assert refused.value.finding.code is Code.UNTRUSTED_CODE
    assert refused.value.finding.values["kind"] == "operator"
    assert planted.is_untouched


async def test_a_stranger_cannot_take_the_place_of_the_temporary_table(planted: Garden) -> None:
    """Where the search path puts pg_temp last, a table of the proof's name is found before the proof's own."""
    planted.database.execute("CREATE EXTENSION vector")
    planted.trap("public.evil", returns="trigger", value="NULL", volatility="VOLATILE")
    planted.plant(
        "CREATE TABLE pgvector_ready_proof (id int, embedding public.vector)",
        "GRANT ALL ON pgvector_ready_proof TO PUBLIC",
        "CREATE TRIGGER evil BEFORE INSERT ON pgvector_ready_proof FOR EACH ROW EXECUTE FUNCTION evil()",
    )
    planted.database.server.execute(f'ALTER DATABASE "{planted.database.name}" SET search_path = public, pg_temp')

    verdicts = await _checked(planted, "superuser")

    assert verdicts[Step.USABLE] == (State.PASS, None)
    assert planted.is_untouched


# pgvector itself

_REPLACED = {
    "NaN": "LANGUAGE sql IMMUTABLE AS 'SELECT ''NaN''::float8'",
    "the right answer": "LANGUAGE sql IMMUTABLE AS 'SELECT 8::float8 ^ 0.5'",
}


@pytest.mark.parametrize("body", _REPLACED)
async def test_a_function_that_is_no_longer_pgvectors_is_not_run(planted: Garden, body: str) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    planted.database.execute(f"CREATE OR REPLACE FUNCTION l2_distance(vector, vector) RETURNS float8 {_REPLACED[body]}")

    state, failure = (await _checked(planted, "superuser"))[Step.USABLE]

    assert (state, failure and failure.code) == (State.FAIL, Code.PGVECTOR_REPLACED)
    assert failure
    _carry_out(planted, failure)
    assert (await _checked(planted, "superuser"))[Step.USABLE] == (State.PASS, None)


async def test_a_function_in_pgvectors_library_that_is_the_wrong_one_is_no_proof(planted: Garden) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    planted.database.execute(
        "CREATE OR REPLACE FUNCTION l2_distance(vector, vector) RETURNS float8 LANGUAGE c IMMUTABLE STRICT "
        "AS '$libdir/vector', 'inner_product'"
    )

    state, failure = (await _checked(planted, "superuser"))[Step.USABLE]

    assert (state, failure and failure.code) == (State.FAIL, Code.PGVECTOR_WRONG_RESULT)


async def test_a_stranger_who_owns_a_function_of_pgvectors_is_named_and_what_he_makes_of_it_is_not_run(
    planted: Garden,
) -> None:
    planted.database.execute("CREATE EXTENSION vector")
    planted.database.execute(f'ALTER FUNCTION l2_distance(vector, vector) OWNER TO "{planted.planter}"')
    owned, warning = (await _checked(planted, "superuser"))[Step.USABLE]
    planted.plant(
        "CREATE OR REPLACE FUNCTION l2_distance(vector, vector) RETURNS float8 LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM trap.spring(); RETURN sqrt(8); END$$"
    )
    replaced, failure = (await _checked(planted, "superuser"))[Step.USABLE]

    assert (owned, warning and warning.code) == (State.WARN, Code.PGVECTOR_OWNER_UNTRUSTED)
    assert (replaced, failure and failure.code) == (State.FAIL, Code.PGVECTOR_REPLACED)
    assert planted.is_untouched
    for told in (failure, warning):
        assert told
        _carry_out(planted, told)
    assert (await _checked(planted, "superuser"))[Step.USABLE] == (State.PASS, None)


# migrate, which runs anybody's statements


def _better_operator(planted: Garden) -> None:
    planted.trap("public.evil", "varchar, varchar", "boolean", "true")
    planted.plant("CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = evil)")


def _own_table_with_a_trigger(planted: Garden) -> None:
    _own_table(planted)
    _trigger(planted)


_MIGRATED: dict[str, tuple[Plant, str]] = {
    "a view": (_evil_view, "migrations_untrusted"),
    "a table": (_empty_table, "migrations_untrusted"),
    "a schema like the role": (_in_a_schema_like_the_superuser, "migrations_untrusted"),
    "a trigger on one's own": (_own_table_with_a_trigger, "migrations_untrusted"),
    "an operator that fits better": (_better_operator, "untrusted_code"),
}


@pytest.mark.parametrize("name", _MIGRATED)
def test_migrate_meets_nothing_of_a_strangers(planted: Garden, name: str) -> None:
    plant, code = _MIGRATED[name]
    planted.database.execute("CREATE EXTENSION vector")
    plant(planted)

    command = (sys.executable, "-m", "pgvector_ready", "migrate")
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": planted.database.url, "MIGRATIONS_FOLDER": str(_HISTORY)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"{code}: " in done.stderr
    assert planted.is_untouched


# A server that is as open as all were until PostgreSQL 14


@pytest.fixture(scope="module")
def old_server() -> Iterator[PostgresServer]:
    with PostgresServer(binaries=DEBIAN_15) as running:
        yield running


async def test_postgresql_15_is_asked_in_the_same_words(old_server: PostgresServer) -> None:
    """There grants have no INHERIT and SET, and an unknown type in a question for an operator is an error."""
    old_server.create_role("app")
    old_server.create_database("app", owner="postgres")
    database = Database(
        old_server,
        "app",
        old_server.connection_string(database="app"),
        "app",
        old_server.connection_string("app", "app"),
    )
    with garden(database) as planted:
        pawn = planted.neighbour("pawn")
        database.execute(f'GRANT "{pawn}" TO "{planted.planter}" WITH ADMIN OPTION')
        planted.plant(f'GRANT "{pawn}" TO app')
        _evil_view(planted)

        facts = [await Observer(Connector(parse(url), 5), 5).observe() for url in (database.url, database.plain_url)]

        for found in facts:
            assert found.failure is None
            assert found.server
            assert found.server.version_table
            assert found.server.version_table.distrust is Distrust.KIND
            assert found.server.version_table.culprit
            assert found.server.version_table.culprit.owner == planted.planter
        planted.plant("DROP VIEW alembic_version", "CREATE TABLE alembic_version (version_num text)", _GRANT)
        database.execute(f'ALTER TABLE alembic_version OWNER TO "{pawn}"')
        itself = await Observer(Connector(parse(database.plain_url), 5), 5).observe()
        assert itself.server
        assert itself.server.version_table
        assert itself.server.version_table.distrust is Distrust.OWNER, "granted by a stranger"
        assert planted.is_untouched
