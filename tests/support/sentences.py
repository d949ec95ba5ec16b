"""A failure of every kind with all its values, and what its sentences must be like."""

import re

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import LAST_RESORT
from pgvector_ready.documents.wording import wording
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, Value, phrase
from pgvector_ready.judgement.target import Provider, Target

TARGET = Target(host="db.example.net", port=5432, database="app", user="alice", provider=Provider.OTHER)
# Every value that a sentence may speak of, beside those of the target.
VALUES: dict[str, Value] = {
    "names": "PGHOST, PGUSER",
    "folder": "/home/ann/.local/share/pgvector-ready",
    "parameter": "sslrootcert",
    "flaw": phrase(Part.FOLDER),
    "manner": phrase(Part.CLOSES),
    "tls_reason": "TLSV1_ALERT_PROTOCOL_VERSION",
    "meant": "app",
    "violation": phrase(Part.VIOLATION_LENGTH),
    "deed": phrase(Part.DEED_PROOF),
    "times": "2",
    "latency_ms": 900.0,
    "differences": (phrase(Part.OTHER_HOST, expected="a", reached="b"), phrase(Part.OTHER_DATABASE, expected="c")),
    "server_version": "17.6",
    "image": "pgvector/pgvector:pg17",
    "available_version": "0.8.6",
    "installed_version": "0.8.5",
    "minimum_version": "0.8.6",
    "schema": "extensions",
    "built_for": "16",
    "current": "0001",
    "head": "0002",
    "kind": "view",
    "object": "public.alembic_version",
    "owner": "somebody",
    "statement": "ALTER TABLE public.alembic_version RENAME TO alembic_version_aside;",
    "table": "public.alembic_version",
    "column": "embedding",
    "index": "public.items_embedding_idx",
    "other": "public.items_embedding_idx1",
    "statements": "REINDEX INDEX CONCURRENTLY public.items_embedding_idx;",
    "rows": 60_000,
    "type": "vector(768)",
    "now": "vector(1536)",
    "dimensions": 3072,
    "kept": "embedding_before",
    "release": "0.8.1",
    "fault": "CVE-2026-3172",
    "fixed": "0.8.2",
    "recorded": "2.36",
    "reason": phrase(Part.UNDER_A_RULE),
    "database_path": "/api/v1/health/db",
    "found": phrase(Part.WEB_ADDRESS),
    "keyword": "sslmod",
    "correction": phrase(Part.SPELLING, keyword="sslmode"),
    "name": "sslmode",
    "expected": phrase(Part.ONE_OF, choices="require, disable"),
    "part": phrase(Part.HOST),
    "parts": (phrase(Part.USER), phrase(Part.PASSWORD), phrase(Part.HOST)),
}


def example(code: Code, case: str = "", target: Target = TARGET, step: Step = Step.ENABLED) -> Failure:
    """The failure with everything that could be known of it."""
    return Failure.about(code, step, target, VALUES, case=case)


def assert_complete(failure: Failure) -> None:
    """In every language it is whole sentences that were written for it, with nothing left open."""
    for language in Language:
        said = wording(failure, language)
        assert said.message != LAST_RESORT.message.in_language(language), failure
        assert said.remedy != LAST_RESORT.remedy.in_language(language), failure
        assert said.message.endswith((".", "。")), said
        assert not re.search(r"[{}]|None(?! of)|unknown|不明", said.message + said.remedy), said
        is_japanese = bool(re.search(r"[ぁ-んァ-ン]", said.message)) and bool(re.search(r"[ぁ-んァ-ン]", said.remedy))
        assert is_japanese == (language is Language.JAPANESE), said
