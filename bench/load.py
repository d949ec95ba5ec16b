"""Debian's wrk, as the load."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    requests: int
    seconds: float
    refused: int
    """Answers that were no 2xx."""
    broken: int
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Answers that said yes."""
        return (self.requests - self.refused) / self.seconds


def wrk(url: str, seconds: float, connections: int) -> Load:
    """As many requests as this many connections can have answered, one after another on each."""
    if shutil.which("wrk") is None:
        message = "The benchmarks need a program that is not here: apt-get install wrk"
        raise RuntimeError(message)
    # wrk knows whole seconds only. A refusal comes in time or not at all here, so its own timeout must not interfere.
    options = ("--threads=1", f"--connections={connections}", f"--duration={max(1, round(seconds))}s", "--timeout=30s")
    done = subprocess.run(["wrk", *options, f"--script={_SCRIPT}", url], capture_output=True, check=True, text=True)
    return Load(**json.loads(done.stdout.rpartition("\nJSON ")[2]))
