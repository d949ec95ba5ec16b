"""The words that say why a step was skipped, in English and Japanese."""

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import Text
from pgvector_ready.judgement.failures import Step
from pgvector_ready.judgement.report import Reason

# A reason of one step comes before the same reason of any.
_WORDS: dict[tuple[Reason, Step | None], Text] = {
    (Reason.NOT_ASKED, Step.EXPECTED): Text(
        "not asked for: set EXPECTED_DATABASE_HOST, _NAME or _FINGERPRINT",
        "確認対象外（EXPECTED_DATABASE_HOST、_NAME、_FINGERPRINT のいずれかを設定すると確認します）",
    ),
    (Reason.NOT_ASKED, Step.MIGRATED): Text(
        "not asked for: no migrations to compare, or MIGRATIONS=off",
        "確認対象外（比較するマイグレーションがないか、MIGRATIONS=off です）",
    ),
    (Reason.NOT_ASKED, Step.SEARCHABLE): Text(
        "not asked for: VECTORS=off, or VECTOR_INVENTORY_SECONDS=0",
        "確認対象外（VECTORS=off または VECTOR_INVENTORY_SECONDS=0 です）",
    ),
    (Reason.NOT_THERE, None): Text("no column of vectors", "ベクトルの列なし"),
    (Reason.NOT_ASKED, None): Text("not asked for", "確認対象外"),
    (Reason.NOT_REACHED, None): Text("not reached", "未到達（前の手順で失敗）"),
    (Reason.NOT_LOOKED, None): Text("not looked at", "未確認"),
}


def why_skipped(step: Step, reason: Reason, language: Language = Language.ENGLISH) -> str:
    """Return the words for a step that was skipped."""
    return (_WORDS.get((reason, step)) or _WORDS[reason, None]).in_language(language)
