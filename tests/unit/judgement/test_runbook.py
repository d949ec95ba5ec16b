"""The judgement, without a database: every case is a row."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import provider_of
from pgvector_ready.judgement.facts import Extension, Facts, FoundTable, image_for, version
from pgvector_ready.judgement.failures import RUNBOOK, Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, phrase
from pgvector_ready.judgement.report import Reason, Report, State, Verdict
from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, Revisions
from pgvector_ready.judgement.runbook import judge, judge_offline
from pgvector_ready.judgement.target import Target, is_public
from tests.support import examples
from tests.support.examples import NOON

TARGET = replace(examples.TARGET, user="someone")
SERVER = replace(examples.SERVER, version="17.6 (Debian 17.6-1.pgdg13+1)", user="someone")
VECTOR = Extension("0.8.6", "0.8.6", "public", "public")
FOUND = Facts(TARGET, NOON, 2.9, SERVER, VECTOR)
# What every database without EXPECTED_DATABASE_* and without migrations is judged.
QUIET = "pass pass skipped pass pass pass pass skipped skipped"


def facts(*, server: Any = (), extension: Any = (), **changes: Any) -> Facts:
    """What was found in a healthy database, changed here and there; `None` for what was not reached."""
    found = {
        "server": None if server is None else replace(SERVER, **dict(server)),
        "extension": None if extension is None else replace(VECTOR, **dict(extension)),
    }
    return replace(FOUND, **(found | changes))


def required(**wanted: Any) -> Requirements:
    """Requirements by names that a table supplies."""
    return Requirements(**wanted)


def met(code: Code, step: Step) -> Failure:
    """What a probe met, or kept provisioning from its work."""
    return Failure.about(code, step, TARGET)


def states(report: Report) -> str:
    """Every step's state, in the order of the runbook."""
    return " ".join(verdict.state for verdict in report.verdicts)


def verdict(report: Report, step: Step) -> Verdict:
    """One step's."""
    return next(verdict for verdict in report.verdicts if verdict.step is step)


REFUSED = met(Code.CONNECTION_REFUSED, Step.CONNECTED)
LIBRARY = met(Code.PGVECTOR_LIBRARY_MISSING, Step.USABLE)
WITHOUT = {"installed_version": None, "schema": None, "quoted_schema": None}
NOWHERE = {**WITHOUT, "available_version": None}
STANDBY = {"is_standby": True, "is_read_only": True}
NO_WRITES = Requirements(is_writable=False)
SLOW = {Step.USABLE: 600.1}


