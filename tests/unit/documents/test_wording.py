"""What a failure says: a sentence of fact, and one of advice for the provider at hand; and nothing secret."""

import ast
import inspect
import re
import string
from dataclasses import replace
from types import MappingProxyType

import asyncpg
import pytest

from pgvector_ready.commands import choice
from pgvector_ready.database.errors import failure_of
from pgvector_ready.database.exceptions import StalledError, TlsRootMissingError
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import LAST_RESORT, PARTS, PROVIDER_REMEDIES, SENTENCES, Text
from pgvector_ready.documents.wording import wording, words
from pgvector_ready.dsn import refusals
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, phrase
from pgvector_ready.judgement.target import NOWHERE, Provider
from tests.support.sentences import TARGET, VALUES, assert_complete, example

# What a remedy tells people to run, type or set: the same in every language.
_FIXED = re.compile(
    r"""(?:ALTER|CREATE|GRANT|SELECT|SET)\ (?:"[^"]*"|'[^']*'|[^;"'])+;
    |pgvector-ready\ [a-z]+(?:\ --[a-z]+)?
    |psql\ -(?:l|h\ \S+\ -p\ \S+)
    |psql\ "\$DATABASE_URL"\ -c\ "[^"]*"
    |[a-z_]+=[\w/.+-]+
    |https://\S+?(?=[\ 、。]|\Z)
    |\b[A-Z]{2,}(?:_[A-Z]+)+\b
    |%[0-9A-F]{2}""",
    re.VERBOSE | re.ASCII,
)


def every_text() -> dict[str, Text]:
    """Each sentence of the table, its alternatives included."""
    texts = {"last-resort-message": LAST_RESORT.message, "last-resort-remedy": LAST_RESORT.remedy}
    for (code, case), one in SENTENCES.items():
        texts |= {f"{code}-{case}-message": one.message, f"{code}-{case}-remedy": one.remedy}
    texts |= {f"{code}-{case}-{provider}": text for (code, case, provider), text in PROVIDER_REMEDIES.items()}
    texts |= {f"part-{part}": text for part, text in PARTS.items()}
    for _ in range(2):  # an alternative may have one
        texts |= {f"{name}'": text.otherwise for name, text in texts.items() if text.otherwise}
    return texts


every = pytest.mark.parametrize("text", every_text().values(), ids=every_text().keys())


def fixed(template: str) -> set[str]:
    return {found.rstrip(".") for found in _FIXED.findall(template)}


def fields(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)


def test_every_code_and_every_part_has_its_words() -> None:
    assert {code for code, case in SENTENCES if not case} == set(Code)
    assert set(PARTS) == set(Part)


@every
def test_both_languages_hold_the_same_values_statements_and_settings(text: Text) -> None:
    assert fields(text.english) == fields(text.japanese)
    assert fixed(text.english) == fixed(text.japanese)


@every
def test_an_alternative_speaks_of_less(text: Text) -> None:
    """Or it would not help where a value is missing."""
    assert text.otherwise is None or text.names - text.otherwise.names
    assert text.names <= {
        *VALUES,
        *(
            "host",
            "port",
            "database",
            "user",
            "expected",
            "reached",
            "choices",
            "value",
            "by",
            "removed",
            "keywords",
            "reason",
            "setting",
            "setting",
        ),
        *("sslmode", "database_identifier", "user_identifier", "schema_identifier"),
    }


@pytest.mark.parametrize(("code", "case"), SENTENCES)
def test_with_its_values_nothing_is_left_open(code: Code, case: str) -> None:
    for provider in Provider:
        assert_complete(example(code, case, replace(TARGET, provider=provider)))


@pytest.mark.parametrize(("code", "case"), SENTENCES)
def test_without_any_value_it_is_whole_sentences_all_the_same(code: Code, case: str) -> None:
    """No code should come to this; and if one does, nobody reads half a sentence."""
    for language in Language:
        said = wording(Failure.about(code, Step.CONNECTED, NOWHERE, case=case), language)

        assert said.message.endswith((".", "。"))
        assert said.remedy
        assert not re.search(r"[{}]|None(?! of)|unknown", said.message + said.remedy), said


# Those that may be told before the server, or its extension, was seen.
@pytest.mark.parametrize(
    "code",
    [code for code in Code if code not in {Code.WRONG_TARGET, Code.SLOW, Code.TLS_ROOT_MISSING, Code.PGVECTOR_TOO_OLD}
     and code not in {Code.DATABASE_URL_DOUBTFUL, Code.TLS_REQUEST_REFUSED}
     and code not in {Code.PGVECTOR_UPDATE_AVAILABLE, Code.PGVECTOR_DOWNGRADED}],
)  # fmt: skip
def test_with_nothing_but_the_target_it_has_its_own_sentences(code: Code) -> None:
    assert_complete(Failure.about(code, Step.CONNECTED, TARGET))


