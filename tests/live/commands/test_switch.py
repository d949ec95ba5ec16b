"""`switch` against a stand-in for Render that deploys real services on real databases."""

import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import httpx
import pytest
from typer import Typer
from typer.testing import CliRunner

from pgvector_ready.commands.switch.command import switch
from pgvector_ready.commands.switch.run import Order, Relocation
from pgvector_ready.commands.switch.schemas import NO_MIGRATIONS, UNKNOWN, Schema, find_schema, objection
from pgvector_ready.commands.switch.states import PREVIOUS, UNFINISHED, VARIABLE
from pgvector_ready.commands.switch.steps import UNSET, Timing
from pgvector_ready.commands.verify.address import parse
from pgvector_ready.commands.verify.evidence import Evidence, Expectations, failures
from pgvector_ready.commands.verify.judge import documents_in, judge
from pgvector_ready.commands.verify.reply import Reply
from pgvector_ready.commands.verify.schema import DatabaseDocument
from pgvector_ready.documents.answer import Manner, about_database, about_service
from pgvector_ready.documents.identity import Identity
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.requirements import Requirements, VersionTable
from pgvector_ready.judgement.runbook import judge as judge_facts
from pgvector_ready.migrations.history import find_history
from pgvector_ready.settings import load
from tests.conftest import Database
from tests.support.examples import NOON, SERVER, TARGET, USABLE
from tests.support.postgres import PostgresServer, free_port, wait_until
from tests.support.render_api import KEY, LOST, TOO_MANY, Odd, RenderApi, Service
from tests.support.service import NO_TLS

PACE = Timing(poll_seconds=0.02, wait_seconds=20, backoff_seconds=0.02, verify_seconds=0.3)
NASTY = "p@ss:w/o?rd#100% «ü» '\"\\ +&=x"

SET_PREVIOUS = ("PUT", f"env-vars/{PREVIOUS}")
SET_UNFINISHED = ("PUT", f"env-vars/{UNFINISHED}")
SET_URL = ("PUT", f"env-vars/{VARIABLE}")
DEPLOY = ("POST", "deploys")
FINISH = ("DELETE", f"env-vars/{UNFINISHED}")
HISTORY = find_history(load())
NEWEST = ",".join(HISTORY.revisions.heads) if HISTORY and HISTORY.revisions else ""
WHOLE_SWITCH = [SET_PREVIOUS, SET_UNFINISHED, SET_URL, DEPLOY, FINISH]
PUT_BACK = [SET_UNFINISHED, SET_URL, DEPLOY, FINISH]


@dataclass(slots=True)
class Told:
    """What a run said and how it ended; answers the question, if it is put."""

    answer: bool | None = None
    lines: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    code: int | None = None

    def say(self, sentence: str) -> None:
        self.lines.append(sentence)

    progress = complain = say

    def ask(self, question: str) -> bool | None:
        self.questions.append(question)
        return self.answer

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Staging:
    """A service on Render with its database, and the one that it is to move to."""

    api: RenderApi
    service: Service
    old: Database
    new: Database

    def environment(self, **changes: str) -> dict[str, str]:
        known = {"RENDER_API_KEY": KEY, "RENDER_API_URL": self.api.url, "NEW_DATABASE_URL": self.new.url}
        return {name: value for name, value in {**known, **changes}.items() if value}

    def run(
        self,
        service: str = "staging",
        *,
        pace: Timing = PACE,
        answer: bool | None = None,
        environment: dict[str, str] | None = None,
        **options: bool,
    ) -> Told:
        told, self.api.requests[:] = Told(answer), []
        order = Order(service=service, **{"yes": True, **options})
        told.code = Relocation(order, self.environment(**(environment or {})), told, pace).run()
        assert_no_leak(told.text, self.old.url, self.new.url)
        return told

    def document(self) -> Any:
        """What the service says to everybody."""
        return httpx.get(f"{self.service.url}/api/v1/health/db", verify=NO_TLS).json()

    def database_in_use(self) -> str:
        document = self.document()
        assert document["healthy"], document
        return str(document["target"]["database"])

    def assert_moved(self) -> None:
        assert self.service.variables[VARIABLE] == self.new.url
        assert self.service.variables[PREVIOUS] == self.old.url
        assert UNFINISHED not in self.service.variables
        assert self.database_in_use() == self.new.name

    def assert_back(self) -> None:
        assert self.service.variables[VARIABLE] == self.old.url
        assert UNFINISHED not in self.service.variables
        assert self.database_in_use() == self.old.name


def assert_no_leak(text: str, *urls: str) -> None:
    """Neither the key, nor a connection string, nor a password, in any form that it could be written in."""
    passwords = {urlsplit(url).password or "" for url in urls} | {"secret"}
    forms = {rewrite(each) for each in passwords for rewrite in (str, quote, quote_plus, repr, json.dumps)}
    for secret in {KEY, *urls, *forms} - {""}:
        assert secret not in text


@pytest.fixture(scope="module")
def old(server: PostgresServer) -> Iterator[Database]:
    """The database that the service begins with."""
    server.create_role("stayer")
    server.create_database("moved_from", owner="stayer")
    yield Database(server, "moved_from", server.connection_string(database="moved_from"), "stayer", "")
    server.drop_database("moved_from")
    server.execute("DROP ROLE stayer")


