"""Documents as bytes: rendered once for each manner of asking, and right in every combination of manners."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from pgvector_ready.documents.answer import COMMON_HEADERS, Answer, Answers, Manner, about_database, about_service
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.language import Language
from pgvector_ready.judgement.facts import Extension, Facts, Server
from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.requirements import Requirements
from pgvector_ready.judgement.runbook import judge
from pgvector_ready.judgement.target import Provider, Target

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target("db.example.net", 5432, "app", "someone", Provider.OTHER)
SERVER = Server("17.6", False, False, "app", "someone", "TLSv1.3", False, "3f9ac2d1")  # noqa: FBT003
WELL = Facts(TARGET, NOON, 2.9, SERVER, Extension("0.8.6", "0.8.6", "public", "public"))
OUTDATED = replace(WELL, extension=Extension("0.8.6", "0.8.0", "public", "public"))
REFUSED = Facts(TARGET, NOON, 1.0, failure=Failure.about(Code.CONNECTION_REFUSED, Step.CONNECTED, TARGET))
IDENTITY = Identity(None, None, None, NOON)
STARTING = Failure.about(Code.STARTING, Step.SERVICE, TARGET, {"database_path": "/somewhere"})

MANNERS = [
    Manner(is_strict, is_text, is_health_json, is_anonymous, language)
    for is_strict, is_text, is_health_json, is_anonymous in product([False, True], repeat=4)
    for language in Language
]
every_manner = pytest.mark.parametrize(
    "manner",
    MANNERS,
    ids=lambda manner: (
        "+".join(name for name in manner._fields if getattr(manner, name) is True) + f"-{manner.language}"
    ),
)


def about(facts: Facts) -> Answers:
    observation = Observation(judge(facts, Requirements()), Provisioning(), NOON, 0)
    return about_database(observation, IDENTITY)


SUBJECTS = {
    "well": (about(WELL), True, True),
    "outdated": (about(OUTDATED), True, False),
    "refused": (about(REFUSED), False, False),
    "live": (about_service(None, IDENTITY), True, True),
    "starting": (about_service(STARTING, IDENTITY), False, False),
}


@every_manner
@pytest.mark.parametrize("subject", SUBJECTS)
def test_code_document_and_headers_agree(subject: str, manner: Manner) -> None:
    """There is no manner of asking in which a failure is 200, or the length not the body's."""
    answers, is_healthy, is_strictly_healthy = SUBJECTS[subject]
    expected = is_strictly_healthy if manner.is_strict else is_healthy

    answer = answers.to(manner)

    headers = dict(answer.headers)
    assert answer.status == (200 if expected else 503)
    assert (headers.get(b"retry-after") is None) is expected
    assert headers[b"content-length"] == str(len(answer.body)).encode()
    assert set(COMMON_HEADERS) <= set(answer.headers)
    assert says_healthy(answer, manner) is expected


def says_healthy(answer: Answer, manner: Manner) -> bool:
    if manner.is_text:
        return answer.body.partition(b"\n")[0] in {b"pass", b"warn"}
    document = json.loads(answer.body)
    assert (document["status"] == "fail") is not document["healthy"]
    return bool(document["healthy"])


@every_manner
def test_an_answer_is_rendered_once(manner: Manner) -> None:
    rendered: list[Manner] = []
    inner = about(WELL)

    def render(asked: Manner) -> Answer:
        rendered.append(asked)
        return inner.to(asked)

    answers = Answers(render)

    assert answers.to(manner) is answers.to(Manner(*manner))
    assert rendered == [manner]


@every_manner
@pytest.mark.parametrize("subject", ["outdated", "refused", "starting"])
def test_anonymous_answers_tell_nothing_of_the_database(subject: str, manner: Manner) -> None:
    answers, *_ = SUBJECTS[subject]

    body = answers.to(manner._replace(is_anonymous=True)).body

    assert len(body) < 120
    for told in (b"db.example.net", b"app", b"someone", b"0.8", b"17.6", b"remedy", b"commit"):
        assert told not in body


def test_the_content_type_is_the_manners() -> None:
    answers = about(WELL)

    types = {manner: dict(answers.to(manner).headers)[b"content-type"] for manner in MANNERS}

    for manner, content_type in types.items():
        if manner.is_text:
            assert content_type == b"text/plain; charset=utf-8"
        else:
            assert content_type == b"application/%s" % (b"health+json" if manner.is_health_json else b"json")


def test_text_has_a_line_for_each_step_and_the_target_above() -> None:
    """`[+]` pass, `[!]` warn, `[-]` fail, `[ ]` skipped, as Kubernetes writes them."""
    outdated = about(OUTDATED).to(Manner(is_text=True)).body.decode().splitlines()
    refused = about(REFUSED).to(Manner(is_text=True)).body.decode().splitlines()

    assert outdated[0] == "warn"
    assert outdated[1] == (
        "    PostgreSQL 17.6 on db.example.net port 5432, database app, user someone (other, TLSv1.3); "
        "pgvector 0.8.0 in schema public"
    )
    assert [line[:3] for line in outdated[2:]] == ["[+]", "[+]", "[ ]", "[+]", "[+]", "[!]", "[+]", "[ ]", "[ ]"]
    assert refused[1] == "    db.example.net port 5432, database app, user someone (other)"
    assert [line[:3] for line in refused[2:]] == ["[+]", "[-]"] + ["[ ]"] * 7
    assert refused[3].startswith("[-] connected connection_refused: Nothing listens")
    assert " → " in refused[3]


def test_text_for_anonymous_callers_is_the_verdict_and_the_code() -> None:
    manner = Manner(is_text=True, is_anonymous=True)

    assert about(WELL).to(manner).body == b"pass\n"
    assert about(REFUSED).to(manner).body == b"fail\n[-] connection_refused\n"
