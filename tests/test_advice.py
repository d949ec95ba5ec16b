"""What a failure says: a sentence of fact, and one of advice for the provider at hand; and nothing secret."""

import string
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from pgvector_ready.database.errors import PHASES, StalledError, TlsRootMissingError, name
from pgvector_ready.judgement import advice
from pgvector_ready.judgement.advice import explain
from pgvector_ready.judgement.failures import Code, Step
from pgvector_ready.judgement.remedies import PROVIDER_REMEDIES
from pgvector_ready.judgement.target import Provider, Target

TARGET = Target(host="db.example.net", port=5432, database="app", user="alice", provider=Provider.OTHER)
# Those whose sentences the connection string's own errors bring along.
BY_DSN = {
    Code.DATABASE_URL_PLACEHOLDER,
    Code.DATABASE_URL_UNENCODED,
    Code.DATABASE_URL_WHITESPACE,
}
FACTS: dict[str, Any] = {
    "phase": "it stayed silent",
    "phase_remedy": "Look at its log.",
    "parameter": "sslrootcert",
    "file_remedy": "Name it.",
    "violation": "a message has an impossible length",
    "latency_ms": 900.0,
    "difference": "host a was expected and b was reached",
    "server_version": "17.6",
    "image": "pgvector/pgvector:pg17",
    "available_version": "0.8.6",
    "installed_version": "0.8.5",
    "minimum_version": "0.8.6",
    "schema": "extensions",
    "current": "0001",
    "head": "0002",
    "database_path": "/api/v1/health/db",
    "kind": "view",
    "object": "public.alembic_version",
    "owner": "somebody",
    "statement": "ALTER TABLE public.alembic_version RENAME TO alembic_version_aside;",
    "table": "public.alembic_version",
    "reason": "a rule stands on it",
}


def test_every_code_has_its_sentences() -> None:
    assert set(advice._SENTENCES) == set(Code) - BY_DSN


@pytest.mark.parametrize("code", advice._SENTENCES)
def test_with_its_facts_nothing_is_left_open(code: Code) -> None:
    failure = explain(code, Step.CONNECTED, TARGET, "00000", **FACTS)

    assert failure.message.endswith((".", "in time: it stayed silent."))
    assert failure.remedy
    assert "unknown" not in failure.message + failure.remedy
    assert "{" not in failure.message + failure.remedy
    assert (failure.code, failure.step, failure.sqlstate) == (code, Step.CONNECTED, "00000")


@pytest.mark.parametrize("code", advice._SENTENCES)
def test_without_any_fact_it_is_a_sentence_all_the_same(code: Code) -> None:
    nothing = Target(host=None, port=None, database=None, user=None, provider=Provider.OTHER)

    facts: dict[str, Any] = {"latency_ms": 1.0} if code is Code.SLOW else {}
    failure = explain(code, Step.CONNECTED, nothing, **facts)

    assert failure.message


def test_the_sentences_name_nothing_that_is_not_known() -> None:
    known = {"host", "port", "database", "user", "database_identifier", "user_identifier", "schema_identifier", *FACTS}

    for message, remedy in advice._SENTENCES.values():
        assert {field for _, field, _, _ in string.Formatter().parse(message + remedy) if field} <= known


FOR_PROVIDERS = [
    (Code.PRIVATE_HOST, Provider.RAILWAY_INTERNAL, "DATABASE_PUBLIC_URL"),
    (Code.PRIVATE_HOST, Provider.RENDER_INTERNAL, "External Database URL"),
    (Code.CONNECTION_REFUSED, Provider.EMBEDDED, "start it again"),
    (Code.SOCKET_NOT_FOUND, Provider.EMBEDDED, "start it again"),
    (Code.CONNECTION_REFUSED, Provider.RAILWAY_PROXY, "its port is random"),
    (Code.CONNECTION_CLOSED, Provider.RAILWAY_PROXY, "deployment"),
    (Code.TLS_NOT_SUPPORTED, Provider.RAILWAY_PROXY, "sslmode=prefer"),
    (Code.TLS_HOSTNAME_MISMATCH, Provider.RAILWAY_PROXY, "sslmode=require"),
    (Code.TLS_UNTRUSTED, Provider.RAILWAY_PROXY, "self-signed"),
    (Code.PGVECTOR_NOT_AVAILABLE, Provider.RAILWAY_PROXY, "pgvector-pg17 or pgvector-pg18"),
    *(
        (Code.PGVECTOR_NOT_AVAILABLE, provider, "upgrade the server's version")
        for provider in (
            Provider.RDS,
            Provider.CLOUD_SQL,
            Provider.NEON,
            Provider.SUPABASE,
            Provider.RENDER_INTERNAL,
            Provider.RENDER_EXTERNAL,
        )
    ),
    (Code.PGVECTOR_NOT_AVAILABLE, Provider.AZURE, "azure.extensions"),
    (Code.PGVECTOR_NOT_AVAILABLE, Provider.RAILWAY_INTERNAL, "its DATABASE_URL"),
    (Code.HOST_UNREACHABLE, Provider.SUPABASE, "Session pooler"),
    (Code.DNS_NOT_FOUND, Provider.SUPABASE, "Session pooler"),
    (Code.POOLER_ERROR, Provider.SUPABASE, "postgres. and the project's reference"),
    (Code.POOLER_ERROR, Provider.NEON, "without -pooler"),
    (Code.CONNECTION_REFUSED, Provider.LOCAL, "the database's own host"),
    (Code.LOGIN_NOT_PERMITTED, Provider.AZURE, "firewall rules"),
    (Code.TLS_UNTRUSTED, Provider.RDS, "global-bundle.pem"),
    (Code.SOCKET_NOT_FOUND, Provider.CLOUD_SQL, "--add-cloudsql-instances"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.RDS, "rds_superuser"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.AZURE, "azure.extensions"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.CLOUD_SQL, "cloudsqlsuperuser"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.SUPABASE, "dashboard"),
]


