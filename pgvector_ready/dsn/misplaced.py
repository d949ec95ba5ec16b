"""Parameters that stand within a name, where they would be shown: refused, whatever they were meant to say."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from pgvector_ready.dsn.conninfo import VARIABLES
from pgvector_ready.dsn.keywords import FOREIGN, Naming
from pgvector_ready.dsn.refusals import address_in_name, parameter_in_name, password_in_name
from pgvector_ready.judgement.phrases import Part, Value, phrase

# What is shown of a connection string, or sent to where everybody can read it (pg_stat_activity).
_NAMES: Mapping[str, Value] = {
    "user": phrase(Part.USER),
    "host": phrase(Part.HOST),
    "dbname": phrase(Part.DATABASE),
    "application_name": "application_name",
    "fallback_application_name": "fallback_application_name",
}
# As .NET, JDBC and ODBC call them.
_OTHER_WORDS = frozenset({"username", "user id", "uid", "pwd", "pass", "passwd", "database", "server", "ssl mode"})
_WORDS = VARIABLES.keys() | FOREIGN | _OTHER_WORDS
# The separators of URIs, and of what HTML and .NET make of them: the semicolon of &amp; is one as well.
_PARAMETER = re.compile(r"[&;?]\s*(\w[\w ]{0,40}?)\s*=")
# Behind anything at all: nothing is called so but a secret.
_SECRET = re.compile(r"password|passwd|passphrase|pwd|secret|scram_\w+_key|api_?key|token", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(rf"(\w*(?:{_SECRET.pattern})\w*|\bpass)\s*=", re.IGNORECASE)
_ADDRESS = re.compile(r"postgres(?:ql)?(?:\+\w+)?://|://[^/]*@", re.IGNORECASE)
_DECODINGS = 3


def refuse_misplaced(keywords: Mapping[str, str], naming: Naming) -> None:
    """Refuse a name that has a parameter in it, or a whole address: `app&password=…`, `app;user=…`.

    psql takes these for names; no name looks so, and what follows may be a secret. So may what stands behind the colon
    of a user without a password: whoever encodes user and password in one piece writes `user%3Apassword`.
    """
    for keyword in _NAMES:
        name = _decoded(keywords.get(keyword, ""))
        if _ADDRESS.search(name):
            raise address_in_name(_named(keyword, naming))
        found = [match[1].lower() for match in _PARAMETER.finditer(name) if match[1].lower() in _WORDS]
        found += [match[1].lower() for match in _SECRET_PARAMETER.finditer(name)]
        if found:
            # Of another tool's word, or a longer one, nobody knows whether it is a piece of something secret.
            raise parameter_in_name(_named(keyword, naming), next((word for word in found if word in VARIABLES), None))
    has_password = "password" in keywords or "passfile" in keywords
    if not has_password and ":" in _decoded(keywords.get("user", "")):
        raise password_in_name(_named("user", naming))


def _named(keyword: str, naming: Naming) -> Value:
    return phrase(Part.IN_THE_STRING, part=_NAMES[keyword]) if keyword in naming.written else naming.of(keyword)


def _decoded(name: str) -> str:
    """The name without the percent-encoding that was put over percent-encoding."""
    for _ in range(_DECODINGS):
        name = unquote(name)
    return name
