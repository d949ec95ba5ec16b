"""The command line as its users call it: in a process of its own."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgvector_ready import __version__
from tests.conftest import Database
from tests.support.command import run
from tests.support.told import provoked

_SECRET = "p@s5/w?rd#%"  # noqa: S105 - nasty on purpose


def _environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}


def _call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, environment=_environment(**variables))


def test_check_goes_through_the_runbook_and_enables_only_when_told(database: Database) -> None:
    before = _call("check", DATABASE_URL=database.url)
    enabled = _call("check", "--enable", DATABASE_URL=database.url)
    after = _call("check", DATABASE_URL=database.url)

    assert (before.returncode, enabled.returncode, after.returncode) == (1, 0, 0)
    assert "[-] enabled pgvector_not_enabled: " in before.stdout
    assert "→ Run in this database: CREATE EXTENSION vector;" in before.stdout
    assert "[+] usable" in after.stdout
    assert before.stderr == enabled.stderr == after.stderr == ""


def test_the_json_is_the_document_of_the_service(database_with_vector: Database) -> None:
    answer = _call("check", "--format", "json", DATABASE_URL=database_with_vector.url)

    document = json.loads(answer.stdout)
    assert list(document)[:5] == ["healthy", "status", "pgvector", "target", "server"]
    assert document["healthy"] is True
    assert document["pgvector"]["state"] == "installed"


def test_offline_shows_the_target_and_asks_nobody() -> None:
    answer = _call("check", "--offline", DATABASE_URL="postgresql://app:secret@db.invalid:6543/shop?pgbouncer=true")

    assert answer.returncode == 0
    assert "db.invalid port 6543, database shop, user app (other)" in answer.stdout
    assert "secret" not in answer.stdout


def test_offline_json_has_the_provider_and_the_notes() -> None:
    url = "postgresql://app:secret@monorail.proxy.rlwy.net:41234/railway?pgbouncer=true"

    answer = _call("check", "--offline", "--format", "json", DATABASE_URL=url)

    document = json.loads(answer.stdout)
    assert list(document) == ["status", "target", "steps", "error"], (
        "nobody was asked, so nothing is said to be healthy"
    )
    assert document["target"]["provider"] == "railway-proxy"
    assert "pgbouncer" in document["steps"][0]["notes"][0]


_PRIVATE = [
    pytest.param("postgres.railway.internal", {}, "railway-internal", id="Railway's, from outside"),
    pytest.param("postgres.railway.internal", {"RENDER": "true"}, "railway-internal", id="Railway's, from Render"),
    pytest.param("dpg-abcdefg-a", {}, "render-internal", id="Render's, from outside"),
]


@pytest.mark.parametrize(("host", "variables", "provider"), _PRIVATE)
def test_a_private_host_is_told_offline_as_when_it_does_not_resolve(
    host: str, variables: dict[str, str], provider: str
) -> None:
    url = f"postgresql://app:secret@{host}:5432/app"

    offline = _call("check", "--offline", "--format", "json", DATABASE_URL=url, **variables)
    online = _call("check", "--format", "json", DATABASE_URL=url, **variables)

    document, error = json.loads(offline.stdout), json.loads(online.stdout)["error"]
    warned = next(step for step in document["steps"] if step["state"] == "warn")
    assert (offline.returncode, document["status"], document["target"]["provider"]) == (0, "warn", provider)
    assert {key: warned[key] for key in ("step", "code", "message", "remedy")} == {
        key: error[key] for key in ("step", "code", "message", "remedy")
    }
    assert error["code"] == "private_host"


@pytest.mark.parametrize(
    ("host", "variables"),
    [
        ("postgres.railway.internal", {"RAILWAY_PROJECT_ID": "x"}),
        ("dpg-abcdefg-a", {"RENDER": "true"}),
        ("db.example.net", {}),
    ],
)
def test_offline_a_host_of_the_network_that_it_runs_in_is_no_warning(host: str, variables: dict[str, str]) -> None:
    url = f"postgresql://app:secret@{host}:5432/app"

    answer = _call("check", "--offline", "--format", "json", DATABASE_URL=url, **variables)

    assert json.loads(answer.stdout)["status"] == "pass"


def test_the_version() -> None:
    assert _call("--version").stdout == f"{__version__}\n"


_WRONG = [
    pytest.param(("check",), {}, "database_url_missing", id="nothing set"),
    pytest.param(("check", "--offline"), {"DATABASE_URL": f"postgresql://app:{_SECRET}@h/d"}, "unencoded", id="bad"),
    pytest.param(
        ("check",),
        {"DATABASE_URL": "postgresql://h/d", "QUERY_TIMEOUT_SECONDS": "1s"},
        "QUERY_TIMEOUT_SECONDS: ",
        id="another variable",
    ),
    pytest.param(("serve",), {"RENDER": "true", "PORT": "0"}, "database_url_missing", id="serve on a platform"),
    pytest.param(
        (), {"DATABASE_URL": f"postgresql://app:{_SECRET}@h/d", "PORT": "0"}, "unencoded", id="serve by default"
    ),
]


@pytest.mark.parametrize(("arguments", "variables", "told"), _WRONG)
def test_a_wrong_configuration_is_exit_code_two_without_a_traceback(
    arguments: tuple[str, ...], variables: dict[str, str], told: str, tmp_path: Path
) -> None:
    answer = _call(*arguments, **{"EMBEDDED_DATA_FOLDER": str(tmp_path / "none"), **variables})

    said = answer.stdout + answer.stderr
    assert answer.returncode == 2
    assert told in said
    assert "Traceback" not in said
    assert _SECRET not in said
    assert "s5/w" not in said


_REFUSED = [
    pytest.param({"RENDER": "true"}, "database_url_missing", "on Render under the service's Environment", id="unset"),
    pytest.param({"DATABASE_URL": "mysql://a:secret@h/d"}, "database_url_invalid", "postgresql://user", id="MySQL"),
    pytest.param(
        {"DATABASE_URL": "postgresql://a:secret@h/d?sslmod=require"},
        "database_url_invalid",
        "sslmod",
        id="typing error",
    ),
    pytest.param(
        {"DATABASE_URL": "postgresql://a:[YOUR-PASSWORD]@db.example.net:5432/d"},
        "database_url_placeholder",
        "Paste the real value",
        id="template",
    ),
    pytest.param(
        {"DATABASE_URL": f"postgresql://a:{_SECRET}@h:5432/d"}, "database_url_unencoded", "%40", id="special characters"
    ),
    pytest.param(
        {"DATABASE_URL": "postgresql://a:secret@h/d\n?sslmode=require"},
        "database_url_whitespace",
        "%20",
        id="line break",
    ),
]


@pytest.mark.parametrize(("variables", "code", "words"), _REFUSED)
def test_a_refusal_is_told_without_a_network_and_without_the_value(
    variables: dict[str, str], code: str, words: str
) -> None:
    started = time.monotonic()

    answer = _call("check", "--offline", "--format", "json", **variables)

    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["code"], error["step"]) == (2, code, "configured")
    assert words in f"{error['message']} {error['remedy']}"
    assert "secret" not in answer.stdout + answer.stderr
    assert _SECRET not in answer.stdout + answer.stderr
    provoked.append((code, time.monotonic() - started))


def test_what_was_repaired_is_a_warning() -> None:
    started = time.monotonic()

    answer = _call("check", "--offline", "--format", "json", DATABASE_URL="'postgresql://a:secret@h/d'\n")

    configured = json.loads(answer.stdout)["steps"][0]
    assert (answer.returncode, configured["state"], configured["code"]) == (0, "warn", "database_url_repaired")
    assert "quotes" in configured["notes"][0]
    provoked.append((configured["code"], time.monotonic() - started))


@pytest.mark.parametrize(
    "variables",
    [
        {"LOG_LEVEL": "WARN"},
        {"LOG_LEVEL": "chatty", "LOG_FORMAT": "%(asctime)s %(message)s"},
        {"HOST": "nonsense host", "PORT": "http"},
    ],
    ids=" ".join,
)
def test_a_command_judges_no_variable_that_serve_alone_reads(variables: dict[str, str]) -> None:
    answer = _call("check", "--offline", DATABASE_URL="postgresql://app@db.example.net/app", **variables)

    assert (answer.returncode, answer.stderr) == (0, "")


def test_an_unreachable_database_is_exit_code_one() -> None:
    answer = _call("check", DATABASE_URL="postgresql://app:secret@127.0.0.1:1/app")

    assert answer.returncode == 1
    assert "[-] connected connection_refused: Nothing listens on 127.0.0.1 port 1." in answer.stdout


_UNHEARD = [
    pytest.param(">/dev/full", "pgvector-ready: No space left on device\n", id="full disk"),
    pytest.param("| true", "", id="nobody reads"),
    pytest.param(">&-", "", id="closed"),
]


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(("output", "said"), _UNHEARD)
def test_an_output_that_nobody_hears_is_no_traceback(output: str, said: str, style: str) -> None:
    script = f'"$0" -m pgvector_ready check --offline --format {style} {output}'
    environment = _environment(DATABASE_URL="postgresql://app@db.example.net/app")

    called = subprocess.run(
        ["bash", "-c", script, sys.executable], env=environment, capture_output=True, text=True, check=False
    )

    assert called.stderr == said
    assert (called.returncode == 0) == (output != ">/dev/full")


def test_on_a_terminal_it_is_drawn_with_the_remedy_in_full(database: Database) -> None:
    leader, follower = pty.openpty()
    environment = _environment(DATABASE_URL=database.url, TERM="xterm", COLUMNS="200")
    command = [sys.executable, "-m", "pgvector_ready", "check"]
    with subprocess.Popen(command, env=environment, stdout=follower, stderr=follower) as process:
        os.close(follower)
        drawn = b""
        try:
            while chunk := os.read(leader, 65536):
                drawn += chunk
        except OSError:  # how Linux says that the other side has closed
            pass
    os.close(leader)

    assert process.returncode == 1
    assert "✓ connected" in drawn.decode()
    assert "✗ enabled" in drawn.decode()
    assert "→ Run in this database: CREATE EXTENSION vector;" in drawn.decode()
