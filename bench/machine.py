"""What a figure was measured on, and who works on which of its cores."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from subprocess import Popen
from typing import Any

# The service and each of the baselines have the first core to themselves; the load, the database and this program
# share the other. On a machine with a single core they are in each other's way, and the description says so.
_CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = _CORES[0], _CORES[-1]

_PACKAGES = ("uvicorn", "httptools", "fastapi", "sqlalchemy", "asyncpg", "pydantic")


def step_aside() -> None:
    """Leave the servers' core: this process, and whatever it starts without pinning it."""
    os.sched_setaffinity(0, {CLIENT_CORE})


def pin(process: Popen[Any] | None) -> None:
    """Give a process that was just started the servers' core."""
    assert process is not None
    os.sched_setaffinity(process.pid, {SERVER_CORE})


def cpu_seconds(process: Popen[Any] | None) -> float:
    """What a process has used of its core so far, the kernel's work on its behalf included."""
    assert process is not None
    # proc(5): fields 14 and 15; the second one, the name, may hold blanks.
    user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, Any]:
    """For the table's reader."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cores": len(_CORES),
        "CPU": model[1].strip() if model else platform.machine(),
        "Linux": platform.release().partition("-")[0],
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "load before": round(os.getloadavg()[0], 1),
    }