@pytest.mark.parametrize(("code", "provider", "words"), FOR_PROVIDERS)
def test_a_provider_has_advice_of_its_own(code: Code, provider: Provider, words: str) -> None:
    elsewhere = explain(code, Step.CONNECTED, TARGET, **FACTS)
    there = explain(code, Step.CONNECTED, replace(TARGET, provider=provider), **FACTS)

    assert words in there.remedy
    assert there.remedy != elsewhere.remedy
    assert there.message == elsewhere.message


def test_every_advice_for_a_provider_is_tried() -> None:
    assert {(code, provider) for code, provider, _ in FOR_PROVIDERS} == set(PROVIDER_REMEDIES)


@pytest.mark.parametrize("phase", PHASES)
def test_a_stall_is_told_with_its_phase(phase: str) -> None:
    failure = name(StalledError(phase), Step.CONNECTED, TARGET)

    assert failure.code is Code.CONNECT_TIMEOUT
    assert PHASES[phase][0] in failure.message
    assert failure.remedy == PHASES[phase][1]


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (Provider.RDS, "security group"),
        (Provider.AZURE, "Firewall rules"),
        (Provider.CLOUD_SQL, "Authorised networks"),
    ],
)
def test_dropped_packets_are_told_with_the_providers_own_firewall(provider: Provider, words: str) -> None:
    target = replace(TARGET, provider=provider)

    dropped, frozen = (name(StalledError(phase), Step.CONNECTED, target) for phase in ("tcp", "login"))

    assert words in dropped.remedy
    assert frozen.remedy == PHASES["login"][1]


@pytest.mark.parametrize(
    ("provider", "is_asking", "code"),
    [
        (Provider.SUPABASE, False, Code.POOLER_ERROR),
        (Provider.NEON, False, Code.POOLER_ERROR),
        (Provider.OTHER, False, Code.UNEXPECTED_ERROR),
        (Provider.SUPABASE, True, Code.UNEXPECTED_ERROR),
    ],
)
def test_an_internal_error_at_login_is_the_shared_proxys_own(provider: Provider, is_asking: bool, code: Code) -> None:  # noqa: FBT001
    error = asyncpg.PostgresError.new({"S": "FATAL", "C": "XX000", "M": "Tenant or user not found"})

    failure = name(error, Step.CONNECTED, replace(TARGET, provider=provider), is_asking=is_asking)

    assert (failure.code, failure.sqlstate) == (code, "XX000")


def test_a_missing_file_is_told_by_its_keyword_and_not_by_its_path() -> None:
    assert "(sslcert)" in name(TlsRootMissingError("sslcert"), Step.CONNECTED, TARGET).message


@pytest.mark.parametrize("provider", [Provider.RAILWAY_INTERNAL, Provider.RENDER_INTERNAL])
def test_a_private_name_that_does_not_resolve_is_no_typing_error(provider: Provider) -> None:
    failure = name(UnicodeError(), Step.CONNECTED, replace(TARGET, provider=provider))

    assert failure.code is Code.PRIVATE_HOST


@pytest.mark.parametrize(("is_asking", "code"), [(False, Code.CONNECT_TIMEOUT), (True, Code.QUERY_TIMEOUT)])
def test_silence_after_connecting_is_another_failure_of_the_same_step(is_asking: bool, code: Code) -> None:  # noqa: FBT001
    failure = name(TimeoutError(), Step.CONNECTED, TARGET, is_asking=is_asking)

    assert (failure.code, failure.step) == (code, Step.CONNECTED)


@pytest.mark.parametrize("written", ['we"ird', 'x"; DROP TABLE users; --', "{user}", "{0.__class__}", "100%"])
def test_a_name_in_advice_can_be_pasted_whatever_it_is(written: str) -> None:
    """Quoted as SQL wants it, and never taken for a place to fill in."""
    target = replace(TARGET, database=written, user=written)

    remedy = explain(Code.DATABASE_CONNECT_DENIED, Step.CONNECTED, target).remedy

    quoted = '"{}"'.format(written.replace('"', '""'))
    assert f"GRANT CONNECT ON DATABASE {quoted} TO {quoted};" in remedy


def test_the_servers_own_words_are_not_repeated() -> None:
    error = asyncpg.PostgresError.new({"S": "FATAL", "C": "28P01", "M": "secret in a message"})

    failure = name(error, Step.CONNECTED, TARGET)

    assert "secret" not in failure.message + failure.remedy
