"""The service, and what it is compared with, each on the servers' core."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self

from bench import machine
from tests.support.service import ServiceProcess


class PinnedService(ServiceProcess):
    """`pgvector-ready serve`."""

    def __enter__(self) -> Self:
        super().__enter__()
        machine.pin(self.process)
        return self


class Contender(PinnedService):
    """One of `contenders`, by name."""

    def __init__(self, name: str, log: Path, **environment: str) -> None:
        super().__init__(name, log=log, program=(sys.executable, "-m", "bench.contenders"), **environment)


async def crowd(url: str, path: str, pollers: int, seconds: float) -> dict[str, Any]:
    """What `crowd` saw, in a process of its own."""
    command = (sys.executable, "-m", "bench.crowd", url, path, str(pollers), str(seconds))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return dict(json.loads(out))
