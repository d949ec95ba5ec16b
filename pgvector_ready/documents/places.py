"""Names the database, its server and its pgvector in a few words for a person."""

from pgvector_ready.documents.documents import DatabaseDocument, TargetDocument
from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import Text
from pgvector_ready.judgement.target import Target

_PLACE = Text(
    "{host} port {port}, database {database}, user {user} ({kind})",
    "{host} ポート {port}、データベース {database}、ユーザー {user}（{kind}）",
)
_SERVER = Text("PostgreSQL {version} on {place}", "PostgreSQL {version}、{place}")
_NO_TLS = Text("no TLS", "TLS なし")
_PGVECTOR = Text("pgvector {version} in schema {schema}", "pgvector {version}（スキーマ {schema}）")


def where(document: DatabaseDocument, language: Language = Language.ENGLISH) -> str:
    """Return the server and the database in it, as far as they are known; empty where there is none to speak of."""
    target, server = document.target, document.server
    if target.host is None:
        return ""
    if not server.version:
        return place_of(target, language=language)
    place = place_of(target, target.tls or _NO_TLS.in_language(language), language)
    return _SERVER.in_language(language).format(version=server.version, place=place)


def place_of(target: Target | TargetDocument, tls: str = "", language: Language = Language.ENGLISH) -> str:
    """Return which database it is."""
    return _PLACE.in_language(language).format(
        host=target.host,
        port=target.port,
        database=target.database,
        user=target.user,
        kind=f"{target.provider}, {tls}" if tls else target.provider,
    )


def pgvector_in(document: DatabaseDocument, language: Language = Language.ENGLISH) -> str:
    """Return the extension's version and schema; empty where it is not enabled."""
    found = document.pgvector
    if found.state != "installed":
        return ""
    return _PGVECTOR.in_language(language).format(version=found.installed_version, schema=found.schema_name)
