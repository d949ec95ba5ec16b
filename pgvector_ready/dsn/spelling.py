"""Parameters that libpq does not know, and which of its own was probably meant."""

import re
from difflib import get_close_matches

from pgvector_ready.dsn.conninfo import VARIABLES
from pgvector_ready.dsn.keywords import FOREIGN
from pgvector_ready.judgement.phrases import Part, Phrase, phrase

_KNOWN = {re.sub(r"[-_]", "", word).lower(): word for word in (*FOREIGN, *VARIABLES)}
# Settings of a session that other drivers take as parameters, in the server's own spelling.
_SETTINGS = {
    setting.replace("_", "").lower(): setting
    for setting in (
        "TimeZone",
        "DateStyle",
        "IntervalStyle",
        "search_path",
        "statement_timeout",
        "lock_timeout",
        "transaction_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "extra_float_digits",
        "bytea_output",
        "work_mem",
        "maintenance_work_mem",
        "role",
        "session_role",
        "jit",
        "lc_messages",
        "log_statement",
    )
}
_ALIKE = 0.75


def is_disguised(keyword: str) -> bool:
    """Return True for a known word in another spelling (`sslMode`, `amp;sslmode`), which is no piece of a secret."""
    return _plain(keyword) in _KNOWN.keys() | _SETTINGS.keys()


def correction(keyword: str) -> Phrase | None:
    """Return how the parameter is written, if it is like one that libpq knows."""
    plain = _plain(keyword)
    if plain in _SETTINGS:
        return phrase(Part.SERVER_SETTING, setting=_SETTINGS[plain])
    if re.match("amp;", keyword, re.IGNORECASE) and plain in _KNOWN:
        return phrase(Part.HTML_AMPERSAND, keyword=_KNOWN[plain])
    alike = [plain] if plain in _KNOWN else get_close_matches(plain, _KNOWN, n=1, cutoff=_ALIKE)
    return phrase(Part.SPELLING, keyword=_KNOWN[alike[0]]) if alike else None


def _plain(keyword: str) -> str:
    return re.sub(r"[-_]", "", re.sub(r"\A(?:amp;)+", "", keyword.lower()))
