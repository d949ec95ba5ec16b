"""The judgement: what was found, step by step, against what is required. Pure: every case is a row in a test."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from pgvector_ready.judgement.facts import Extension, Facts, values_of, version
from pgvector_ready.judgement.failures import RUNBOOK, Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, Value, phrase
from pgvector_ready.judgement.report import Finding, Reason, Report, State, Verdict
from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, Revisions, VectorPolicy, joined
from pgvector_ready.judgement.searchable import OF_MODELS, findings_on
from pgvector_ready.judgement.strangers import of_extension, of_table
from pgvector_ready.judgement.target import Network, intended_name, is_public, network_of
from pgvector_ready.judgement.vectors import Unseen


def judge(facts: Facts, requirements: Requirements, blocked: Failure | None = None) -> Report:
    """Judge every step in order; after the first failure the others are skipped, so that the cause is shown.

    `blocked` is what kept provisioning from enabling pgvector, or its proof from succeeding: it is told instead of the
    bare fact that the extension is not enabled, and it fails the proof's step, which looks well from outside.
    """
    verdicts: list[Verdict] = []
    for step in RUNBOOK:
        if verdicts and verdicts[-1].failure and verdicts[-1].state is State.FAIL:
            break
        verdicts.append(_verdict(step, facts, requirements, blocked))
    rest = (_skipped(step, requirements, Reason.NOT_REACHED) for step in RUNBOOK[len(verdicts) :])
    heads = requirements.revisions.heads if requirements.revisions else frozenset()
    return Report(facts, (*verdicts, *rest), heads, _findings(facts, requirements))


def judge_so_far(facts: Facts, requirements: Requirements, step: Step) -> tuple[Verdict, ...]:
    """The verdicts that stand already while `step` is still being found out: those of the steps before it."""
    return judge(facts, requirements).verdicts[: RUNBOOK.index(step)]


def judge_offline(facts: Facts, requirements: Requirements, inside: Network | None = None) -> Report:
    """Judge the configuration alone, before anything is asked of a network; `inside` is the one that this runs in.

    A private name is told as when it does not resolve, and is a warning here: where it will be used may be inside.
    """
    configured = _configured(facts, requirements)
    if configured.state is State.PASS and (meant := intended_name(facts.target.database)):
        doubt = _tell(State.WARN, Code.DATABASE_URL_DOUBTFUL, Step.CONFIGURED, facts, meant=meant)
        configured = replace(doubt, notes=configured.notes)
    _, connected, *others = (_skipped(step, requirements, Reason.NOT_LOOKED) for step in RUNBOOK)
    network = network_of(facts.target.host, facts.target.provider)
    if network in {Network.RAILWAY, Network.RENDER} and network is not inside:
        connected = _tell(State.WARN, Code.PRIVATE_HOST, Step.CONNECTED, facts)
    return Report(facts, (configured, connected, *others))


def _skipped(step: Step, requirements: Requirements, reason: Reason) -> Verdict:
    """Skip a step for this reason, unless nobody asked for it anyway."""
    match step:
        case Step.EXPECTED:
            is_asked = requirements.names_a_target
        case Step.SEARCHABLE:
            is_asked = requirements.vectors is not VectorPolicy.OFF
        case Step.MIGRATED:
            is_given = bool(requirements.revisions or requirements.unjudged)
            is_asked = is_given and requirements.migrations is not MigrationPolicy.OFF
        case _:
            is_asked = True
    return Verdict(step, State.SKIPPED, reason=reason if is_asked else Reason.NOT_ASKED)


def judge_step(step: Step, facts: Facts, requirements: Requirements) -> Verdict:
    """Judge one step alone, whatever the ones before it are."""
    return _JUDGES[step](facts, requirements)


def _verdict(step: Step, facts: Facts, requirements: Requirements, blocked: Failure | None) -> Verdict:
    duration_ms = facts.durations_ms.get(step)
    if facts.failure and facts.failure.step is step:
        return Verdict(step, State.FAIL, facts.failure, duration_ms)
    verdict = _JUDGES[step](facts, requirements)
    is_blocked = verdict.state is State.FAIL if step is Step.ENABLED else verdict.state is not State.FAIL
    if blocked and blocked.step is step and is_blocked:
        verdict = Verdict(step, State.FAIL, blocked)
    is_accepted = verdict.failure is not None and verdict.failure.code in requirements.accepted
    return replace(verdict, duration_ms=duration_ms, is_accepted=verdict.is_accepted or is_accepted)


def _tell(state: State, code: Code, step: Step, facts: Facts, **more: Value | None) -> Verdict:
    values = {**values_of(facts.server, facts.extension), **more}
    return Verdict(step, state, Failure.about(code, step, facts.target, values))


def _configured(facts: Facts, requirements: Requirements) -> Verdict:
    if requirements.is_repaired:
        verdict = _tell(State.WARN, Code.DATABASE_URL_REPAIRED, Step.CONFIGURED, facts)
        return replace(verdict, notes=requirements.notes)
    return Verdict(Step.CONFIGURED, State.PASS, notes=requirements.notes)


def _connected(facts: Facts, _: Requirements) -> Verdict:
    server = facts.server
    notes = (phrase(Part.POOLED),) if server and server.is_pooled else ()
    if server and not server.tls and is_public(facts.target):
        return replace(_tell(State.WARN, Code.TLS_OFF, Step.CONNECTED, facts), notes=notes)
    return Verdict(Step.CONNECTED, State.PASS, notes=notes)


def _expected(facts: Facts, requirements: Requirements) -> Verdict:
    if not requirements.names_a_target:
        return Verdict(Step.EXPECTED, State.SKIPPED, reason=Reason.NOT_ASKED)
    server = facts.server
    # Only the database's name knows upper and lower case: "App" and "app" are two databases.
    pairs = (
        (Part.OTHER_HOST, requirements.expected_host, facts.target.host, _same_host),
        (Part.OTHER_DATABASE, requirements.expected_database, server and server.database, str),
        (Part.OTHER_FINGERPRINT, requirements.expected_fingerprint, server and server.fingerprint, str.casefold),
    )
    different = tuple(
        phrase(part, expected=wanted, **({"reached": reached} if reached else {}))
        for part, wanted, reached, folded in pairs
        if wanted and folded(wanted) != folded(reached or "")
    )
    if different:
        return _tell(State.FAIL, Code.WRONG_TARGET, Step.EXPECTED, facts, differences=different)
    return Verdict(Step.EXPECTED, State.PASS)


def _same_host(name: str) -> str:
    return name.casefold().removesuffix(".")  # as DNS takes it: a dot at the end says that the name is complete


def _writable(facts: Facts, requirements: Requirements) -> Verdict:
    state = State.FAIL if requirements.is_writable else State.WARN
    if facts.server and facts.server.is_standby:
        return _tell(state, Code.STANDBY, Step.WRITABLE, facts)
    if facts.server and facts.server.is_read_only:
        return _tell(state, Code.READ_ONLY, Step.WRITABLE, facts)
    return Verdict(Step.WRITABLE, State.PASS)


def _available(facts: Facts, _: Requirements) -> Verdict:
    extension = facts.extension or Extension()
    # Installed without files on the server: whether it can be used is for the proof to say.
    if extension.available_version or extension.installed_version:
        return Verdict(Step.AVAILABLE, State.PASS)
    case = "musl" if facts.server and facts.server.is_musl else ""
    values = values_of(facts.server, facts.extension)
    failure = Failure.about(Code.PGVECTOR_NOT_AVAILABLE, Step.AVAILABLE, facts.target, values, case=case)
    return Verdict(Step.AVAILABLE, State.FAIL, failure)


def _enabled(facts: Facts, requirements: Requirements) -> Verdict:
    extension = facts.extension or Extension()
    installed, available = extension.installed_version, extension.available_version
    minimum = requirements.minimum_version
    if not installed:
        return _tell(State.FAIL, Code.PGVECTOR_NOT_ENABLED, Step.ENABLED, facts)
    if minimum and version(installed) < version(minimum):
        return _tell(State.FAIL, Code.PGVECTOR_TOO_OLD, Step.ENABLED, facts, minimum_version=minimum)
    if available and version(installed) < version(available):
        return _tell(State.WARN, Code.PGVECTOR_UPDATE_AVAILABLE, Step.ENABLED, facts)
    if available and version(installed) > version(available):
        return _tell(State.WARN, Code.PGVECTOR_DOWNGRADED, Step.ENABLED, facts)
    return Verdict(Step.ENABLED, State.PASS)


def _usable(facts: Facts, requirements: Requirements) -> Verdict:
    extension = facts.extension or Extension()
    if not extension.is_found:
        return _tell(State.FAIL, Code.PGVECTOR_NOT_ON_SEARCH_PATH, Step.USABLE, facts)
    if finding := of_extension(extension):
        state = State.WARN if extension.is_own else State.FAIL
        return _tell(state, finding.code, Step.USABLE, facts, **finding.values)
    duration_ms = facts.durations_ms.get(Step.USABLE)
    if duration_ms and requirements.slow_ms and duration_ms > requirements.slow_ms:
        return _tell(State.WARN, Code.SLOW, Step.USABLE, facts, latency_ms=duration_ms)
    return Verdict(Step.USABLE, State.PASS)


def _migrated(facts: Facts, requirements: Requirements) -> Verdict:
    policy, revisions = requirements.migrations, requirements.revisions
    if revisions is None:
        notes = (phrase(Part.UNJUDGED, reason=requirements.unjudged),) if requirements.unjudged else ()
        return replace(_skipped(Step.MIGRATED, requirements, Reason.NOT_LOOKED), notes=notes)
    finding = of_table(facts.server) if facts.server else None
    is_without = facts.revisions is None and finding is None
    if policy is MigrationPolicy.OFF or (policy is MigrationPolicy.AUTO and is_without):
        return Verdict(Step.MIGRATED, State.SKIPPED, reason=Reason.NOT_ASKED)
    if finding:
        # In a database of many it may be another application's; and nobody else may switch this one off by it.
        state = State.FAIL if policy is MigrationPolicy.REQUIRED else State.WARN
        return _tell(state, finding.code, Step.MIGRATED, facts, **finding.values)
    current = facts.revisions or frozenset()
    told = {"current": joined(current), "head": joined(revisions.heads)}
    if current - revisions.known:
        code = Code.MIGRATIONS_RENAMED if _is_renamed(current, revisions) else Code.MIGRATIONS_UNKNOWN
        table = facts.server.version_table.name if facts.server and facts.server.version_table else None
        return _tell(State.WARN, code, Step.MIGRATED, facts, **told, table=table)
    if current != revisions.heads:
        return _tell(State.FAIL, Code.MIGRATIONS_BEHIND, Step.MIGRATED, facts, **told)
    return Verdict(Step.MIGRATED, State.PASS)


def _is_renamed(current: frozenset[str], revisions: Revisions) -> bool:
    """Return whether version 1 brought the database to its own first revision, which has another name since."""
    return _OLD_NAME in current - revisions.known and _NEW_NAME in revisions.known


# Version 1 took the name that every hand-written history begins with.
_OLD_NAME, _NEW_NAME = "0001", "pgvector_ready_0001"


def _findings(facts: Facts, requirements: Requirements) -> tuple[Finding, ...]:
    """Return all that the last inventory shows, whatever has become of the database since."""
    inventory = facts.look.inventory
    if inventory is None or requirements.vectors is VectorPolicy.OFF:
        return ()
    return tuple(
        Finding(
            one.failure(facts.target),
            one.table,
            one.column,
            one.index,
            is_accepted=one.is_one_of(requirements.accepted),
        )
        for one in findings_on(inventory, facts, requirements)
    )


def _searchable(facts: Facts, requirements: Requirements) -> Verdict:
    look = facts.look
    if requirements.vectors is VectorPolicy.OFF or look.unseen is Unseen.OFF:
        return Verdict(Step.SEARCHABLE, State.SKIPPED, reason=Reason.NOT_ASKED)
    notes = (phrase(Part.COULD_NOT_LOOK),) if look.unseen is Unseen.FAILED else ()
    if look.inventory is None:
        verdict = Verdict(Step.SEARCHABLE, State.SKIPPED, reason=Reason.NOT_LOOKED)
        if requirements.vectors is VectorPolicy.REQUIRED:
            verdict = _tell(State.FAIL, Code.VECTORS_UNKNOWN, Step.SEARCHABLE, facts)
    elif findings := _findings(facts, requirements):
        verdict = _of_findings(findings, requirements)
    elif requirements.vectors is VectorPolicy.REQUIRED and look.unseen is Unseen.FAILED:
        failure = Failure.about(Code.VECTORS_UNKNOWN, Step.SEARCHABLE, facts.target, case="since")
        verdict = Verdict(Step.SEARCHABLE, State.WARN, failure)
    elif not look.inventory.columns and requirements.models is None:
        verdict = Verdict(Step.SEARCHABLE, State.SKIPPED, reason=Reason.NOT_THERE)
    else:
        verdict = Verdict(Step.SEARCHABLE, State.PASS)
    return replace(verdict, notes=notes)


def _of_findings(findings: tuple[Finding, ...], requirements: Requirements) -> Verdict:
    """The verdict that the gravest of them is; one that fails a deploy comes first of all, an accepted one last."""
    counted = [one for one in findings if not one.is_accepted]
    is_required = requirements.vectors is VectorPolicy.REQUIRED
    failing = [one for one in counted if is_required and one.failure.code in OF_MODELS]
    gravest = [*failing, *counted, *findings][0]
    state = State.FAIL if failing else State.WARN
    return Verdict(Step.SEARCHABLE, state, gravest.failure, is_accepted=not counted)


_JUDGES: Mapping[Step, Callable[[Facts, Requirements], Verdict]] = {
    Step.CONFIGURED: _configured,
    Step.CONNECTED: _connected,
    Step.EXPECTED: _expected,
    Step.WRITABLE: _writable,
    Step.AVAILABLE: _available,
    Step.ENABLED: _enabled,
    Step.USABLE: _usable,
    Step.MIGRATED: _migrated,
    Step.SEARCHABLE: _searchable,
}