def test_every_case_that_is_built_has_its_sentences() -> None:
    """The cases of a code are words in the code that builds them: each is in the table, and none there is idle."""
    built = {"name", "tcp", "greeting", "greeting_tls", "tls", "login"}  # the phases of connecting
    built |= {
        "client",
        "once",
        "crl",
        "brackets",
        "doubtful",
        "endpoint",
        "pool",
        "transaction",
        "update",
        "pooler",
        "prepared",
        "relative",
        "musl",
        "trigger",
        "one_part",
        "several_parts",
    }  # chosen by a condition
    built |= {"table", "anew", "files", "leftover", "partitioned", "none", "halfvec", "since"}  # of the vectors
    built |= {"migrate"}  # of the command that waits for the lock
    built |= {choice.IN_CI, choice.OTHER_VARIABLES, choice.NO_DATA}
    for node in ast.walk(ast.parse(inspect.getsource(refusals))):
        match node:
            case ast.Call(func=ast.Name(id="_invalid"), args=[ast.Constant(value=str(case)), *_]):
                built.add(case)

    assert {case for _, case in SENTENCES if case} == built


def test_a_failure_is_frozen() -> None:
    failure = example(Code.SLOW)

    assert isinstance(failure.values, MappingProxyType)
    assert failure == example(Code.SLOW)
    assert len({failure, example(Code.SLOW)}) == 1
    assert "head" not in Failure.about(Code.MIGRATIONS_BEHIND, Step.MIGRATED, TARGET, {"head": None}).values


def test_several_parts_are_joined_as_each_language_does() -> None:
    said = [wording(example(Code.DATABASE_URL_PLACEHOLDER, "several_parts"), language).message for language in Language]

    assert said == [
        "The user, password and host in the connection string are still placeholders.",
        "接続文字列のユーザー名、パスワード、ホストが雛形のままです。",
    ]


def test_a_note_is_said_in_either_language() -> None:
    note = phrase(Part.REPAIRED, removed=(phrase(Part.QUOTES), phrase(Part.BLANKS)))

    assert words(note) == "Removed from around the connection string: quotes, blanks or line breaks."
    assert words(note, Language.JAPANESE) == "接続文字列の周りから取り除いたもの: 引用符、空白または改行。"


def test_a_strangers_text_is_made_printable() -> None:
    said = wording(Failure.about(Code.DATABASE_MISSING, Step.CONNECTED, replace(TARGET, database="a\x1b[2J\nb" * 99)))

    assert (said.message + said.remedy).isprintable()
    assert len(said.message) < 600


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
    (Code.INVALID_PASSWORD, Provider.LOCAL, "the password of its first start"),
    (Code.TLS_UNTRUSTED, Provider.RDS, "global-bundle.pem"),
    (Code.SOCKET_NOT_FOUND, Provider.CLOUD_SQL, "--add-cloudsql-instances"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.RDS, "rds_superuser"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.AZURE, "azure.extensions"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.CLOUD_SQL, "cloudsqlsuperuser"),
    (Code.PGVECTOR_PERMISSION_DENIED, Provider.SUPABASE, "dashboard"),
]


@pytest.mark.parametrize(("code", "provider", "told"), FOR_PROVIDERS)
def test_a_provider_has_advice_of_its_own(code: Code, provider: Provider, told: str) -> None:
    elsewhere = wording(example(code))
    there = wording(example(code, "", replace(TARGET, provider=provider)))

    assert told in there.remedy
    assert there.remedy != elsewhere.remedy
    assert there.message == elsewhere.message


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        (Provider.RDS, "security group"),
        (Provider.AZURE, "Firewall rules"),
        (Provider.CLOUD_SQL, "Authorised networks"),
    ],
)
def test_dropped_packets_are_told_with_the_providers_own_firewall(provider: Provider, told: str) -> None:
    target = replace(TARGET, provider=provider)

    dropped, frozen = (failure_of(StalledError(phase), Step.CONNECTED, target) for phase in ("tcp", "tls"))

    assert told in wording(dropped).remedy
    assert wording(frozen) == wording(failure_of(StalledError("tls"), Step.CONNECTED, TARGET))


