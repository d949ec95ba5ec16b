"""`make soak`: perform, judge, and write the report."""

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

from bench.soak.plot import draw
from bench.soak.record import Record, is_good, record
from bench.soak.report import write
from bench.soak.run import Plan, perform
from bench.soak.scenario import EVENTS
from tests.support.postgres import find_binaries

REPOSITORY = Path(__file__).parents[2]


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for the terminal


def main() -> int:
    """Exit code 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30, help="one event each (30)")
    parser.add_argument("--rate", type=int, default=2000, help="requests per second (2000)")
    parser.add_argument("--publish", action="store_true", help="write to docs, not to build/soak")
    parser.add_argument("--again", action="store_true", help="write the report again, from docs/soak.json")
    options = parser.parse_args()
    docs = REPOSITORY / "docs"
    folder = docs if options.publish else REPOSITORY / "build" / "soak"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started ends then, too
    if options.again:
        found: Record = json.loads((docs / "soak.json").read_text())
    else:
        plan = Plan.of_minutes(options.minutes, options.rate, EVENTS, _commit())
        found = record(plan, perform(plan, _tell), _postgresql())
    _publish(found, folder)
    _tell(f"{found['answers']:,} answers, {found['wrong_answers']:,} wrong; memory {found['memory']}")
    for wrong in found["wrong"]:
        _tell(json.dumps(wrong, ensure_ascii=False))
    return 0 if is_good(found) else 1


def _publish(found: Record, folder: Path) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines = (f"{json.dumps(key)}: {_compact(value)}" for key, value in found.items())
    (folder / "soak.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    (folder / "soak.md").write_text(write(found))
    draw(found, folder / "images" / "soak.svg")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _commit() -> str | None:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, check=False)
    return asked.stdout.decode().strip() or None


def _postgresql() -> str:
    asked = subprocess.run([find_binaries(None) / "postgres", "--version"], capture_output=True, check=True)
    return asked.stdout.decode().split()[2]


if __name__ == "__main__":
    sys.exit(main())