@pytest.fixture(scope="module")
def mover(server: PostgresServer) -> Iterator[Database]:
    """The database to move to; its superuser's password is a trial for everybody who prints it."""
    literal = NASTY.replace("'", "''")
    server.create_database("moved_to")
    server.execute(f"CREATE ROLE mover LOGIN SUPERUSER PASSWORD '{literal}'")
    url = server.connection_string("mover", "moved_to", password=NASTY)
    yield Database(server, "moved_to", url, "mover", url)
    server.drop_database("moved_to")
    server.execute("DROP ROLE mover")


@pytest.fixture
def new(mover: Database) -> Database:
    """The same without the extension."""
    mover.execute("DROP EXTENSION IF EXISTS vector")
    return mover


@pytest.fixture(scope="module")
def render() -> Iterator[RenderApi]:
    """One for all tests; each forgets what was there before it."""
    with RenderApi() as api:
        yield api


@pytest.fixture
def api(render: RenderApi) -> Iterator[RenderApi]:
    """Empty."""
    yield render
    render.forget()


@pytest.fixture
def staging(old: Database, new: Database, api: RenderApi) -> Staging:
    """A running service."""
    return Staging(api, api.add(variables={VARIABLE: old.url}), old, new)


@pytest.fixture
def idle(old: Database, new: Database, api: RenderApi) -> Staging:
    """The same with nothing deployed: for what ends before anybody looks."""
    return Staging(api, api.add(is_running=False), old, new)


def test_a_service_is_moved_and_its_new_instance_answers_from_the_new_database(staging: Staging) -> None:
    told = staging.run()

    assert told.code == 0, told.text
    assert staging.api.changes() == WHOLE_SWITCH
    staging.assert_moved()
    assert staging.new.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
    assert "database moved_to, user mover (local), fingerprint" in told.text
    assert told.lines[-1] == (
        "Done. Service staging runs with the new database. PREVIOUS_DATABASE_URL holds the value from before."
    )


def test_moved_already_there_is_nothing_to_do(staging: Staging) -> None:
    staging.run()

    told = staging.run()

    assert (told.code, staging.api.changes()) == (0, [])
    assert "Nothing to do: the service already runs with it." in told.lines


def test_a_dry_run_shows_everything_and_changes_nothing(staging: Staging) -> None:
    told = staging.run(dry_run=True)

    assert (told.code, staging.api.changes()) == (0, [])
    assert not staging.new.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
    assert f"database {staging.old.name}, user postgres (local), fingerprint" in told.text
    assert "database moved_to" in told.text
    assert told.lines[-1] == "Dry run: nothing was changed."


@pytest.mark.parametrize(
    ("answer", "code", "changes", "last"),
    [
        pytest.param(True, 0, WHOLE_SWITCH, "Done.", id="yes"),
        pytest.param(False, 1, [], "Not agreed. Nothing was changed.", id="no"),
        pytest.param(None, 2, [], "Nobody is there to be asked: add --yes. Nothing was changed.", id="nobody"),
    ],
)
def test_without_yes_somebody_is_asked(
    staging: Staging,
    answer: bool | None,  # noqa: FBT001 - a parameter of the table
    code: int,
    changes: list[tuple[str, str]],
    last: str,
) -> None:
    told = staging.run(yes=False, answer=answer)

    assert (told.code, staging.api.changes()) == (code, changes)
    assert told.questions == ["Switch now?"]
    assert told.lines[-1].startswith(last)


def test_a_failed_deploy_is_taken_back(staging: Staging) -> None:
    staging.service.scripts.append(("build_in_progress", "build_failed"))

    told = staging.run()

    assert told.code == 1
    assert staging.api.changes() == [*WHOLE_SWITCH[:-1], *PUT_BACK]
    staging.assert_back()
    assert "ended as build_failed." in told.text
    assert told.lines[-1] == "Not done. DATABASE_URL holds the value from before, and Service staging runs with it."


def test_a_deploy_that_the_health_check_holds_back_is_taken_back(staging: Staging) -> None:
    staging.service.variables["EXPECTED_DATABASE_NAME"] = staging.old.name

    told = staging.run()

    assert told.code == 1
    assert "ended as update_failed." in told.text
    staging.assert_back()


def test_a_service_that_stays_with_the_old_database_is_taken_back(staging: Staging) -> None:
    staging.service.image[VARIABLE] = staging.old.url

    told = staging.run()

    assert told.code == 1
    assert "is live, but: The service answers from the database" in told.text
    staging.assert_back()


def test_where_going_back_fails_too_the_state_says_so_and_a_rollback_mends_it(staging: Staging) -> None:
    staging.service.scripts.extend([("build_failed",), ("pre_deploy_failed",)])

    told = staging.run()

    assert told.code == 1
    assert "not proven to run: Deploy" in told.lines[-1]
    assert "pre_deploy_failed" in told.lines[-1]
    assert staging.run(rollback=True).code == 0
    staging.assert_back()


