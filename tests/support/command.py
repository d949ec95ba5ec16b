"""Calls of `pgvector-ready`, each in a process of its own that begins with everything imported.

The imports take half a second of processor time, and the tests call hundreds of commands: so one process imports once,
and forks for each call. Who tests the start itself, the imports or a signal starts Python instead.
"""

import atexit
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def run(
    *arguments: str, environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Call the command as `subprocess.run` does, with no variable but these and nothing to read."""
    request = {"arguments": arguments, "environment": dict(environment), "folder": str(folder or Path.cwd())}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
        channel = _nursery()
        try:
            socket.send_fds(channel, [b"+"], [nothing.fileno(), out.fileno(), err.fileno()])
            channel.sendall(f"{json.dumps(request)}\n".encode())
            answer = channel.recv(64)
        except BaseException:  # the time of the test is over: its answer may not become the next one's
            _nursery.cache_clear()
            channel.close()
            raise
        assert answer, "the process that forks has ended"
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(arguments, int(answer), *said)


@cache
def _nursery() -> socket.socket:
    """Start the process that forks, once for each process of tests; it ends with it."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = (sys.executable, "-m", __name__, str(theirs.fileno()))
        process = subprocess.Popen(program, cwd=_ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _fork_on_demand(channel: socket.socket) -> None:
    """Answer each request with the exit code, as `subprocess` counts it, until the other side is gone."""
    requests = channel.makefile("rb")
    while True:
        mark, descriptors, *_ = socket.recv_fds(channel, 1, 3)
        if not mark:
            return
        request = json.loads(requests.readline())
        child = os.fork()
        if not child:
            channel.close()
            _become(request["arguments"], request["environment"], request["folder"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        channel.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _become(arguments: Sequence[str], environment: Mapping[str, str], folder: str, descriptors: Sequence[int]) -> None:
    """Be what `python -m pgvector_ready` would be; does not return."""
    from pgvector_ready import __main__ as program  # noqa: PLC0415 - in the process that forks alone

    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = [str(program.__file__), *arguments]
    sys.modules["__main__"] = program
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115 - a descriptor's
        for number, mode, errors in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    try:
        program.main()
    except BaseException:  # noqa: BLE001 - as the interpreter would print it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def _import_all() -> None:
    """Import what the commands use, but not what reads the environment while it is imported, as Typer's Rich does."""
    from pgvector_ready import commands, migrations  # noqa: PLC0415 - in the process that forks alone

    for package in (commands, migrations):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    importlib.import_module("rich.console")
    assert "typer.rich_utils" not in sys.modules


if __name__ == "__main__":
    _import_all()
    with socket.socket(fileno=int(sys.argv[1])) as _channel:
        _fork_on_demand(_channel)
