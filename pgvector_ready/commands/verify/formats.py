"""A verification as lines for a person, as one JSON document, and as JUnit XML for a CI's table of tests."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from xml.etree import ElementTree as ET

from rich.text import Text

from pgvector_ready.commands.verify.evidence import Verification
from pgvector_ready.commands.verify.finding import Check
from pgvector_ready.judgement.report import State

_MARKS = {
    State.PASS: ("[+]", "green"),
    State.SKIPPED: ("[ ]", "dim"),
    State.WARN: ("[!]", "yellow"),
    State.FAIL: ("[-]", "bold red"),
}


def to_lines(verification: Verification) -> Iterator[Text]:
    """Yield a line for each check, one for those in a row that were skipped for one reason, and one that sums up."""
    for reason, group in groupby(verification.checks, lambda check: check.message if check.is_skipped else None):
        checks = tuple(group)
        if reason is None:
            yield from map(to_line, checks)
        else:
            yield to_line(replace(checks[0], name=", ".join(check.name for check in checks)))
    counts = (f"{verification.count(state)} {word}" for state, word in _COUNTED)
    style = "bold green" if verification.is_passed else "bold red"
    yield Text(f"{verification.origin}: {', '.join(counts)}", style)


_COUNTED = ((State.PASS, "passed"), (State.FAIL, "failed"), (State.SKIPPED, "skipped"))


def to_line(check: Check) -> Text:
    """Return a mark, the name and the sentence, and where it failed the remedy."""
    mark, style = _MARKS[check.state]
    if check.state is State.FAIL:
        return Text.assemble((f"{mark} {check.name}", style), f": {check.message} → ", (check.remedy or "", "bold"))
    return Text.assemble((mark, style), f" {check.name} ", (check.message, "dim"))


def to_json(verification: Verification) -> str:
    """Return the document, compact, on one line."""
    document = {
        "passed": verification.is_passed,
        "url": verification.origin,
        "checks": [_document(check) for check in verification.checks],
        "attempts": verification.attempts,
        "waited_seconds": round(verification.waited_seconds, 1),
        "verified_at": _instant(verification),
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _document(check: Check) -> dict[str, object]:
    duration_ms = None if check.duration_ms is None else round(check.duration_ms, 1)
    return {
        "name": check.name,
        "state": check.state,
        "message": check.message,
        "remedy": check.remedy,
        "duration_ms": duration_ms,
    }


def to_junit(verification: Verification) -> str:
    """Return one suite with a case for each check, as https://github.com/testmoapp/junitxml describes it."""
    counts = {
        "name": "pgvector-ready verify",
        "tests": str(len(verification.checks)),
        "failures": str(verification.count(State.FAIL)),
        "errors": "0",
        "skipped": str(verification.count(State.SKIPPED)),
        "time": f"{verification.waited_seconds:.3f}",
    }
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", counts | {"timestamp": _instant(verification)})
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="url", value=verification.origin)
    for check in verification.checks:
        _case(suite, check)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=False)


def _case(suite: ET.Element, check: Check) -> None:
    seconds = f"{(check.duration_ms or 0) / 1000:.3f}"
    case = ET.SubElement(suite, "testcase", name=check.name, classname="pgvector_ready.verify", time=seconds)
    if check.state is State.FAIL:
        failure = ET.SubElement(case, "failure", message=check.message, type=check.name)
        failure.text = f"{check.message}\n{check.remedy}"
    elif check.state is State.SKIPPED:
        ET.SubElement(case, "skipped", message=check.message)


def _instant(verification: Verification) -> str:
    return verification.verified_at.isoformat(timespec="seconds").replace("+00:00", "Z")
