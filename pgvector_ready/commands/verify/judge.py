"""The judgement of all answers by all expectations. Pure: `attempts` asks."""

import re
from collections.abc import Callable, Iterator

from pgvector_ready.commands.verify.address import Address
from pgvector_ready.commands.verify.endpoint import (
    DATABASE,
    HEALTH,
    Answered,
    Endpoint,
    EndpointResult,
    advice_on_token,
    judge_endpoint,
)
from pgvector_ready.commands.verify.evidence import Evidence, Expectations, OwnEndpoint
from pgvector_ready.commands.verify.finding import Check, failed, passed, skipped
from pgvector_ready.commands.verify.redirect import destination
from pgvector_ready.commands.verify.reply import Outcome, Reply
from pgvector_ready.commands.verify.schema import DatabaseDocument, ServiceDocument, Target
from pgvector_ready.printable import printable

OTHER_TOKEN_VARIABLE = "OTHER_HEALTH_TOKEN"  # noqa: S105 - a name
# As short as git ever abbreviates.
_SHORTEST_COMMIT = 7
_LONGEST_VERSION = 40


def judge(evidence: Evidence, expectations: Expectations) -> tuple[Check, ...]:
    """Return every check there is, whatever was asked: a report has the same names each time."""
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
        *_own_endpoints(evidence, expectations.also),
    )


def _endpoints(evidence: Evidence) -> tuple[EndpointResult, EndpointResult]:
    address, sent = evidence.address, evidence.sent_token
    health = Answered(HEALTH, address, evidence.health, evidence.health_head, sent_token=sent)
    database = Answered(DATABASE, address, evidence.database, evidence.database_head, sent_token=sent)
    return judge_endpoint(health), judge_endpoint(database)


def documents_in(evidence: Evidence) -> tuple[ServiceDocument | None, DatabaseDocument | None]:
    """Return the two documents; None where the service did not show one whole."""
    health, database = _endpoints(evidence)
    return health.service, database.database


def _obstacle(name: str, result: EndpointResult) -> Check:
    """Return the check that says why there is no whole document to look into."""
    if result.is_anonymous:
        message = "The service does not tell this to everybody: it is protected by a HEALTH_TOKEN."
        advice = advice_on_token(result.answered)
        return failed(name, message, f"{advice[0].upper()}{advice[1:]}.")
    why = result.failure.name if result.failure else "health_reached"
    return skipped(name, f"not known, because {why} failed")


def _not_asked(name: str, option: str, found: str | None) -> Check:
    """Return a check that nobody asked for; it shows what there would be to expect."""
    return skipped(name, f"{found} ({option} was not given)" if found else f"{option} was not given")


def _commit(health: EndpointResult, database: EndpointResult, expected: str | None) -> Check:
    name = "commit"
    if expected is None:
        return _not_asked(name, "--expect-commit", (health.whole.commit or "unknown") if health.whole else None)
    for result in (health, database):
        if result.whole is None:
            return _obstacle(name, result)
        found = result.whole.commit
        if not found:
            remedy = "Set GIT_COMMIT in the service's environment; Render and Railway set their own variable."
            return failed(name, "The service does not know its commit.", remedy)
        if not _is_same_commit(found, expected):
            message = f"{result.answered.path} is answered by commit {found}, and {expected} was expected."
            remedy = "Wait for the deploy with --wait 900; if it has ended, its log says why it did not go live."
            return failed(name, message, remedy)
    return passed(name, f"{expected} answers")


def _is_same_commit(found: str, expected: str) -> bool:
    """True if both name one commit; either may be abbreviated."""
    found, expected = found.casefold(), expected.casefold()
    if min(len(found), len(expected)) < _SHORTEST_COMMIT:
        return found == expected
    return found.startswith(expected) or expected.startswith(found)


def _target(name: str, database: EndpointResult, key: str, expected: str | None, folded: Callable[[str], str]) -> Check:
    document = database.database
    found = getattr(document.target, key) if document else None
    if expected is None:
        return _not_asked(name, f"--expect-{key}", (found or "unknown") if document else None)
    if document is None:
        return _obstacle(name, database)
    if found is not None and folded(found) == folded(expected):
        return passed(name, found)
    message = f"The service uses the {key} {found or 'unknown'}, and {expected} was expected."
    return failed(name, message, _CORRECT_URL)


_CORRECT_URL = "Correct the service's DATABASE_URL and deploy, before anything is written to the wrong database."


def _fingerprint(database: EndpointResult, expectations: Expectations) -> Check:
    name, expected, places = "target_fingerprint", expectations.fingerprint, expectations.places
    document = database.database
    if not expected and not places:
        return _not_asked(name, "--expect-fingerprint", _shown(document.target) if document else None)
    if document is None:
        return _obstacle(name, database)
    target = document.target
    found = target.fingerprint
    if expected and found and found.casefold() == expected.casefold():
        return passed(name, found)
    if not (expected and found) and (target.host, target.port) in places:
        return passed(name, "unknown, but host and port are those expected")
    wanted = expected if expected and (found or not places) else "one at the host and port expected"
    message = f"The service answers from the database {_shown(target)}, and {wanted} was expected."
    return failed(name, message, _CORRECT_URL)


