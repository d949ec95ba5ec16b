"""All that was answered against all that is expected. Pure: what was asked, and when, is `verify`'s."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from pgvector_ready.commands.verify.address import Address
from pgvector_ready.commands.verify.endpoint import (
    DATABASE,
    HEALTH,
    Asked,
    Endpoint,
    Judged,
    destination,
    how,
    judge_endpoint,
)
from pgvector_ready.commands.verify.evidence import Also, Evidence, Expectations
from pgvector_ready.commands.verify.finding import Check, failed, passed, printable, skipped
from pgvector_ready.commands.verify.reply import Outcome, Reply
from pgvector_ready.documents.documents import DatabaseDocument
from pgvector_ready.judgement.facts import version
from pgvector_ready.paths import DATABASE_PATH

OTHER_TOKEN_VARIABLE = "OTHER_HEALTH_TOKEN"  # noqa: S105 - a name
# As short as git ever abbreviates.
_SHORTEST_COMMIT = 7


def judge(evidence: Evidence, expectations: Expectations) -> tuple[Check, ...]:
    """Every check there is, whatever was asked: a report has the same names each time."""
    health, database = _endpoints(evidence)
    return (
        *health.checks,
        *database.checks,
        _commit(health, database, expectations.commit),
        _target("target_host", database, "host", expectations.host, str.casefold),
        # Only the database's name knows upper and lower case: "App" and "app" are two databases.
        _target("target_database", database, "database", expectations.database, str),
        _fingerprint(database, expectations),
        _pgvector(database, expectations.minimum_version),
        _separate(database, evidence, expectations.differs_from),
        *_instance(health, expectations.not_instance),
        *_also(evidence, expectations.also),
    )


def _endpoints(evidence: Evidence) -> tuple[Judged, Judged]:
    address, sent = evidence.address, evidence.sent_token
    health = judge_endpoint(Asked(HEALTH, address, evidence.health, evidence.health_head, sent))
    return health, judge_endpoint(Asked(DATABASE, address, evidence.database, evidence.database_head, sent))


def instance_in(evidence: Evidence) -> str | None:
    """The instance that answered, if it said so."""
    document = _endpoints(evidence)[0].document or {}
    return document.get("instance")


def fingerprint_in(evidence: Evidence) -> str | None:
    """The database that the service answered from, if it said so; fit to be shown."""
    document = _endpoints(evidence)[1].document or {}
    fingerprint = document.get("target", {}).get("fingerprint")
    return fingerprint and printable(fingerprint)


def _untold(name: str, judged: Judged) -> Check | None:
    """Why the document cannot tell what is expected of it, if it cannot."""
    if judged.document is None:
        why = judged.failure.name if judged.failure else "health_reached"
        return skipped(name, f"not known, because {why} failed")
    if "service" not in judged.document:
        message = "The service does not tell this to everybody: it is protected by a HEALTH_TOKEN."
        advice = how(judged.asked)
        return failed(name, message, f"{advice[0].upper()}{advice[1:]}.")
    return None


def _unasked(name: str, judged: Judged, option: str, told: Callable[[Any], str]) -> Check:
    """A check nobody asked for still shows what there would be to expect."""
    if judged.document is None or "service" not in judged.document:
        return skipped(name, f"{option} was not given")
    return skipped(name, f"{told(judged.document)} ({option} was not given)")


def _commit(health: Judged, database: Judged, expected: str | None) -> Check:
    if expected is None:
        return _unasked("commit", health, "--expect-commit", lambda document: document["commit"] or "unknown")
    for judged in (health, database):
        if untold := _untold("commit", judged):
            return untold
        found = judged.document and judged.document["commit"]
        if not found:
            remedy = "Set GIT_COMMIT in the service's environment; Render and Railway set their own variable."
            return failed("commit", "The service does not know its commit.", remedy)
        if not _is_same_commit(found, expected):
            message = f"{judged.asked.endpoint.path} is answered by commit {found}, and {expected} was expected."
            remedy = "Wait for the deploy with --wait 900; if it has ended, its log says why it did not go live."
            return failed("commit", message, remedy)
    return passed("commit", f"{expected} answers")


def _is_same_commit(found: str, expected: str) -> bool:
    """Either may be abbreviated."""
    found, expected = found.casefold(), expected.casefold()
    if min(len(found), len(expected)) < _SHORTEST_COMMIT:
        return found == expected
    return found.startswith(expected) or expected.startswith(found)


def _target(name: str, database: Judged, key: str, expected: str | None, folded: Callable[[str], str]) -> Check:
    if expected is None:
        option = f"--expect-{key}"
        return _unasked(name, database, option, lambda document: document["target"][key] or "unknown")
    if untold := _untold(name, database):
        return untold
    found = (database.document or {})["target"][key]
    if found is not None and folded(found) == folded(expected):
        return passed(name, found)
    message = f"The service uses the {key} {found or 'unknown'}, and {expected} was expected."
    return failed(name, message, _CORRECT_URL)


_CORRECT_URL = "Correct the service's DATABASE_URL and deploy, before anything is written to the wrong database."


def _fingerprint(database: Judged, expectations: Expectations) -> Check:
    name, expected, places = "target_fingerprint", expectations.fingerprint, expectations.places
    if not expected and not places:
        return _unasked(name, database, "--expect-fingerprint", lambda document: _known(document["target"]))
    if untold := _untold(name, database):
        return untold
    target = (database.document or {})["target"]
    found = target["fingerprint"]
    if expected and found and found.casefold() == expected.casefold():
        return passed(name, found)
    if not (expected and found) and (target["host"], target["port"]) in places:
        return passed(name, "unknown, but host and port are those expected")
    wanted = expected if expected and (found or not places) else "one at the host and port expected"
    message = f"The service answers from the database {_known(target)}, and {wanted} was expected."
    return failed(name, message, _CORRECT_URL)


def _known(target: Any) -> str:
    return target["fingerprint"] or "unknown"


def _instance(health: Judged, replaced: str | None) -> Iterator[Check]:
    """A check that only a deploy can ask for."""
    if replaced is None:
        return
    found = (health.document or {}).get("instance")
    if found is None:
        yield skipped("instance", "the service does not say which of its instances answers")
    elif found == replaced:
        remedy = "Wait until the deploy has replaced it, or look in the platform's dashboard why it has not."
        yield failed("instance", "The instance from before still answers.", remedy)
    else:
        yield passed("instance", f"{found} answers")


def _pgvector(database: Judged, minimum: str | None) -> Check:
    name = "pgvector_version"
    if minimum is None and (database.document is None or "service" not in database.document):
        return skipped(name, "--minimum-pgvector was not given")
    if untold := _untold(name, database):
        return untold
    installed = (database.document or {})["pgvector"]["installed_version"]
    if installed is None:
        remedy = "Follow the remedy of database_status, or CREATE EXTENSION vector; in that database."
        return failed(name, "pgvector is not installed in the service's database, as far as it can see.", remedy)
    if minimum is not None and version(installed) < version(minimum):
        message = f"pgvector {installed} is installed, and at least {minimum} was expected."
        return failed(name, message, "ALTER EXTENSION vector UPDATE; or an image with a newer pgvector.")
    return passed(name, f"{installed} is installed" + (f", at least {minimum} was expected" if minimum else ""))


_OTHER = Endpoint("other", DATABASE_PATH, DatabaseDocument)


def _separate(database: Judged, evidence: Evidence, differs_from: Address | None) -> Check:
    name = "separate_database"
    if differs_from is None:
        return skipped(name, "--differs-from was not given")
    if database.document is None and (untold := _untold(name, database)):
        return untold
    if evidence.other is None:
        return skipped(name, "the other service was not asked, because something else failed")
    asked = Asked(_OTHER, differs_from, evidence.other, None, evidence.sent_other_token, OTHER_TOKEN_VARIABLE)
    other = judge_endpoint(asked)
    if other.document is None and other.failure:
        return failed(name, f"Cannot tell: {differs_from.origin}: {other.failure.message}", other.failure.remedy or "")
    for judged in (database, other):
        if (untold := _untold(name, judged)) and untold.remedy:
            return failed(name, f"Cannot tell: {judged.asked.address.origin}: {untold.message}", untold.remedy)
    return _compare(name, database, other)


def _compare(name: str, database: Judged, other: Judged) -> Check:
    mine, theirs = ((judged.document or {})["target"] for judged in (database, other))
    for judged, target in ((database, mine), (other, theirs)):
        if not target["fingerprint"]:
            message = f"Cannot tell: {judged.asked.address.origin} does not know the fingerprint of its database."
            remedy = (
                "Make its /api/v1/health/db pass first; if it does, its role may not ask for the fingerprint: "
                "GRANT EXECUTE ON FUNCTION pg_control_system() TO the role."
            )
            return failed(name, message, remedy)
    shown = f"{other.asked.address.origin} ({theirs['host']}, database {theirs['database']})"
    if mine["fingerprint"] == theirs["fingerprint"]:
        message = f"Shares one database with {shown}: what one of them deletes is gone for both."
        return failed(name, message, "Give one of them a DATABASE_URL of its own before anything else runs.")
    return passed(name, f"another database than that of {shown}")


def _also(evidence: Evidence, also: tuple[Also, ...]) -> Iterator[Check]:
    outcomes = evidence.also or (None,) * len(also)
    for wanted, outcome in zip(also, outcomes, strict=True):
        yield _answers(evidence.address, wanted, outcome)


def _answers(address: Address, also: Also, outcome: Outcome | None) -> Check:
    name = f"also {also.name}"
    if outcome is None:
        return skipped(name, "not asked, because something else failed")
    if not isinstance(outcome, Reply):
        return failed(name, outcome.message, outcome.remedy)
    if outcome.status == also.status:
        return passed(name, f"answered {outcome.status} in {outcome.duration_ms:.0f} ms", outcome.duration_ms)
    endpoint = Endpoint(name, also.path, DatabaseDocument)
    leads = f", a redirect to {destination(Asked(endpoint, address, outcome), outcome)}," if _redirects(outcome) else ""
    message = f"GET {also.name} answers {outcome.status}{leads} and {also.status} was expected."
    return failed(name, message, "Read the service's log for this request, or correct --also.")


def _redirects(reply: Reply) -> bool:
    return bool(re.fullmatch("3..", str(reply.status)))