def test_a_rollback_puts_back_the_value_from_before_and_a_second_has_nothing_to_do(staging: Staging) -> None:
    staging.run()

    first, changes = staging.run(rollback=True, environment={"NEW_DATABASE_URL": ""}), staging.api.changes()
    second = staging.run(rollback=True)

    assert (first.code, changes) == (0, PUT_BACK)
    assert (second.code, staging.api.changes()) == (0, [])
    staging.assert_back()


def test_a_rollback_without_a_switch_before_it_is_refused(staging: Staging) -> None:
    told = staging.run(rollback=True)

    assert (told.code, staging.api.changes()) == (2, [])
    assert "has no PREVIOUS_DATABASE_URL" in told.text


def test_a_variable_that_was_not_there_is_gone_again_after_a_failure(staging: Staging) -> None:
    staging.service.image[VARIABLE] = staging.service.variables.pop(VARIABLE)

    told = staging.run()

    assert told.code == 1
    assert "no value of its own" in told.text
    assert VARIABLE not in staging.service.variables
    assert staging.service.variables[PREVIOUS] == UNSET


@pytest.mark.parametrize(
    ("answer", "unseen_for", "deploys"),
    [
        pytest.param(Odd(202, is_carried_out=True), 2, 1, id="202-empty"),
        pytest.param(LOST, 0, 1, id="answer-lost"),
        pytest.param(Odd(503, "<html>", is_carried_out=True), 1, 1, id="503-after-it-was-done"),
        pytest.param(Odd(503, "<html>"), 0, 2, id="503-before-it-was-done"),
        pytest.param(Odd(429, TOO_MANY, {"Retry-After": "0"}), 0, 2, id="429"),
    ],
)
def test_one_deploy_is_started_whatever_the_answer(
    staging: Staging, answer: Odd, unseen_for: int, deploys: int
) -> None:
    staging.service.unseen_for = unseen_for
    staging.api.be_odd("POST", "deploys", answer)
    before = len(staging.service.deploys)

    told = staging.run()

    assert told.code == 0, told.text
    assert len(staging.service.deploys) - before == 1
    assert staging.api.changes().count(DEPLOY) == deploys
    staging.assert_moved()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(("queued", "warming_up", "update_in_progress"), id="unknown-status"),
        pytest.param(("build_in_progress", "superseded"), id="canceled-by-a-later-one"),
    ],
)
def test_a_deploy_that_goes_its_own_way_is_followed_to_the_end(staging: Staging, script: tuple[str, ...]) -> None:
    staging.service.scripts.append(script)

    told = staging.run()

    assert told.code == 0, told.text
    staging.assert_moved()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(("canceled",), "ended as canceled.", id="canceled-by-hand"),
        pytest.param(
            ("over_and_done",), "is over_and_done, but: The service answers from the database", id="unknown-end"
        ),
        pytest.param(("waiting_long",) * 1000, "is still waiting_long after 0.3 s.", id="no-end"),
    ],
)
def test_a_deploy_that_does_not_come_live_is_taken_back(staging: Staging, script: tuple[str, ...], said: str) -> None:
    staging.service.scripts.append(script)

    told = staging.run(pace=Timing(0.02, 0.3, 0.02, 0.3))

    assert told.code == 1
    assert said in told.text
    assert staging.service.variables[VARIABLE] == staging.old.url


_MOVE = """
import os, sys
from pgvector_ready.commands.switch.dialogue import Terminal
from pgvector_ready.commands.switch.run import Order, Relocation
from pgvector_ready.commands.switch.steps import Timing
with Terminal() as terminal:
    sys.exit(Relocation(Order(service="staging", yes=True), os.environ, terminal, Timing(0.02, 20, 0.02, 5)).run())
"""


def _environment(staging: Staging) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    return {**kept, **staging.environment()}


def _start(staging: Staging, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen([sys.executable, "-c", _MOVE], env=_environment(staging), stdout=output, stderr=output)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(SET_PREVIOUS, id="previous-kept"),
        pytest.param(SET_URL, id="variable-set"),
        pytest.param(DEPLOY, id="deploy-started"),
        pytest.param(("GET", r"deploys/dep-\d+"), id="deploy-followed"),
        pytest.param(FINISH, id="finished"),
    ],
)
def test_killed_in_the_middle_and_run_again_it_ends_right(
    staging: Staging, request_: tuple[str, str], tmp_path: Path
) -> None:
    with staging.api.holding(*request_) as held:
        process = _start(staging, tmp_path / "log")
        wait_until(lambda: held.reached.is_set() or process.poll() is not None)
        assert held.reached.is_set(), (tmp_path / "log").read_text()
        process.kill()
        process.wait()
    deploys = len(staging.service.deploys)

    told = staging.run()

    assert told.code == 0, told.text
    assert len(staging.service.deploys) == max(deploys, 2)
    staging.assert_moved()
    assert_no_leak((tmp_path / "log").read_text(), staging.old.url, staging.new.url)


