"""The container's health check, asked of real sockets."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pgvector_ready import healthcheck as probe
from tests.support.postgres import free_port

OK = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"healthy":true,"error":null}'
STARTING = b'HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n{"healthy":false,"error":{"code":"starting"}}'


@contextmanager
def listener(*pieces: bytes, pause_seconds: float = 0.0, host: str = "127.0.0.1") -> Iterator[tuple[int, list[bytes]]]:
    """Answer every connection with these pieces, a pause before each, and remember the requests."""
    requests: list[bytes] = []
    stopping = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                if stopping.is_set():
                    return
                requests.append(connection.recv(65_536))
                try:
                    for piece in pieces:
                        stopping.wait(pause_seconds)
                        connection.sendall(piece)
                except OSError:  # the probe has left
                    continue

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], requests
        finally:
            stopping.set()
            socket.create_connection(server.getsockname()[:2]).close()
            thread.join()


def run(**environ: str) -> subprocess.CompletedProcess[str]:
    """Run the health check as Docker does."""
    return subprocess.run(
        [sys.executable, "-m", "pgvector_ready.healthcheck"], env=environ, capture_output=True, text=True, check=False
    )


def test_a_healthy_service_is_exit_code_0_and_silence() -> None:
    """Docker keeps what a health check prints, so that a healthy one prints nothing."""
    with listener(OK) as (port, requests):
        result = run(PORT=str(port), HOST="0.0.0.0")  # noqa: S104 - what the image sets

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert requests[0].startswith(b"GET /api/v1/health HTTP/1.1\r\nHost: ")


def test_an_unhealthy_service_is_exit_code_1_and_one_line_with_status_and_code() -> None:
    """What `docker inspect` shows must be enough to know where to look."""
    with listener(STARTING) as (port, _):
        result = run(PORT=str(port))

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == f"unhealthy: 127.0.0.1 port {port}: 503 starting; /api/v1/health/db names the cause\n"


def test_nothing_listening_is_said() -> None:
    """A refused connection is no traceback."""
    port = free_port()

    result = run(PORT=str(port))

    assert result.returncode == 1
    assert result.stderr == (
        f"unhealthy: 127.0.0.1 port {port}: nothing listens there; is the service running with this HOST and PORT\n"
    )


def test_only_the_standard_library_is_imported() -> None:
    """A third-party import would cost every health check its time, and may be what is broken."""
    script = (
        "import sys; before = set(sys.modules); import pgvector_ready.healthcheck;"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names;"
        "own = {name for name in sys.modules if name.startswith('pgvector_ready.')};"
        "print(*sorted(names | own))"
    )

    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.split() == ["pgvector_ready", "pgvector_ready.healthcheck"]


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        pytest.param((b"SSH-2.0-OpenSSH_9.2\r\n",), "does not speak HTTP", id="another protocol"),
        pytest.param((b"\x00\xff\xfe" * 9,), "does not speak HTTP", id="bytes"),
        pytest.param((), "does not speak HTTP", id="closed without a word"),
        pytest.param((b"HTTP/1.1 \r\n\r\n",), "does not speak HTTP", id="no status"),
        pytest.param((b"HTTP/1.1 503 x\r\n\r\nnot json",), ": 503; ", id="not json"),
        pytest.param((b'HTTP/1.1 404 x\r\n\r\n{"detail":"Not Found"}',), ": 404; ", id="another document"),
        pytest.param((b"HTTP/1.1 503 x\r\n\r\n[]",), ": 503; ", id="a list"),
        pytest.param((b'HTTP/1.1 503 x\r\n\r\n{"error":{"code":"a\\nb"}}',), ": 503; ", id="a code of two lines"),
        pytest.param((b"HTTP/1.1 503 x\r\n\r\n" + b"[" * 40_000,), ": 503; ", id="nested without end"),
        pytest.param((b"HTTP/1.1 204 No Content\r\n\r\n",), ": 204; ", id="another success"),
        pytest.param((b"HTTP/1.1 307 x\r\nlocation: /\r\n\r\n",), ": 307; ", id="a redirect"),
    ],
)
def test_anything_but_200_is_unhealthy(pieces: tuple[bytes, ...], reason: str) -> None:
    """Only the service's own 200 counts; a redirect or an empty success is somebody else's."""
    with listener(*pieces) as (port, _), pytest.raises(probe.UnhealthyError) as caught:
        probe.check({"PORT": str(port)})

    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("pieces", "pause_seconds"),
    [
        pytest.param((OK,), 60, id="silent"),
        pytest.param(tuple(OK[i : i + 1] for i in range(len(OK))), 0.1, id="a byte at a time"),
    ],
)
def test_a_slow_service_is_given_up_at_the_deadline(pieces: tuple[bytes, ...], pause_seconds: float) -> None:
    """The deadline is for the whole answer: one byte now and then does not extend it."""
    started = time.monotonic()

    with listener(*pieces, pause_seconds=pause_seconds) as (port, _), pytest.raises(probe.UnhealthyError) as caught:
        probe.check({"PORT": str(port)}, timeout_seconds=0.4)

    assert "no answer within 0.4 s" in str(caught.value)
    assert time.monotonic() - started < 4  # the whole answer would take 9 s, or 60


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """Whoever sends more than any document of ours does not hold the check."""
    with listener(OK, *[b"x" * 65_536] * 64) as (port, _):
        answer = probe.ask("127.0.0.1", port, timeout_seconds=4)

    assert len(answer) < 3 * probe.ANSWER_BYTES


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, ("127.0.0.1", 8000), id="nothing set"),
        pytest.param({"PORT": "", "HOST": ""}, ("127.0.0.1", 8000), id="both empty"),
        pytest.param({"PORT": "10000", "HOST": "0.0.0.0"}, ("127.0.0.1", 10000), id="every IPv4 address"),  # noqa: S104
        pytest.param({"HOST": "::"}, ("::1", 8000), id="every IPv6 address"),
        pytest.param({"HOST": "[::1]"}, ("::1", 8000), id="brackets"),
        pytest.param({"HOST": "10.0.0.7"}, ("10.0.0.7", 8000), id="one address"),
    ],
)
def test_the_address_asked_is_where_the_service_listens(environ: dict[str, str], expected: tuple[str, int]) -> None:
    """A service bound to one address does not listen on the loopback."""
    assert probe.address(environ) == expected


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "8000 "])
def test_a_port_that_is_none_is_said_without_repeating_it(port: str) -> None:
    """The wrong variable pasted into PORT may be a secret."""
    with pytest.raises(probe.UnhealthyError) as caught:
        probe.check({"PORT": port})

    assert str(caught.value) == "PORT is not a port number; set it to one between 1 and 65535, or unset it for 8000"


def test_an_ipv6_service_is_asked_over_ipv6() -> None:
    """`HOST=::` may listen on IPv6 alone."""
    with listener(OK, host="::1") as (port, requests):
        probe.check({"PORT": str(port), "HOST": "::"})

    assert len(requests) == 1


def test_a_host_that_is_no_address_of_this_machine_is_unhealthy() -> None:
    """Any other error of the network is one line as well."""
    with pytest.raises(probe.UnhealthyError, match="is the service running"):
        probe.check({"HOST": "nonexistent.invalid"})


def test_main_reads_the_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit codes are Docker's: 0 healthy, 1 unhealthy."""
    monkeypatch.setenv("HOST", "127.0.0.1")
    with listener(OK) as (port, _):
        monkeypatch.setenv("PORT", str(port))
        healthy = probe.main()
    monkeypatch.setenv("PORT", str(free_port()))
    unhealthy = probe.main()

    assert (healthy, unhealthy) == (0, 1)
    assert capsys.readouterr().err.startswith("unhealthy: 127.0.0.1 port ")