@pytest.mark.parametrize(
    ("found", "asked", "expected", "code"),
    [
        pytest.param(FOUND, Requirements(), QUIET, None, id="all-well"),
        pytest.param(
            facts(server=None, extension=None, failure=REFUSED),
            Requirements(),
            "pass fail skipped skipped skipped skipped skipped skipped skipped",
            Code.CONNECTION_REFUSED,
            id="not-connected",
        ),
        pytest.param(
            facts(server=None, extension=None, failure=REFUSED),
            Requirements(is_repaired=True),
            "warn fail skipped skipped skipped skipped skipped skipped skipped",
            Code.CONNECTION_REFUSED,
            id="repaired-and-not-connected",
        ),
        pytest.param(
            FOUND,
            Requirements(is_repaired=True),
            "warn pass skipped pass pass pass pass skipped skipped",
            Code.DATABASE_URL_REPAIRED,
            id="repaired",
        ),
        pytest.param(
            facts(server={"tls": None}),
            Requirements(),
            "pass warn skipped pass pass pass pass skipped skipped",
            Code.TLS_OFF,
            id="public-without-tls",
        ),
        pytest.param(
            FOUND,
            Requirements(expected_database="app"),
            "pass pass pass pass pass pass pass skipped skipped",
            None,
            id="expected",
        ),
        pytest.param(
            facts(server=STANDBY, extension=NOWHERE),
            Requirements(expected_database="other"),
            "pass pass fail skipped skipped skipped skipped skipped skipped",
            Code.WRONG_TARGET,
            id="wrong-target-before-everything-that-is-wrong-with-it",
        ),
        pytest.param(
            facts(server=STANDBY),
            Requirements(),
            "pass pass skipped fail skipped skipped skipped skipped skipped",
            Code.STANDBY,
            id="standby",
        ),
        pytest.param(
            facts(server=STANDBY),
            NO_WRITES,
            "pass pass skipped warn pass pass pass skipped skipped",
            Code.STANDBY,
            id="standby-for-reading",
        ),
        pytest.param(
            facts(server={"is_read_only": True}),
            Requirements(),
            "pass pass skipped fail skipped skipped skipped skipped skipped",
            Code.READ_ONLY,
            id="read-only",
        ),
        pytest.param(
            facts(server={"is_read_only": True}),
            NO_WRITES,
            "pass pass skipped warn pass pass pass skipped skipped",
            Code.READ_ONLY,
            id="read-only-for-reading",
        ),
        pytest.param(FOUND, NO_WRITES, QUIET, None, id="writable-though-not-asked-for"),
        pytest.param(
            facts(extension=NOWHERE),
            Requirements(),
            "pass pass skipped pass fail skipped skipped skipped skipped",
            Code.PGVECTOR_NOT_AVAILABLE,
            id="not-available",
        ),
        pytest.param(
            facts(extension=None),
            Requirements(),
            "pass pass skipped pass fail skipped skipped skipped skipped",
            Code.PGVECTOR_NOT_AVAILABLE,
            id="nothing-said-of-the-extension",
        ),
        pytest.param(
            facts(extension=WITHOUT),
            Requirements(),
            "pass pass skipped pass pass fail skipped skipped skipped",
            Code.PGVECTOR_NOT_ENABLED,
            id="not-enabled",
        ),
        pytest.param(
            facts(extension={"installed_version": "0.4.4"}),
            Requirements(minimum_version="0.5.0"),
            "pass pass skipped pass pass fail skipped skipped skipped",
            Code.PGVECTOR_TOO_OLD,
            id="too-old",
        ),
        pytest.param(
            facts(extension={"installed_version": "0.5.0"}),
            Requirements(minimum_version="0.5.0"),
            "pass pass skipped pass pass warn pass skipped skipped",
            Code.PGVECTOR_UPDATE_AVAILABLE,
            id="update-available",
        ),
        pytest.param(
            facts(extension={"installed_version": "0.8.5", "available_version": "0.10.0"}),
            Requirements(),
            "pass pass skipped pass pass warn pass skipped skipped",
            Code.PGVECTOR_UPDATE_AVAILABLE,
            id="0.10.0-is-newer-than-0.8.5",
        ),
        pytest.param(
            facts(extension={"installed_version": "0.10.0", "available_version": "0.10.0"}),
            Requirements(minimum_version="0.8.5"),
            QUIET,
            None,
            id="0.10.0-satisfies-0.8.5",
        ),
        pytest.param(
            facts(extension={"installed_version": "0.9.0"}),
            Requirements(),
            "pass pass skipped pass pass warn pass skipped skipped",
            Code.PGVECTOR_DOWNGRADED,
            id="downgraded",
        ),
        pytest.param(
            facts(extension={"available_version": None}, failure=LIBRARY),
            Requirements(),
            "pass pass skipped pass pass pass fail skipped skipped",
            Code.PGVECTOR_LIBRARY_MISSING,
            id="enabled-and-all-its-files-gone",
        ),
        pytest.param(
            facts(failure=met(Code.QUERY_TIMEOUT, Step.CONNECTED), server=None, extension=None),
            Requirements(expected_host="elsewhere"),
            "pass fail skipped skipped skipped skipped skipped skipped skipped",
            Code.QUERY_TIMEOUT,
            id="connected-and-silent",
        ),
        pytest.param(
            facts(durations_ms=SLOW),
            Requirements(slow_ms=500),
            "pass pass skipped pass pass pass warn skipped skipped",
            Code.SLOW,
            id="slow",
        ),
        pytest.param(facts(durations_ms=SLOW), Requirements(slow_ms=601), QUIET, None, id="not-slow"),
        pytest.param(facts(durations_ms=SLOW), Requirements(), QUIET, None, id="slowness-not-asked-for"),
    ],
)
def test_every_step(found: Facts, asked: Requirements, expected: str, code: Code | None) -> None:
    report = judge(found, asked)

    told = [verdict.failure.code for verdict in report.verdicts if verdict.failure]
    assert states(report) == expected
    assert [verdict.step for verdict in report.verdicts] == list(RUNBOOK)
    assert told[-1:] == ([code] if code else [])