WAKING = [
    ("login", Provider.NEON),
    ("login", Provider.RDS),
    ("greeting", Provider.RAILWAY_PROXY),
    ("greeting_tls", Provider.RAILWAY_PROXY),
    ("login", Provider.RAILWAY_PROXY),
]


@pytest.mark.parametrize(("phase", "provider"), WAKING)
def test_a_database_that_may_be_asleep_is_asked_again_and_not_restarted(phase: str, provider: Provider) -> None:
    remedy = wording(failure_of(StalledError(phase), Step.CONNECTED, replace(TARGET, provider=provider))).remedy

    assert "--timeout 30" in remedy
    assert "restart" not in remedy


def test_every_advice_for_a_provider_is_tried() -> None:
    tried = {(code, "", provider) for code, provider, _ in FOR_PROVIDERS}
    dropped = {
        (Code.CONNECT_TIMEOUT, "tcp", provider) for provider in (Provider.RDS, Provider.AZURE, Provider.CLOUD_SQL)
    }

    waking = {(Code.CONNECT_TIMEOUT, phase, provider) for phase, provider in WAKING}

    assert tried | dropped | waking == set(PROVIDER_REMEDIES)


@pytest.mark.parametrize("phase", ["name", "tcp", "greeting", "tls", "login"])
def test_a_stall_is_told_with_its_phase(phase: str) -> None:
    failure = failure_of(StalledError(phase), Step.CONNECTED, TARGET)

    assert (failure.code, failure.case) == (Code.CONNECT_TIMEOUT, phase)
    assert_complete(failure)


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

    failure = failure_of(error, Step.CONNECTED, replace(TARGET, provider=provider), is_asking=is_asking)

    assert (failure.code, failure.sqlstate) == (code, "XX000")


def test_a_missing_file_is_told_by_its_keyword_and_not_by_its_path() -> None:
    said = wording(failure_of(TlsRootMissingError("sslcert"), Step.CONNECTED, TARGET))

    assert "sslcert names" in said.message
    assert "sslkey" in said.remedy


@pytest.mark.parametrize("provider", [Provider.RAILWAY_INTERNAL, Provider.RENDER_INTERNAL])
def test_a_private_name_that_does_not_resolve_is_no_typing_error(provider: Provider) -> None:
    failure = failure_of(UnicodeError(), Step.CONNECTED, replace(TARGET, provider=provider))

    assert failure.code is Code.PRIVATE_HOST


@pytest.mark.parametrize(("is_asking", "code"), [(False, Code.CONNECT_TIMEOUT), (True, Code.QUERY_TIMEOUT)])
def test_silence_after_connecting_is_another_failure_of_the_same_step(is_asking: bool, code: Code) -> None:  # noqa: FBT001
    failure = failure_of(TimeoutError(), Step.CONNECTED, TARGET, is_asking=is_asking)

    assert (failure.code, failure.step) == (code, Step.CONNECTED)


@pytest.mark.parametrize("written", ['we"ird', 'x"; DROP TABLE users; --', "{user}", "{0.__class__}", "100%"])
def test_a_name_in_advice_can_be_pasted_whatever_it_is(written: str) -> None:
    """Quoted as SQL wants it, and never taken for a place to fill in."""
    target = replace(TARGET, database=written, user=written)

    remedy = wording(Failure.about(Code.DATABASE_CONNECT_DENIED, Step.CONNECTED, target)).remedy

    quoted = '"{}"'.format(written.replace('"', '""'))
    assert f"GRANT CONNECT ON DATABASE {quoted} TO {quoted};" in remedy


def test_the_servers_own_words_are_not_repeated() -> None:
    error = asyncpg.PostgresError.new({"S": "FATAL", "C": "28P01", "M": "secret in a message"})

    failure = failure_of(error, Step.CONNECTED, TARGET)

    assert "secret" not in repr(failure) + repr(wording(failure))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("app", '"app"'),
        ('a"b', '"a""b"'),
        ("Ä pp", '"Ä pp"'),
        ("a\\b", '"a\\b"'),
        ('a\x1b\n"', 'U&"a\\+00001b\\+00000a"""'),
        ("a\\b\u202e", 'U&"a\\\\b\\+00202e"'),
    ],
)
def test_a_name_is_written_so_that_it_can_be_pasted(name: str, written: str) -> None:
    values = {"schema": name}
    said = wording(Failure.about(Code.PGVECTOR_NOT_ON_SEARCH_PATH, Step.USABLE, TARGET, values))

    assert f"GRANT USAGE ON SCHEMA {written} TO " in said.remedy