@pytest.mark.parametrize("output", ["a pipe that nobody reads", "/dev/full"])
def test_a_switch_whose_words_reach_nobody_comes_to_its_end(staging: Staging, output: str) -> None:
    """Ended between the variable and the deploy, it would leave the service with a value that it does not run with."""
    ours, theirs = os.pipe()
    os.close(ours)
    stream = os.open(output, os.O_WRONLY) if output.startswith("/") else theirs

    process = subprocess.Popen(
        [sys.executable, "-c", _MOVE], env=_environment(staging), stdout=stream, stderr=subprocess.PIPE
    )
    _, complaints = process.communicate()

    for one in {stream, theirs}:
        os.close(one)
    staging.assert_moved()
    assert b"Traceback" not in complaints


def test_ctrl_c_says_in_what_state_everything_is(staging: Staging, tmp_path: Path) -> None:
    with staging.api.holding("POST", "deploys") as held:
        process = _start(staging, tmp_path / "log")
        wait_until(lambda: held.reached.is_set() or process.poll() is not None)
        assert held.reached.is_set(), (tmp_path / "log").read_text()
        process.send_signal(signal.SIGINT)
        code = process.wait(30)

    said = (tmp_path / "log").read_text()
    assert code == 130
    assert said.splitlines()[-1] == (
        "Interrupted. DATABASE_URL is changed, and a deploy was just being started. "
        "Run the same command again to go on from here, or with --rollback to go back."
    )
    assert_no_leak(said, staging.old.url, staging.new.url)


def test_at_a_terminal_it_asks_and_shows_the_progress_in_one_line(staging: Staging) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", _MOVE.replace("yes=True", "yes=False")]
    environment = {**_environment(staging), "TERM": "xterm", "COLUMNS": "200"}
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        while chunk := _chunk(ours):
            said += chunk
            if chunk.rstrip().endswith(b"[y/N]"):
                os.write(ours, b"y\n")
    os.close(ours)

    assert process.returncode == 0, said.decode()
    assert "Done. Service staging runs with the new database." in said.decode()
    assert "\x1b[?25l" in said.decode()  # the cursor, hidden while the line changes
    assert_no_leak(said.decode(), staging.old.url, staging.new.url)