@pytest.mark.parametrize("step", [Step.CONFIGURED, Step.CONNECTED, Step.ENABLED, Step.USABLE, Step.MIGRATED])
def test_after_the_first_failure_everything_is_skipped(step: Step) -> None:
    """The cause is shown, and not its symptoms."""
    failure = met(Code.UNEXPECTED_ERROR, step)

    report = judge(facts(failure=failure), Requirements())

    place = RUNBOOK.index(step)
    assert report.failure is failure
    assert [one.state for one in report.verdicts[place:]] == ["fail"] + ["skipped"] * (len(RUNBOOK) - place - 1)
    assert all(one.failure is None for one in report.verdicts[place + 1 :])


def test_an_earlier_failure_outranks_what_the_probe_met_later() -> None:
    """The probe stumbled in the proof, and the server is a standby: that comes first in the runbook."""
    report = judge(facts(server=STANDBY, failure=LIBRARY), Requirements())

    assert report.failure is not None
    assert report.failure.code is Code.STANDBY


DENIED = met(Code.PGVECTOR_PERMISSION_DENIED, Step.ENABLED)
UNPROVEN = met(Code.OUT_OF_MEMORY, Step.USABLE)


@pytest.mark.parametrize(
    ("found", "blocked", "expected", "code"),
    [
        pytest.param(
            facts(extension=WITHOUT),
            DENIED,
            "pass pass skipped pass pass fail skipped skipped skipped",
            Code.PGVECTOR_PERMISSION_DENIED,
            id="told-instead-of-not-enabled",
        ),
        pytest.param(FOUND, DENIED, QUIET, None, id="forgotten-once-somebody-has-enabled-it"),
        pytest.param(
            facts(extension={"installed_version": "0.8.0"}),
            DENIED,
            "pass pass skipped pass pass warn pass skipped skipped",
            None,
            id="an-update-that-failed-stays-a-warning",
        ),
        pytest.param(
            facts(extension=NOWHERE),
            DENIED,
            "pass pass skipped pass fail skipped skipped skipped skipped",
            Code.PGVECTOR_NOT_AVAILABLE,
            id="an-earlier-failure-outranks-it",
        ),
        pytest.param(
            FOUND,
            UNPROVEN,
            "pass pass skipped pass pass pass fail skipped skipped",
            Code.OUT_OF_MEMORY,
            id="the-proof-that-looks-well-from-outside",
        ),
        pytest.param(
            facts(durations_ms=SLOW),
            UNPROVEN,
            "pass pass skipped pass pass pass fail skipped skipped",
            Code.OUT_OF_MEMORY,
            id="the-proof-that-is-slow",
        ),
        pytest.param(
            facts(failure=LIBRARY),
            UNPROVEN,
            "pass pass skipped pass pass pass fail skipped skipped",
            Code.PGVECTOR_LIBRARY_MISSING,
            id="what-this-probe-met-outranks-what-start-up-met",
        ),
    ],
)
def test_what_kept_start_up_from_its_work(found: Facts, blocked: Failure, expected: str, code: Code | None) -> None:
    report = judge(found, Requirements(slow_ms=500), blocked)

    assert states(report) == expected
    assert (report.failure and report.failure.code) == code


EXPECTED = {
    "expected_host": ("db.example.net", "other.example.net"),
    "expected_database": ("app", "other"),
    "expected_fingerprint": ("3f9ac2d1", "00000000"),
}
SETS = [chosen for size in (1, 2, 3) for chosen in combinations(EXPECTED, size)]


@pytest.mark.parametrize("chosen", SETS, ids="+".join)
def test_the_target_is_the_expected_one(chosen: tuple[str, ...]) -> None:
    report = judge(FOUND, required(**{name: EXPECTED[name][0] for name in chosen}))

    assert verdict(report, Step.EXPECTED).state is State.PASS


