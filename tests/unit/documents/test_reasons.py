"""Skipped steps say why: in the judgement, in JSON, in text and on the page, in both languages."""

import json
import re
from dataclasses import replace
from itertools import product

import pytest

from pgvector_ready.documents.answer import Manner, about_database
from pgvector_ready.documents.identity import Identity
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.reasons import why_skipped
from pgvector_ready.judgement.failures import RUNBOOK, Step
from pgvector_ready.judgement.observation import Observation, Provisioning
from pgvector_ready.judgement.report import Reason, Report
from pgvector_ready.judgement.requirements import MigrationPolicy, Requirements, Revisions, VectorPolicy
from pgvector_ready.judgement.runbook import judge, judge_offline
from pgvector_ready.judgement.vectors import Inventory, Look
from pgvector_ready.web.status.drawing import draw_main
from pgvector_ready.web.status.history import History
from pgvector_ready.web.status.language import LANGUAGES
from tests.support.examples import LOST, NOON, USABLE

HISTORY = Revisions(frozenset({"0001"}), frozenset({"0001"}))
OF_NO_MIGRATIONS = Requirements(migrations=MigrationPolicy.OFF, revisions=HISTORY)
OF_A_TARGET = Requirements(expected_host="db.example.net", revisions=HISTORY)
OF_AN_UNPLAIN_HISTORY = Requirements(unjudged="env.py is not written plainly")


def reasons(report: Report) -> dict[Step, str]:
    return {verdict.step: str(verdict.reason) for verdict in report.verdicts if verdict.reason}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(
            judge(USABLE, Requirements()),
            {Step.EXPECTED: "not_asked", Step.MIGRATED: "not_asked", Step.SEARCHABLE: "not_looked"},
            id="nothing asked",
        ),
        pytest.param(
            judge(USABLE, OF_A_TARGET),
            {Step.MIGRATED: "not_asked", Step.SEARCHABLE: "not_looked"},
            id="a target asked for",
        ),
        pytest.param(
            judge(USABLE, Requirements(vectors=VectorPolicy.OFF)),
            {Step.EXPECTED: "not_asked", Step.MIGRATED: "not_asked", Step.SEARCHABLE: "not_asked"},
            id="no look at the vectors",
        ),
        pytest.param(
            judge(replace(USABLE, look=Look(Inventory(NOON), None)), OF_A_TARGET),
            {Step.MIGRATED: "not_asked", Step.SEARCHABLE: "not_there"},
            id="no column of vectors",
        ),
        pytest.param(
            judge(USABLE, OF_AN_UNPLAIN_HISTORY),
            {Step.EXPECTED: "not_asked", Step.MIGRATED: "not_looked", Step.SEARCHABLE: "not_looked"},
            id="a history that cannot be judged",
        ),
        pytest.param(judge(LOST, OF_A_TARGET), dict.fromkeys(RUNBOOK[2:], "not_reached"), id="an earlier step failed"),
        pytest.param(
            judge(LOST, OF_NO_MIGRATIONS),
            dict.fromkeys(RUNBOOK[2:], "not_reached") | {Step.EXPECTED: "not_asked", Step.MIGRATED: "not_asked"},
            id="an earlier step failed, and nobody asked",
        ),
        pytest.param(
            judge_offline(replace(LOST, failure=None), OF_A_TARGET),
            dict.fromkeys(RUNBOOK[1:], "not_looked"),
            id="offline",
        ),
    ],
)
def test_every_skipped_step_has_its_reason(report: Report, expected: dict[Step, str]) -> None:
    assert reasons(report) == expected


@pytest.mark.parametrize(("step", "reason"), list(product(Step, Reason)))
def test_each_reason_has_words_in_both_languages(step: Step, reason: Reason) -> None:
    english, japanese = why_skipped(step, reason), why_skipped(step, reason, Language.JAPANESE)

    assert english.isascii()
    assert re.search("[ぁ-んァ-ヶ一-龠]", japanese)
    named = r"[A-Z]+(?:_[A-Z]+)+|[A-Z]+="
    assert set(re.findall(named, english)) == set(re.findall(named, japanese))


def test_the_answers_and_the_page_tell_not_asked_from_not_reached() -> None:
    observation = Observation(
        judge(LOST, Requirements(revisions=HISTORY)), Provisioning(), NOON, consecutive_failures=1
    )
    identity = Identity(None, None, None, NOON)
    answers = about_database(observation, identity)

    document = json.loads(answers.to(Manner()).body)
    text = answers.to(Manner(is_text=True)).body.decode()
    pages = {words["lang"]: str(draw_main(document, identity, History(), words)) for words in LANGUAGES.values()}

    assert [step.get("reason") for step in document["steps"]] == [None, None, "not_asked", *["not_reached"] * 6]
    assert "[ ] expected: not asked for: set EXPECTED_DATABASE_HOST" in text
    assert "[ ] usable: not reached\n" in text
    for reason, step in ((Reason.NOT_ASKED, Step.EXPECTED), (Reason.NOT_REACHED, Step.USABLE)):
        assert why_skipped(step, reason) in pages["en"]
        assert why_skipped(step, reason, Language.JAPANESE) in pages["ja"]
