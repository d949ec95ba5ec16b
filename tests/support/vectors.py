"""What is found of a database's vectors by a look at them now, and a remedy carried out by psql as it is printed."""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import MetaData

from pgvector_ready.commands.check.run import check
from pgvector_ready.database import Database, Link
from pgvector_ready.documents.wording import wording
from pgvector_ready.judgement.observation import Observation
from pgvector_ready.judgement.report import Finding, Report
from pgvector_ready.settings import load
from tests.support.told import note

_T = TypeVar("_T")
_BEGIN = re.compile(r": ((?:REINDEX|CREATE|DROP|ALTER|DO) .*)", re.DOTALL)


def looked(url: str, metadata: MetaData | None = None, **variables: Any) -> Report:
    """Return the report of a `check` of this database; `variables` are settings."""
    return observed(url, metadata, **variables).report


def observed(url: str, metadata: MetaData | None = None, **variables: Any) -> Observation:
    """Return what a `check` observes."""
    settings = load(database_url=url, **{"query_timeout_seconds": 1.9, **variables})
    return asyncio.run(check(settings, enable=False, timeout_seconds=20, metadata=metadata))


def found(url: str, metadata: MetaData | None = None, **variables: Any) -> list[Finding]:
    """Return the findings, each of them counted as provoked."""
    findings = list(looked(url, metadata, **variables).findings)
    for finding in findings:
        note(finding.failure)
    return findings


def carry_out(finding: Finding, url: str) -> str:
    """Run the statements in the remedy as psql reads them, and return them."""
    remedy = wording(finding.failure).remedy
    match = _BEGIN.search(remedy)
    assert match, remedy
    command = ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url]
    done = subprocess.run(command, input=match[1], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (match[1], done.stderr)
    return match[1]


async def asked(url: str, ask: Callable[[Link], Awaitable[_T]]) -> _T:
    """Return what `ask` returns for a connection as a probe has one."""
    link = await Database(load(database_url=url).connection_string, 10).connect(is_probe=True)
    try:
        return await ask(link)
    finally:
        link.terminate()