@pytest.mark.parametrize("chosen", SETS, ids="+".join)
def test_the_target_is_another_one(chosen: tuple[str, ...]) -> None:
    """One difference is enough, and every one is told with both its sides."""
    report = judge(FOUND, required(**{name: EXPECTED[name][1] for name in chosen}))

    assert report.failure is not None
    assert report.failure.code is Code.WRONG_TARGET
    for name in chosen:
        assert all(value in wording(report.failure).message for value in EXPECTED[name])


@pytest.mark.parametrize("wrong", EXPECTED)
def test_one_wrong_among_right_ones_is_wrong(wrong: str) -> None:
    wanted = {name: values[name == wrong] for name, values in EXPECTED.items()}

    report = judge(FOUND, required(**wanted))

    assert report.failure is not None
    assert wording(report.failure).message.count("was expected") == 1


def test_an_unknown_fingerprint_fails_closed() -> None:
    """A provider that keeps the server's identity to itself cannot show that it is the right one."""
    report = judge(facts(server={"fingerprint": None}), Requirements(expected_fingerprint="3f9ac2d1"))

    assert report.failure is not None
    assert report.failure.code is Code.WRONG_TARGET
    assert "does not show its own" in wording(report.failure).message


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        pytest.param({"expected_host": "DB.Example.NET"}, State.PASS, id="host-in-any-case"),
        pytest.param({"expected_host": "db.example.net."}, State.PASS, id="host-with-its-last-dot"),
        pytest.param({"expected_fingerprint": "3F9AC2D1"}, State.PASS, id="fingerprint-in-any-case"),
        pytest.param({"expected_database": "App"}, State.FAIL, id="database-as-it-is-written"),
        pytest.param({"expected_host": "", "expected_database": ""}, State.SKIPPED, id="empty-is-unset"),
    ],
)
def test_names_are_compared_as_their_owners_compare_them(wanted: dict[str, str], state: State) -> None:
    """DNS knows no case; PostgreSQL does: "App" and "app" are two databases."""
    report = judge(FOUND, required(**wanted))

    assert verdict(report, Step.EXPECTED).state is state


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("db.example.net", True),
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("monorail.proxy.rlwy.net", True),
        ("dpg-abc-a.frankfurt-postgres.render.com", True),
        ("dpg-abc-a", False),
        ("postgres.railway.internal", False),
        ("localhost", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("10.1.2.3", False),
        ("192.168.1.5", False),
        ("172.17.0.2", False),
        ("fd12::1", False),
        ("fe80::1%eth0", False),
        ("db", False),
        ("db.local", False),
        ("postgres.default.svc.cluster.local", False),
        ("/var/run/postgresql", False),
        (None, False),
    ],
)
def test_tls_is_only_missed_on_the_way_to_a_public_host(host: str | None, public: bool) -> None:  # noqa: FBT001
    target = Target(host, 5432, "app", "someone", provider_of(host))

    report = judge(facts(target=target, server={"tls": None}), Requirements())

    assert is_public(target) is public
    assert verdict(report, Step.CONNECTED).state is (State.WARN if public else State.PASS)


CODE_KNOWS = Revisions(heads=frozenset({"0002"}), known=frozenset({"0001", "0002"}))
OFF, AUTO, REQUIRED = MigrationPolicy


@pytest.mark.parametrize(
    ("policy", "current", "state", "code"),
    [
        pytest.param(AUTO, None, State.SKIPPED, None, id="no-table-and-none-asked-for"),
        pytest.param(REQUIRED, None, State.FAIL, Code.MIGRATIONS_BEHIND, id="no-table-and-one-asked-for"),
        pytest.param(AUTO, {"0002"}, State.PASS, None, id="head"),
        pytest.param(REQUIRED, {"0002"}, State.PASS, None, id="head-asked-for"),
        pytest.param(AUTO, {"0001"}, State.FAIL, Code.MIGRATIONS_BEHIND, id="behind"),
        pytest.param(AUTO, set(), State.FAIL, Code.MIGRATIONS_BEHIND, id="never-migrated"),
        pytest.param(AUTO, {"0003"}, State.WARN, Code.MIGRATIONS_UNKNOWN, id="ahead"),
        pytest.param(AUTO, {"0002", "0003"}, State.WARN, Code.MIGRATIONS_UNKNOWN, id="head-and-an-unknown-branch"),
        pytest.param(OFF, {"0001"}, State.SKIPPED, None, id="off"),
    ],
)
def test_the_migrations(policy: MigrationPolicy, current: set[str] | None, state: State, code: Code | None) -> None:
    found = facts(revisions=None if current is None else frozenset(current))

    judged = verdict(judge(found, Requirements(migrations=policy, revisions=CODE_KNOWS)), Step.MIGRATED)

    assert (judged.state, judged.failure and judged.failure.code) == (state, code)


