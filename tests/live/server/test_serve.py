"""`pgvector-ready serve MODULE:APP`: any application under our server, and one sentence where there is none."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.conftest import Database
from tests.support.service import ServiceProcess

NOWHERE = "postgresql://app:secret@127.0.0.1:1/app"
# As it is installed: `python -m` would put the working directory first.
COMMAND = (str(Path(sys.executable).with_name("pgvector-ready")),)
APPLICATION = """
import asyncio, sys, threading
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
print("said while importing")
IMPORTED_BY = threading.current_thread() is threading.main_thread()

app = FastAPI()

@app.get("/theirs")
async def theirs() -> dict[str, bool]:
    return {"main": IMPORTED_BY, "last": sys.path[-1].endswith("elsewhere")}

@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces():
        for number in range(3):
            yield f"{number}\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(pieces())

@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()

async def bare(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"bare"})

def guest():
    # With endpoints of its own elsewhere, and a formatter that shows nothing but the message.
    import logging
    from pgvector_ready import Ready
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter("team %(message)s"))
    ready = Ready(path="/team/ready")
    guest = FastAPI(lifespan=ready.lifespan())
    guest.include_router(ready.router)
    return guest

def make():
    return app

def needs(argument):
    return app

def fails():
    raise RuntimeError("theirs went wrong")

def nothing():
    return None

text = "no application"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A team's working directory with their module."""
    made = tmp_path / "elsewhere"
    made.mkdir()
    (made / "theirs.py").write_text(APPLICATION)
    (made / "broken.py").write_text("import nonexistent_module_of_theirs\n")
    (made / "wrong.py").write_text("1 / 0\n")
    return made


def served(folder: Path, *arguments: str) -> ServiceProcess:
    process = ServiceProcess("serve", *arguments, log=folder / "log", program=COMMAND, DATABASE_URL=NOWHERE)
    process.folder = folder
    return process


@pytest.mark.parametrize("arguments", [("theirs:app",), ("theirs:make", "--factory")], ids=["application", "factory"])
def test_any_application_streams_and_web_sockets_included(folder: Path, arguments: tuple[str, ...]) -> None:
    with served(folder, *arguments) as process:
        answer = process.wait_for(200, "/theirs")
        with httpx.stream("GET", f"{process.url}/stream") as stream:
            streamed = list(stream.iter_lines())
        with connect(f"ws://127.0.0.1:{process.port}/echo") as socket:
            socket.send("hello")
            echoed = socket.recv()
        code = process.end()

    assert answer.json() == {"main": True, "last": True}
    assert streamed == ["0", "1", "2"]
    assert echoed == "hello"
    assert code == 0


def test_the_log_of_a_guest_says_where_it_answers_and_what_it_was_asked(folder: Path) -> None:
    with served(folder, "theirs:guest", "--factory") as process:
        process.wait_for(503, "/team/ready")
        process.wait_for(404, "/no%09there")
        process.end()
    lines = process.log.read_text().splitlines()

    assert f"team serving: {process.url}/team/ready {process.url}/team/ready/db" in lines
    assert "team request: GET /no\\tthere answered 404" in lines


def test_an_application_without_a_lifespan(folder: Path) -> None:
    with served(folder, "theirs:bare") as process:
        answer = process.wait_for(200, "/")

    assert answer.text == "bare"


def test_what_is_printed_while_importing_is_no_log_line(folder: Path) -> None:
    process = served(folder, "theirs:app")
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        running = subprocess.Popen(
            [*process.program, *process.arguments], cwd=folder, env=process.environment, stdout=out, stderr=err
        )
        try:
            process.process = running
            process.wait_for(200, "/theirs")
        finally:
            running.terminate()
            running.wait(30)

    assert "said while importing" not in (folder / "out").read_text()
    assert "said while importing" in (folder / "err").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("theirs",), "names no application: write MODULE:APP"),
        (("nowhere_at_all:app",), "There is no module nowhere_at_all"),
        (("theirs:other",), "The module theirs has no other."),
        (("theirs:text",), "it cannot be called"),
        (("theirs:make",), "add --factory"),
        (("theirs:needs", "--factory"), "needs arguments"),
        (("theirs:nothing", "--factory"), "returned no application"),
        (("theirs:fails", "--factory"), "raised an error: its traceback is above"),
        (("broken:app",), "cannot be imported: its traceback is above"),
        (("wrong:app",), "cannot be imported: its traceback is above"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_served_is_one_sentence_after_their_own_traceback(
    folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PORT": "0", "DATABASE_URL": NOWHERE}
    command = [sys.executable, "-m", "pgvector_ready", "serve", *arguments]

    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    *before, last = ran.stderr.strip().splitlines()
    assert ran.returncode == 2, ran.stderr
    assert sentence in last
    assert last.startswith("pgvector-ready: ")
    is_shown = "traceback is above" in sentence
    assert any("Traceback" in line for line in before) is is_shown
    assert "importlib" not in ran.stderr
    assert "commands/serve.py" not in ran.stderr


def test_the_bundled_application_needs_no_name(database_with_vector: Database, tmp_path: Path) -> None:
    process = ServiceProcess("serve", log=tmp_path / "log", DATABASE_URL=database_with_vector.url)
    process.folder = tmp_path
    with process:
        assert process.wait_for(200).json()["service"] == "pgvector-ready"
        page = process.get("/")
        assert page is not None
        assert page.status_code == 200


@pytest.mark.parametrize(
    ("missing", "command", "extra"), [("typer", "check", "cli"), ("uvicorn", "serve", "serve")], ids=["cli", "serve"]
)
def test_a_command_without_its_extra_says_which(missing: str, command: str, extra: str) -> None:
    script = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv[1:] = [{command!r}];"
        "from pgvector_ready.__main__ import main; main()"
    )
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": NOWHERE}

    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("pgvector-ready: ")
    assert ran.stderr.endswith(f'pip install "pgvector-ready[{extra}]"\n')
    assert ran.stderr.count("\n") == 1
