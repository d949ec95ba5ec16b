"""What the status page says, in English and Japanese, and which of the two a browser asked for."""

import re
from collections.abc import Mapping

Words = Mapping[str, str]

_ENGLISH: Words = {
    "lang": "en",
    "headline_pass": "Ready",
    "headline_warn": "Ready, with warnings",
    "headline_fail": "Not ready",
    "since": "since {moment}, for {spent}",
    "just_now": "since {moment}",
    "failures_in_a_row": "{count} failed observations in a row",
    "failure": "What is wrong",
    "remedy": "What to do next",
    "copy": "Copy",
    "copied": "Copied",
    "withheld": "Details are for those who send the token as Authorization: Bearer to {path}.",
    "runbook": "Runbook",
    "state_pass": "passed",
    "state_warn": "warning",
    "state_fail": "failed",
    "state_skipped": "skipped",
    "step_service": "this process takes new work",
    "step_configured": "DATABASE_URL is a connection string",
    "step_connected": "name, TCP, TLS, login and database",
    "step_expected": "it is the database that was meant",
    "step_writable": "it accepts writes",
    "step_available": "pgvector is on the server",
    "step_enabled": "pgvector is enabled in this database",
    "step_usable": "a distance with a known answer comes out right",
    "step_migrated": "the schema is at Alembic’s head",
    "recent": "Recent past",
    "nothing_yet": "Nothing has been observed yet.",
    "window": "{count} observations, {first} to {last} UTC",
    "one_observation": "1 observation, {last} UTC",
    "count_pass": "{count} passed",
    "count_warn": "{count} with warnings",
    "count_fail": "{count} failed",
    "latency": "Latency: median {median} ms, highest {highest} ms",
    "database": "Database",
    "process": "Service",
    "host": "Host",
    "port": "Port",
    "name": "Name",
    "user": "User",
    "provider": "Provider",
    "tls": "TLS",
    "fingerprint": "Fingerprint",
    "server": "PostgreSQL",
    "primary": "{version}, primary",
    "standby": "{version}, standby",
    "pgvector": "pgvector",
    "pgvector_installed": "{version} in schema {schema}",
    "pgvector_available": "{available} on the server, not enabled here",
    "pgvector_not_available": "not on the server",
    "pgvector_differs": "{version} in schema {schema}, {available} on the server",
    "migrations": "Migrations",
    "migrations_at": "{current} of {head}",
    "version": "Version",
    "commit": "Commit",
    "environment": "Environment",
    "instance": "Instance",
    "started": "Started",
    "observed": "Observed",
    "none": "none",
    "unknown": "unknown",
    "lost": "The service has not answered since {time}. What you see is what it said then.",
    "lost_title": "No answer",
    "unscripted": "Without JavaScript this page stays as it is: reload it for the state of the moment.",
    "as_json": "as JSON",
    "as_text": "as text",
    "deploys": "may this deploy go live?",
    "api": "API",
    "d": "{count} d",
    "h": "{count} h",
    "min": "{count} min",
    "s": "{count} s",
}

_JAPANESE: Words = {
    "lang": "ja",
    "headline_pass": "利用できます",
    "headline_warn": "利用できます（警告あり）",
    "headline_fail": "利用できません",
    "since": "{moment} から {spent}",
    "just_now": "{moment} から",
    "failures_in_a_row": "連続 {count} 回の失敗",
    "failure": "問題の内容",
    "remedy": "次にすること",
    "copy": "コピー",
    "copied": "コピーしました",
    "withheld": "詳細を見るには、{path} に Authorization: Bearer でトークンを送ってください。",
    "runbook": "手順",
    "state_pass": "正常",
    "state_warn": "警告",
    "state_fail": "失敗",
    "state_skipped": "未実施",
    "step_service": "このプロセスが新しい処理を受け付ける",
    "step_configured": "DATABASE_URL が正しい接続文字列である",
    "step_connected": "名前解決・TCP・TLS・ログイン・データベース",
    "step_expected": "意図したデータベースである",
    "step_writable": "書き込みを受け付ける",
    "step_available": "サーバーに pgvector がある",
    "step_enabled": "このデータベースで pgvector が有効である",
    "step_usable": "答えのわかっている距離計算が正しい",
    "step_migrated": "スキーマが Alembic の最新リビジョンにある",
    "recent": "最近の状態",
    "nothing_yet": "まだ観測がありません。",
    "window": "観測 {count} 回、{first} から {last} まで（UTC）",
    "one_observation": "観測 1 回、{last}（UTC）",
    "count_pass": "正常 {count}",
    "count_warn": "警告 {count}",
    "count_fail": "失敗 {count}",
    "latency": "応答時間：中央値 {median} ms、最大 {highest} ms",
    "database": "データベース",
    "process": "サービス",
    "host": "ホスト",
    "port": "ポート",
    "name": "名前",
    "user": "ユーザー",
    "provider": "提供元",
    "tls": "TLS",
    "fingerprint": "フィンガープリント",
    "server": "PostgreSQL",
    "primary": "{version}（プライマリ）",
    "standby": "{version}（スタンバイ）",
    "pgvector": "pgvector",
    "pgvector_installed": "{version}（スキーマ {schema}）",
    "pgvector_available": "サーバーに {available}、このデータベースでは未有効",
    "pgvector_not_available": "サーバーにありません",
    "pgvector_differs": "{version}（スキーマ {schema}、サーバーには {available}）",
    "migrations": "マイグレーション",
    "migrations_at": "{current}（最新 {head}）",
    "version": "バージョン",
    "commit": "コミット",
    "environment": "環境",
    "instance": "インスタンス",
    "started": "起動",
    "observed": "観測",
    "none": "なし",
    "unknown": "不明",
    "lost": "{time} からサービスの応答がありません。表示は、そのときの内容です。",
    "lost_title": "応答なし",
    "unscripted": "JavaScript が無効なため自動更新されません。再読み込みすると現在の状態が表示されます。",
    "as_json": "JSON で見る",
    "as_text": "テキストで見る",
    "deploys": "このデプロイを公開してよいか",
    "api": "API",
    "d": "{count} 日",
    "h": "{count} 時間",
    "min": "{count} 分",
    "s": "{count} 秒",
}

LANGUAGES: Mapping[str, Words] = {"en": _ENGLISH, "ja": _JAPANESE}


def preferred(accept_language: str) -> Words:
    """The words of the language that the header weighs highest; English where it names none that is spoken here."""
    best, highest = "en", 0.0
    for item in accept_language.split(","):
        tag, _, parameters = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if language in LANGUAGES and weight > highest:
            best, highest = language, weight
    return LANGUAGES[best]


def _weight(parameters: str) -> float:
    if not parameters.strip():
        return 1.0
    stated = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", parameters, re.ASCII | re.IGNORECASE)
    return float(stated[1]) if stated else 0.0


def spell(seconds: float, words: Words) -> str:
    """A length of time in its two largest units."""
    left = int(seconds)
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        parts.append(words[unit].format(count=count) if count else "")
    first = next((at for at, part in enumerate(parts) if part), len(parts) - 1)
    return " ".join(part for part in parts[first : first + 2] if part) or words["s"].format(count=0)
