"""The outcome of a migration, judged by the child's reports and the revision that the database has afterwards."""

import re

from pgvector_ready.database.sqlstates import by_sqlstate
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.requirements import joined
from pgvector_ready.judgement.target import Target
from pgvector_ready.migrations.process import Ended

_ABOUT_THE_EXTENSION = re.compile(r"\bextension\b.*\bvector\b", re.IGNORECASE | re.DOTALL)


def judge(ended: Ended, current: frozenset[str], heads: frozenset[str], target: Target) -> Failure | None:
    """Return why the database is not where it should be, or None where it is."""
    values = {"current": joined(current)}
    if ended.is_elsewhere:
        return Failure.about(Code.MIGRATIONS_ELSEWHERE, Step.MIGRATED, target, values)
    if ended.has_failed:
        step = Step.ENABLED if _ABOUT_THE_EXTENSION.search(ended.statement) else Step.MIGRATED
        code = (ended.sqlstate and by_sqlstate(ended.sqlstate, step)) or Code.MIGRATIONS_FAILED
        return Failure.about(code, step, target, values, ended.sqlstate)
    if current != heads or not (ended.is_here or current):
        return Failure.about(Code.MIGRATIONS_ELSEWHERE, Step.MIGRATED, target, values)
    return None