def test_a_history_that_cannot_be_judged_is_skipped_with_the_reason() -> None:
    requirements = Requirements(revisions=None, unjudged="env.py line 3: …")

    judged = verdict(judge(facts(revisions=frozenset({"x"})), requirements), Step.MIGRATED)

    assert (judged.state, judged.reason) == (State.SKIPPED, Reason.NOT_LOOKED)
    assert judged.notes == (phrase(Part.UNJUDGED, reason="env.py line 3: …"),)


@pytest.mark.parametrize(
    ("current", "known", "code"),
    [
        pytest.param({"0001"}, {"pgvector_ready_0001"}, Code.MIGRATIONS_RENAMED, id="as-version-1-left-it"),
        pytest.param({"0001"}, {"pgvector_ready_0001", "0001"}, Code.MIGRATIONS_BEHIND, id="a-revision-of-theirs"),
        pytest.param({"0001"}, {"x"}, Code.MIGRATIONS_UNKNOWN, id="not-a-history-of-ours"),
        pytest.param({"0002"}, {"pgvector_ready_0001"}, Code.MIGRATIONS_UNKNOWN, id="another-revision"),
    ],
)
def test_only_the_revision_of_version_1_is_to_be_renamed(current: set[str], known: set[str], code: Code) -> None:
    revisions = Revisions(heads=frozenset({"pgvector_ready_0001", "x"} & known), known=frozenset(known))
    found = facts(revisions=frozenset(current), server={"version_table": FoundTable('app."Old"')})

    judged = verdict(judge(found, Requirements(revisions=revisions)), Step.MIGRATED)

    assert judged.failure is not None
    assert judged.failure.code is code
    if code is Code.MIGRATIONS_RENAMED:
        assert 'UPDATE app."Old" SET version_num' in wording(judged.failure).remedy


def test_strictly_a_warning_is_a_failure_and_nothing_else_changes() -> None:
    report = judge(facts(extension={"installed_version": "0.8.0"}), Requirements())

    strict = report.strictly()

    assert (report.state, report.is_healthy, report.failure) == (State.WARN, True, None)
    assert (strict.state, strict.is_healthy) == (State.FAIL, False)
    assert strict.failure is not None
    assert strict.failure.code is Code.PGVECTOR_UPDATE_AVAILABLE
    assert states(strict) == "pass pass skipped pass pass fail pass skipped skipped"
    assert strict.facts is report.facts


@pytest.mark.parametrize("found", [FOUND, facts(server=STANDBY)], ids=["healthy", "failing"])
def test_strictly_a_report_without_warnings_is_the_same(found: Facts) -> None:
    report = judge(found, Requirements())

    assert report.strictly() == report


def test_a_pooler_is_told_beside_the_step() -> None:
    """It changes nothing about the verdict, not even where there is a warning already."""
    plain = judge(facts(server={"is_pooled": True}), Requirements())
    warned = judge(facts(server={"is_pooled": True, "tls": None}), Requirements())

    assert verdict(plain, Step.CONNECTED).state is State.PASS
    assert verdict(warned, Step.CONNECTED).state is State.WARN
    assert verdict(plain, Step.CONNECTED).notes == (phrase(Part.POOLED),)
    assert verdict(warned, Step.CONNECTED).notes == verdict(plain, Step.CONNECTED).notes