def _shown(target: Target) -> str:
    return target.fingerprint or "unknown"


def _instance(health: EndpointResult, replaced: str | None) -> Iterator[Check]:
    """Yield a check that only a deploy can ask for."""
    if replaced is None:
        return
    found = health.service.instance if health.service else None
    if found is None:
        yield skipped("instance", "the service does not say which of its instances answers")
    elif found == replaced:
        remedy = "Wait until the deploy has replaced it, or look in the platform's dashboard why it has not."
        yield failed("instance", "The instance from before still answers.", remedy)
    else:
        yield passed("instance", f"{found} answers")


def _pgvector(database: EndpointResult, minimum: str | None) -> Check:
    name, document = "pgvector_version", database.database
    if document is None:
        return _not_asked(name, "--minimum-pgvector", None) if minimum is None else _obstacle(name, database)
    installed = printable(document.pgvector.installed_version or "", _LONGEST_VERSION)
    if not installed:
        remedy = "Follow the remedy of database_status, or CREATE EXTENSION vector; in that database."
        return failed(name, "pgvector is not installed in the service's database, as far as it can see.", remedy)
    if minimum is None:
        return passed(name, f"{installed} is installed")
    numbers = _numbers(installed)
    if numbers is None or numbers < (_numbers(minimum) or ()):
        message = f"pgvector {installed} is installed, and at least {minimum} was expected."
        return failed(name, message, "ALTER EXTENSION vector UPDATE; or an image with a newer pgvector.")
    return passed(name, f"{installed} is installed, at least {minimum} was expected")


def _numbers(version: str) -> tuple[int, ...] | None:
    """Return a version as numbers, because as text 0.10.0 sorts below 0.8.5; None where it is none."""
    found = re.match(r"[0-9]{1,6}(?:\.[0-9]{1,6}){0,3}(?![0-9])", version)
    return tuple(map(int, found[0].split("."))) if found else None


_OTHER = Endpoint("other", DatabaseDocument)


def _separate(database: EndpointResult, evidence: Evidence, differs_from: Address | None) -> Check:
    name = "separate_database"
    if differs_from is None:
        return _not_asked(name, "--differs-from", None)
    if database.whole is None and not database.is_anonymous:
        return _obstacle(name, database)
    if evidence.other is None:
        return skipped(name, "the other service was not asked, because something else failed")
    other = judge_endpoint(
        Answered(
            _OTHER,
            differs_from,
            evidence.other,
            sent_token=evidence.sent_other_token,
            token_variable=OTHER_TOKEN_VARIABLE,
        )
    )
    if other.whole is None and other.failure:
        return failed(name, f"Cannot tell: {differs_from.origin}: {other.failure.message}", other.failure.remedy or "")
    for result in (database, other):
        if result.is_anonymous:
            obstacle = _obstacle(name, result)
            message = f"Cannot tell: {result.answered.address.origin}: {obstacle.message}"
            return failed(name, message, obstacle.remedy or "")
    return _compare(name, database, other)


def _compare(name: str, database: EndpointResult, other: EndpointResult) -> Check:
    targets = [result.database.target for result in (database, other) if result.database]
    for result, target in zip((database, other), targets, strict=True):
        if not target.fingerprint:
            message = f"Cannot tell: {result.answered.address.origin} does not know the fingerprint of its database."
            remedy = (
                f"Make its {result.answered.path} pass first; if it does, its role may not ask for the fingerprint: "
                "GRANT EXECUTE ON FUNCTION pg_control_system() TO the role."
            )
            return failed(name, message, remedy)
    mine, theirs = targets
    shown = f"{other.answered.address.origin} ({theirs.host}, database {theirs.database})"
    if mine.fingerprint == theirs.fingerprint:
        message = f"Shares one database with {shown}: what one of them deletes is gone for both."
        return failed(name, message, "Give one of them a DATABASE_URL of its own before anything else runs.")
    return passed(name, f"another database than that of {shown}")


def _own_endpoints(evidence: Evidence, endpoints: tuple[OwnEndpoint, ...]) -> Iterator[Check]:
    outcomes = evidence.also or (None,) * len(endpoints)
    for wanted, outcome in zip(endpoints, outcomes, strict=True):
        yield _answer(evidence.address, wanted, outcome)


def _answer(address: Address, wanted: OwnEndpoint, outcome: Outcome | None) -> Check:
    name = f"also {wanted.name}"
    if outcome is None:
        return skipped(name, "not asked, because something else failed")
    if not isinstance(outcome, Reply):
        return failed(name, outcome.message, outcome.remedy)
    if outcome.status == wanted.status:
        return passed(name, f"answered {outcome.status} in {outcome.duration_ms:.0f} ms", outcome.duration_ms)
    is_redirect = 300 <= outcome.status < 400  # noqa: PLR2004 - HTTP's
    leads = f", a redirect to {destination(address, wanted.path, outcome)}," if is_redirect else ""
    message = f"GET {wanted.name} answers {outcome.status}{leads} and {wanted.status} was expected."
    return failed(name, message, "Read the service's log for this request, or correct --also.")
