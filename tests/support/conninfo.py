"""The grammar of `pgvector_ready.dsn.conninfo`, called as libpq's own parser is, to be compared with it."""

from pgvector_ready.dsn.conninfo import VARIABLES, GrammarError, settings


def libpq_keywords(value: str) -> dict[str, str] | None:
    """Return what `PQconninfoParse` returns for the string; None where it refuses.

    Bytes that are no UTF-8 come as surrogates, as in `os.environ`.
    """
    try:
        keywords = dict(settings(value))
    except GrammarError:
        return None
    return keywords if keywords.keys() <= VARIABLES.keys() else None