@pytest.mark.parametrize("is_repaired", [True, False])
def test_what_the_connection_string_was_read_as_is_told(is_repaired: bool) -> None:  # noqa: FBT001
    notes = (phrase(Part.POOLED), phrase(Part.EMPTY))

    report = judge(FOUND, Requirements(notes=notes, is_repaired=is_repaired))

    assert verdict(report, Step.CONFIGURED).notes == notes
    assert verdict(report, Step.CONFIGURED).state is (State.WARN if is_repaired else State.PASS)


@pytest.mark.parametrize("is_repaired", [True, False])
def test_offline_nothing_but_the_configuration_is_judged(is_repaired: bool) -> None:  # noqa: FBT001
    asked = Requirements(is_repaired=is_repaired, notes=(phrase(Part.POOLED),), expected_host="elsewhere")

    report = judge_offline(facts(server=None, extension=None), asked)

    assert states(report) == " ".join(["warn" if is_repaired else "pass"] + ["skipped"] * 8)
    assert report.verdicts[0].notes == (phrase(Part.POOLED),)
    assert report.is_healthy


def test_durations_stand_with_their_steps_whatever_came_out() -> None:
    durations = {Step.CONNECTED: 2.0, Step.USABLE: 700.0}

    well = judge(facts(durations_ms=durations), Requirements(slow_ms=500))
    blocked = judge(facts(durations_ms=durations), Requirements(), UNPROVEN)
    failed = judge(facts(durations_ms={Step.CONNECTED: 2.0}, failure=REFUSED), Requirements())

    assert {one.step: one.duration_ms for one in well.verdicts if one.duration_ms} == durations
    assert {one.step: one.duration_ms for one in blocked.verdicts if one.duration_ms} == durations
    assert {one.step: one.duration_ms for one in failed.verdicts if one.duration_ms} == {Step.CONNECTED: 2.0}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0.10.0", (0, 10, 0)), ("0.8.5", (0, 8, 5)), ("17.6 (Debian)", (17, 6)), ("18beta1", (18, 1)), ("", ())],
)
def test_a_version_is_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


@pytest.mark.parametrize(
    ("server_version", "image"),
    [("18.6", "pgvector/pgvector:pg18"), ("15.3 (Debian)", "pgvector/pgvector:pg15"), ("", "pgvector/pgvector:pg17")],
)
def test_the_image_that_is_recommended_can_open_the_servers_data(server_version: str, image: str) -> None:
    assert image_for(server_version) == image


@pytest.mark.parametrize(
    ("collation_version", "image"),
    [
        ("2.36", "pgvector/pgvector:pg17-bookworm"),
        ("2.41", "pgvector/pgvector:pg17-trixie"),
        ("2.31", "pgvector/pgvector:pg17"),
        ("153.120", "pgvector/pgvector:pg17"),
        (None, "pgvector/pgvector:pg17"),
    ],
)
def test_the_image_sorts_text_as_the_database_was_sorted(collation_version: str | None, image: str) -> None:
    assert image_for("17.6 (Debian 17.6-1.pgdg12+1)", collation_version) == image


def test_the_data_of_an_alpine_image_are_dumped_and_restored() -> None:
    server = replace(SERVER, version="17.6", is_musl=True)
    failure = judge(Facts(TARGET, NOON, 1, server, Extension()), Requirements()).failure

    assert failure is not None
    assert "pg_dump" in wording(failure).remedy


def test_a_server_without_pgvector_is_told_with_its_version_and_image() -> None:
    """Or the reader would not notice that it is the wrong server."""
    failure = judge(facts(extension=NOWHERE), Requirements()).failure

    assert failure is not None
    said = wording(failure)
    assert "PostgreSQL 17.6" in said.message
    assert "db.example.net" in said.message
    assert "pgvector/pgvector:pg17" in said.remedy


@pytest.mark.parametrize(
    ("policy", "state"), [(OFF, State.SKIPPED), (AUTO, State.WARN), (REQUIRED, State.FAIL)], ids=str
)
def test_migrations_that_are_hidden_from_this_role(policy: MigrationPolicy, state: State) -> None:
    found = facts(server={"version_table": FoundTable("public.alembic_version", is_readable=False)})

    judged = verdict(judge(found, Requirements(migrations=policy, revisions=CODE_KNOWS)), Step.MIGRATED)

    assert judged.state is state
    assert (judged.failure is None) is (state is State.SKIPPED)
