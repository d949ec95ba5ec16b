"""What a run provoked and compared: counted over all its processes, told at its end, and with nothing missing."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from pgvector_ready.judgement.failures import Code

TABLE = Path(__file__).parents[2] / "build" / "provoked.md"

# A test's properties travel from the process that ran it to the one that reports.
_provoked: dict[str, list[tuple[float, str]]] = defaultdict(list)
_compared: Counter[str] = Counter()


def add(report: pytest.TestReport) -> None:
    """Take what a test has recorded: `provoked`, a code and its seconds; `compared`, strings by what libpq said."""
    for kind, recorded in report.user_properties:
        found: Any = recorded
        if kind == "provoked":
            code, seconds = found
            _provoked[code].append((seconds, report.nodeid))
        elif kind == "compared":
            _compared.update(found)


# Classified by OpenSSL's number in a table of tests; no server of the tests has a certificate that was taken back.
_NEVER_PROVOKED = frozenset({Code.TLS_REVOKED})


def missing() -> list[Code]:
    """The codes that no test has provoked."""
    return [code for code in Code if code not in _provoked and code not in _NEVER_PROVOKED]


def is_whole(config: pytest.Config) -> bool:
    """Whether the run was of all the tests there are: of a part nothing can be missing."""
    is_chosen = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "deselect"))
    return config.args_source is config.ArgsSource.TESTPATHS and not is_chosen


def sentences() -> list[str]:
    """The counts, one line each, of what there was."""
    lines = []
    if _compared:
        lines.append(f"{_compared.total()} generated strings compared with libpq: {dict(_compared)}")
    if _provoked:
        ways = sum(map(len, _provoked.values()))
        lines.append(f"{ways} failures provoked, {len(_provoked)} of {len(Code)} codes")
    return lines


def write_table() -> None:
    """Code, how it was provoked, seconds to the answer: a line for each way."""
    lines = ["| code | provoked by | seconds to answer |", "|---|---|---|"]
    for code in filter(_provoked.__contains__, Code):
        lines += [f"| {code} | {_readable(how)} | {seconds:.3f} |" for seconds, how in _provoked[code]]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(lines) + "\n")


def _readable(nodeid: str) -> str:
    path, _, name = nodeid.partition("::")
    words = name.removeprefix("test_").replace("_", " ").replace("|", " ")
    return f"{Path(path).stem}: {words}"