def _chunk(terminal: int) -> bytes:
    """What comes next; nothing when the other side is gone, which Linux tells by an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


def test_a_deploy_that_failed_in_a_run_that_was_cut_off_is_made_again(staging: Staging) -> None:
    staging.service.variables |= {
        PREVIOUS: staging.old.url,
        UNFINISHED: staging.service.live,
        VARIABLE: staging.new.url,
    }
    staging.service.start_deploy().ahead.append("update_failed")

    told = staging.run()

    assert told.code == 0, told.text
    staging.assert_moved()


@pytest.mark.parametrize("is_rollback", [False, True], ids=["switch", "rollback"])
def test_killed_while_going_back_either_way_is_open(
    staging: Staging,
    is_rollback: bool,  # noqa: FBT001 - a parameter of the table
    tmp_path: Path,
) -> None:
    staging.service.scripts.append(("update_failed",))
    with staging.api.holding(*SET_URL, after=1) as held:
        process = _start(staging, tmp_path / "log")
        wait_until(lambda: held.reached.is_set() or process.poll() is not None)
        assert held.reached.is_set(), (tmp_path / "log").read_text()
        process.kill()
        process.wait()
    assert staging.service.variables[VARIABLE] == staging.old.url
    assert UNFINISHED in staging.service.variables

    told = staging.run(rollback=is_rollback)

    assert told.code == 0, told.text
    assert DEPLOY in staging.api.changes()
    if is_rollback:
        staging.assert_back()
    else:
        staging.assert_moved()


def test_an_api_that_stays_away_leaves_a_state_from_which_it_goes_on(staging: Staging) -> None:
    staging.api.be_odd("POST", "deploys", *[Odd(503)] * 3)

    told = staging.run()

    assert told.code == 1
    assert "Run the same command again to go on from here" in told.lines[-1]
    assert staging.run().code == 0
    staging.assert_moved()


def test_a_refused_deploy_leaves_the_value_from_before(staging: Staging) -> None:
    refusal = {"id": "x", "message": f"no deploy with {staging.new.url}"}
    staging.api.be_odd("POST", "deploys", Odd(409, refusal))

    told = staging.run()

    assert told.code == 1
    assert "Failed: Render refused to start a deploy (HTTP 409): no deploy with ***." in told.lines
    staging.assert_back()


# What Render takes and does not keep


@pytest.mark.parametrize(
    ("variable", "after", "changes", "last"),
    [
        pytest.param(
            PREVIOUS,
            0,
            [SET_PREVIOUS],
            "Render took the change of PREVIOUS_DATABASE_URL and did not keep it. "
            "DATABASE_URL was not changed, and the service runs as before.",
            id="the-value-from-before",
        ),
        pytest.param(
            UNFINISHED,
            0,
            [SET_PREVIOUS, SET_UNFINISHED, FINISH],
            "Not done. DATABASE_URL holds the value from before; no deploy was started, so the service runs as before.",
            id="the-mark",
        ),
        pytest.param(
            VARIABLE,
            0,
            [SET_PREVIOUS, SET_UNFINISHED, SET_URL, FINISH],
            "Not done. DATABASE_URL holds the value from before; no deploy was started, so the service runs as before.",
            id="the-new-value",
        ),
    ],
)
def test_what_render_does_not_keep_ends_before_any_deploy(
    staging: Staging, variable: str, after: int, changes: list[tuple[str, str]], last: str
) -> None:
    staging.service.forgets[variable] = after

    told = staging.run()

    assert (told.code, staging.api.changes()) == (1, changes)
    assert told.lines[-1] == last
    staging.assert_back()


def test_a_value_that_is_not_put_back_is_said_to_be_missing_and_a_rollback_mends_it(staging: Staging) -> None:
    staging.service.scripts.append(("build_failed",))
    staging.service.forgets[VARIABLE] = 1

    told = staging.run()

    assert told.code == 1
    assert "Failed: Render took the change of DATABASE_URL and did not keep it." in told.lines
    assert told.lines[-1] == (
        "Not done. Render did not keep the value from before in DATABASE_URL, which holds the new value; "
        "PREVIOUS_DATABASE_URL holds the value from before. Service staging runs as before until its next deploy. "
        "Set DATABASE_URL in Render's dashboard and deploy, or run this again with --rollback."
    )
    staging.service.forgets.clear()
    assert staging.run(rollback=True).code == 0
    staging.assert_back()


def test_what_was_lost_since_is_put_back_from_memory(staging: Staging) -> None:
    """The value from before is lost on Render while the deploy runs, which then fails."""
    staging.service.scripts.append(("build_in_progress", "build_failed"))
    with staging.api.holding("POST", "deploys") as held:
        runs: list[Told] = []
        thread = threading.Thread(target=lambda: runs.append(staging.run()))
        thread.start()
        wait_until(held.reached.is_set)
        del staging.service.variables[PREVIOUS]
    thread.join()

    assert runs[0].code == 1
    assert runs[0].lines[-1] == "Not done. DATABASE_URL holds the value from before, and Service staging runs with it."
    staging.assert_back()


def test_a_way_back_that_was_lost_since_is_there_again_at_the_end(staging: Staging) -> None:
    with staging.api.holding("POST", "deploys") as held:
        runs: list[Told] = []
        thread = threading.Thread(target=lambda: runs.append(staging.run()))
        thread.start()
        wait_until(held.reached.is_set)
        del staging.service.variables[PREVIOUS]
    thread.join()

    assert runs[0].code == 0
    staging.assert_moved()


def test_a_mark_that_stays_is_said_and_the_next_run_takes_it_away(staging: Staging) -> None:
    staging.service.forgets[UNFINISHED] = 1

    told = staging.run()

    assert told.code == 1
    assert told.lines[-1] == (
        "Render took the change of DATABASE_SWITCH_AFTER and did not keep it. Service staging runs as it should; "
        "DATABASE_SWITCH_AFTER is still to be removed. Run the same command again."
    )
    staging.service.forgets.clear()
    assert staging.run().code == 0
    staging.assert_moved()


# The schema


def migrate(database: Database, revision: str) -> None:
    database.execute("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)")
    database.execute(f"INSERT INTO alembic_version VALUES ('{revision}')")  # noqa: S608 - an example


@pytest.fixture
def schemas(staging: Staging) -> Iterator[Staging]:
    """Whose databases lose their migrations at the end."""
    yield staging
    for database in (staging.old, staging.new):
        database.execute("DROP TABLE IF EXISTS alembic_version, documents")


def test_a_schema_is_not_left_behind_without_a_word(schemas: Staging) -> None:
    migrate(schemas.old, "0007")

    told = schemas.run()

    assert (told.code, schemas.api.changes()) == (1, [])
    assert ", migrations at 0007" in told.lines[-3]
    assert told.lines[-2].endswith(", no migrations")
    assert told.lines[-1] == (
        "The service's database has migrations at 0007; the new one has none: its tables are missing. "
        "Add --migrate to bring the new one to the newest revision first, or --without-migrations where the deploy "
        "does so or the tables are not wanted. No data are copied: docs/runbook.md says how. Nothing was changed."
    )
    assert not schemas.new.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'")


@pytest.mark.parametrize("is_dry", [True, False])
def test_without_migrations_it_moves_all_the_same(schemas: Staging, is_dry: bool) -> None:  # noqa: FBT001
    migrate(schemas.old, "0007")

    told = schemas.run(without_migrations=True, dry_run=is_dry)

    assert told.code == 0, told.text
    assert schemas.database_in_use() == (schemas.old if is_dry else schemas.new).name


def test_migrate_brings_the_new_database_to_the_newest_revision_first(schemas: Staging) -> None:
    migrate(schemas.old, NEWEST)
    wait_until(lambda: schemas.document()["migrations"]["current"] == NEWEST)

    told = schemas.run(migrate=True)

    assert told.code == 0, told.text
    assert f"The new database is at {NEWEST}, and was at none." in told.lines
    assert next(line for line in told.lines if line.startswith("  migrations")).split()[1:] == [NEWEST, NEWEST]
    schemas.assert_moved()


def test_a_new_database_at_the_newest_revision_needs_no_choice(schemas: Staging) -> None:
    migrate(schemas.old, "0007")
    migrate(schemas.new, NEWEST)
    schemas.new.execute("CREATE EXTENSION vector")

    told = schemas.run()

    assert told.code == 0, told.text
    schemas.assert_moved()


def test_the_revision_of_a_database_without_pgvector_is_read_as_well(schemas: Staging) -> None:
    migrate(schemas.old, "0007")
    migrate(schemas.new, "0007")

    told = schemas.run(dry_run=True)

    assert told.code == 0, told.text
    assert told.text.count(", migrations at 0007") == 2


def test_another_applications_history_migrates_nothing(schemas: Staging) -> None:
    migrate(schemas.old, "0007")

    told = schemas.run(migrate=True)

    assert (told.code, schemas.api.changes()) == (2, [])
    assert "The history here does not know the service's revision 0007" in told.lines[-1]


def test_without_a_history_there_is_nothing_to_migrate_with(
    schemas: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(schemas.old, "0007")
    monkeypatch.chdir(tmp_path)

    told = schemas.run(migrate=True)

    assert (told.code, schemas.api.changes()) == (2, [])
    assert "--migrate needs the application's Alembic folder: set MIGRATIONS_FOLDER" in told.lines[-1]


@pytest.mark.parametrize("other", ["without_migrations", "rollback"])
def test_choices_that_exclude_each_other_are_wrong_use(idle: Staging, other: str) -> None:
    told = idle.run(migrate=True, without_migrations=other == "without_migrations", rollback=other == "rollback")

    assert (told.code, idle.api.requests) == (2, [])


def test_the_old_database_is_asked_where_the_service_does_not_answer(schemas: Staging) -> None:
    migrate(schemas.old, "0007")
    assert schemas.service.instance
    schemas.service.instance.end()
    schemas.service.instance = None

    told = schemas.run()

    assert (told.code, schemas.api.changes()) == (1, [])
    assert ", migrations at 0007" in told.lines[-3]


@pytest.mark.parametrize(
    ("old", "new", "newest", "is_objected"),
    [
        pytest.param(NO_MIGRATIONS, NO_MIGRATIONS, None, False, id="neither-has-any"),
        pytest.param(NO_MIGRATIONS, Schema("2"), None, False, id="only-the-new-one"),
        pytest.param(NO_MIGRATIONS, UNKNOWN, None, False, id="nothing-to-lose"),
        pytest.param(Schema("1"), Schema("1"), None, False, id="the-same"),
        pytest.param(Schema("1"), NO_MIGRATIONS, None, True, id="only-the-old-one"),
        pytest.param(Schema("1"), Schema("2"), None, True, id="another"),
        pytest.param(Schema("1"), Schema("2"), "2", False, id="the-newest"),
        pytest.param(Schema("1"), Schema("2"), "3", True, id="not-the-newest"),
        pytest.param(Schema("1"), UNKNOWN, None, True, id="the-new-one-cannot-be-read"),
        pytest.param(UNKNOWN, NO_MIGRATIONS, None, True, id="the-old-one-cannot-be-read"),
        pytest.param(UNKNOWN, UNKNOWN, None, True, id="nothing-is-known"),
        pytest.param(UNKNOWN, Schema("1"), None, False, id="the-new-one-has-some"),
    ],
)
def test_two_schemas_are_compared(old: Schema, new: Schema, newest: str | None, is_objected: bool) -> None:  # noqa: FBT001
    assert (objection(old, new, newest) is not None) == is_objected


@pytest.mark.parametrize(
    ("changes", "schema"),
    [
        pytest.param({}, NO_MIGRATIONS, id="it-looked-and-found-none"),
        pytest.param({"healthy": False}, UNKNOWN, id="it-could-not-look"),
        pytest.param(
            {"steps": [{"step": "migrated", "state": "warn", "code": "migrations_hidden"}]}, UNKNOWN, id="hidden"
        ),
        pytest.param({"migrations": {"current": "7", "head": None}, "healthy": False}, Schema("7"), id="it-says-so"),
    ],
)
async def test_no_revision_is_taken_for_none_only_where_somebody_looked(
    changes: dict[str, Any], schema: Schema
) -> None:
    _, document = documents_in(_seen("b"))
    assert document
    changed = DatabaseDocument.model_validate({**document.model_dump(by_alias=True), **changes})

    assert await find_schema(changed, None, VersionTable()) == schema


# The proof


def test_the_end_is_a_proof_of_before_and_now(staging: Staging) -> None:
    before = staging.document()

    told = staging.run()

    now = staging.document()
    head, *rows = [re.split(" {2,}", line.strip()) for line in told.lines[-10:-1]]
    table = {name: found for name, *found in rows}
    assert head == ["before", "now"]
    assert [*table] == [
        "database",
        "fingerprint",
        "PostgreSQL",
        "pgvector",
        "migrations",
        "commit",
        "version",
        "instance",
    ]
    assert table["fingerprint"] == [before["target"]["fingerprint"], now["target"]["fingerprint"]]
    assert table["pgvector"] == [one["pgvector"]["installed_version"] for one in (before, now)]
    assert table["commit"] == ["a6be012", "a6be012"]
    assert len(set(table["instance"])) == 2


def test_the_states_of_the_deploy_stay_on_the_screen_with_the_time(staging: Staging, tmp_path: Path) -> None:
    process = _start(staging, tmp_path / "log")

    assert process.wait(60) == 0

    shown = (tmp_path / "log").read_text()
    states = re.findall(r"^  0:00:\d\d  Deploy dep-\d+ is (\w+)\.$", shown, re.MULTILINE)
    assert states == ["created", "build_in_progress", "update_in_progress", "live"]


# Words of Render's that are hostile


def test_what_render_says_can_neither_command_the_terminal_nor_show_a_secret(staging: Staging) -> None:
    staging.service.scripts.append((f"\x1b[2J{KEY}\r\n{staging.new.url}", "build_failed"))

    told = staging.run()

    assert told.code == 1
    assert r"is \x1b[2J***\r\n***." in told.text
    assert all(line.isprintable() for line in told.lines)


def test_deploys_that_are_canceled_for_ever_come_to_an_end(staging: Staging) -> None:
    staging.service.scripts.extend([("superseded",)] * 10_000)

    told = staging.run(pace=Timing(0.02, 0.3, 0.02, 0.3))

    assert told.code == 1
    assert staging.service.variables[VARIABLE] == staging.old.url


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param({"RENDER_API_KEY": ""}, "RENDER_API_KEY is not set", id="no-key"),
        pytest.param({"RENDER_API_KEY": "rnd_another"}, "Render does not know this RENDER_API_KEY", id="wrong-key"),
        pytest.param({"RENDER_API_KEY": "rnd\nexample"}, "a character that no key has", id="broken-key"),
        pytest.param({"RENDER_API_URL": "http://api.example.net"}, "must begin with https://", id="key-in-clear"),
        pytest.param({"NEW_DATABASE_URL": ""}, "NEW_DATABASE_URL is not set", id="no-database"),
        pytest.param({"NEW_DATABASE_URL": "mysql://a:secret@h/d"}, "database_url_invalid", id="not-postgresql"),
        pytest.param(
            {"NEW_DATABASE_URL": "postgresql://a:secret@pg.railway.internal/d"},
            "private_host: pg.railway.internal belongs to Railway's own network, which Render cannot reach. Use the "
            "value of DATABASE_PUBLIC_URL",
            id="railway-internal",
        ),
        pytest.param(
            {"NEW_DATABASE_URL": "postgresql://a:secret@10.0.0.1/d", "RENDER_API_URL": "https://api.example.net"},
            "private_host: 10.0.0.1 belongs to a private network, which Render cannot reach. Use the database's public",
            id="private-address",
        ),
        pytest.param(
            {"NEW_DATABASE_URL": "postgresql://a@127.0.0.1/d", "PGPASSWORD": "secret"},
            "NEW_DATABASE_URL is only whole with this machine's own PG… variables",
            id="completed-by-this-machine",
        ),
    ],
)
def test_wrong_use_is_one_sentence_and_changes_nothing(idle: Staging, environment: dict[str, str], said: str) -> None:
    told = idle.run(environment=environment)

    assert (told.code, idle.api.changes()) == (2, [])
    assert said in told.lines[-1]
    assert told.lines[-1].endswith("Nothing was changed.")


@pytest.mark.parametrize(
    ("others", "wanted", "said"),
    [
        pytest.param([], "nowhere", "There is no service nowhere", id="none"),
        pytest.param([], "stag", "There is no service stag", id="only-the-beginning-of-a-name"),
        pytest.param([], "srv-none", "There is no service srv-none", id="no-such-id"),
        pytest.param([{"name": "staging"}], "staging", "There are 2 services named staging: give the id", id="two"),
        pytest.param([{"name": "site", "type": "static_site"}], "site", "site is a static site", id="static-site"),
        pytest.param(
            [{"name": "jobs", "type": "background_worker"}], "jobs", "jobs is a background worker without", id="worker"
        ),
        pytest.param([{"name": "off", "suspended": "suspended"}], "off", "off is suspended", id="suspended"),
    ],
)
def test_a_service_that_cannot_be_moved_is_named_with_the_reason(
    idle: Staging, others: list[dict[str, str]], wanted: str, said: str
) -> None:
    for other in others:
        idle.api.add(**other, is_running=False)

    told = idle.run(wanted)

    assert (told.code, idle.api.changes()) == (2, [])
    assert said in told.lines[-1]


def test_a_service_is_also_found_by_its_id(staging: Staging) -> None:
    assert staging.run(staging.service.id, dry_run=True).code == 0


def test_a_new_database_that_is_not_usable_is_refused_with_its_remedy(idle: Staging) -> None:
    told = idle.run(environment={"NEW_DATABASE_URL": idle.new.url.replace("moved_to", "missing")})

    assert (told.code, idle.api.changes()) == (1, [])
    assert "The new database is not usable. database_missing: There is no database missing" in told.lines[-1]
    assert "the end of NEW_DATABASE_URL" in told.lines[-1]


def test_a_role_that_may_not_enable_pgvector_is_found_out_before_anything_changes(staging: Staging) -> None:
    told = staging.run(
        environment={"NEW_DATABASE_URL": staging.old.server.connection_string(staging.old.owner, "moved_to")}
    )

    assert (told.code, staging.api.changes()) == (1, [])
    assert "pgvector_permission_denied" in told.lines[-1]


def test_a_value_set_by_hand_is_deployed_and_left_alone_where_that_fails(staging: Staging) -> None:
    staging.service.variables[VARIABLE] = staging.new.url
    staging.service.scripts.append(("build_failed",))

    told = staging.run()

    assert (told.code, staging.api.changes()) == (1, [DEPLOY])
    assert told.lines[-1].endswith("held the new value before this run, and there is none from before to put back.")
    assert staging.run().code == 0
    assert staging.database_in_use() == staging.new.name


_PLACE = ("db.example.net", 5432)


def _seen(
    fingerprint: str | None, place: tuple[str, int] = _PLACE, instance: str | None = None, *, is_failing: bool = False
) -> Evidence:
    """What a service of this fingerprint, place and instance answers."""
    server = replace(SERVER, fingerprint=fingerprint)
    target = replace(TARGET, host=place[0], port=place[1])
    failure = Failure.about(Code.CONNECTION_LOST, Step.USABLE, target) if is_failing else None
    facts = replace(USABLE, target=target, server=server, failure=failure)
    observation = Observation(judge_facts(facts, Requirements()), Provisioning(), NOON, consecutive_failures=0)
    identity = Identity("a6be012", "staging", instance, NOON)
    answers = about_service(None, identity).to(Manner()), about_database(observation, identity).to(Manner())
    health, database = (
        Reply(answer.status, {name.decode(): value.decode() for name, value in answer.headers}, answer.body, 1.0)
        for answer in answers
    )
    return Evidence(address=parse("https://staging.example.net"), health=health, database=database)


@pytest.mark.parametrize(
    ("seen", "unmet"),
    [
        pytest.param(_seen("b", _PLACE, "2"), [], id="as-expected"),
        pytest.param(_seen("b", ("other", 1), None), [], id="a-fingerprint-beats-a-place"),
        pytest.param(_seen(None, _PLACE), [], id="a-place-without-a-fingerprint"),
        pytest.param(_seen("a"), ["from the database a, and b was expected"], id="another-fingerprint"),
        pytest.param(_seen(None, ("db.example.net", 5433)), ["host and port expected"], id="another-place"),
        pytest.param(_seen("b", _PLACE, "1"), ["The instance from before"], id="the-old-instance"),
        pytest.param(_seen("b", is_failing=True), ["answers 503 connection_lost"], id="failing"),
    ],
)
def test_what_is_seen_is_held_against_what_is_expected(seen: Evidence, unmet: list[str]) -> None:
    expected = Expectations(fingerprint="b", places=frozenset({_PLACE}), not_instance="1")

    found = failures(judge(seen, expected))

    assert len(found) == len(unmet)
    assert all(part in check.message for part, check in zip(unmet, found, strict=True))


@pytest.mark.parametrize("is_somebody_there", [True, False], ids=["another-service", "nobody"])
def test_of_a_service_that_cannot_be_read_nothing_is_known(
    idle: Staging,
    is_somebody_there: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    if not is_somebody_there:
        idle.service.url = f"http://127.0.0.1:{free_port()}"

    told = idle.run(dry_run=True)

    assert told.code == 0
    assert "  from     no value of its own, no migrations" in told.lines


def test_an_address_of_the_service_that_cannot_be_read_is_refused(idle: Staging) -> None:
    idle.service.url = "http://["

    told = idle.run()

    assert (told.code, idle.api.changes()) == (2, [])
    assert "The address that Render gives for the service cannot be read as a URL" in told.text


def test_what_nobody_foresaw_is_told_by_its_name_only(idle: Staging) -> None:
    class Broken(Told):
        def progress(self, sentence: str) -> None:
            raise ZeroDivisionError(KEY + sentence)

    told = Broken()

    code = Relocation(Order(service="staging"), idle.environment(), told, PACE).run()

    said = "Something unforeseen went wrong (ZeroDivisionError): please report it. Nothing was changed."
    assert (code, told.lines) == (1, [said])


def test_a_health_token_of_the_service_is_used_to_look_at_it(staging: Staging) -> None:
    staging.service.variables["HEALTH_TOKEN"] = "example-token"  # noqa: S105 - an example
    staging.service.image["HEALTH_TOKEN"] = "example-token"  # noqa: S105 - an example

    told = staging.run()

    assert told.code == 0, told.text
    assert "example-token" not in told.text


def test_wrong_use_is_one_line_on_standard_error() -> None:
    command = [sys.executable, "-m", "pgvector_ready", "switch", "--service", "staging"]

    called = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)

    assert (called.returncode, called.stdout) == (2, "")
    assert called.stderr == (
        "RENDER_API_KEY is not set: make a key in Render's Account Settings, API Keys. Nothing was changed.\n"
    )


def test_the_command_gives_the_exit_code_and_prints_no_traceback(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Typer()
    command.command()(switch)
    for name, value in staging.environment().items():
        monkeypatch.setenv(name, value)

    try:
        results = [CliRunner().invoke(command, given) for given in (["--service", "staging", "--dry-run"], [])]
    finally:
        logging.disable(logging.NOTSET)  # the command silences its process, which here goes on

    assert [result.exit_code for result in results] == [0, 2]
    assert "Dry run: nothing was changed." in results[0].output
    assert_no_leak(results[0].output, staging.old.url, staging.new.url)
