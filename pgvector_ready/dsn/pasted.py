"""Repairs a pasted connection string where its meaning is certain, and refuses it by name where it is not."""

import re
from urllib.parse import unquote

from pgvector_ready.dsn.conninfo import split_userinfo
from pgvector_ready.dsn.keywords import is_known
from pgvector_ready.dsn.refusals import (
    DsnError,
    not_a_connection_string,
    placeholder,
    unencoded,
    unresolved,
    whitespace,
)
from pgvector_ready.judgement.phrases import Part

_INVISIBLE = r"[\s\ufeff\u200b-\u200d\u2060]"
_POSTGRES = r"(?i:postgres(?:ql)?(?:\+\w+)?://)"
# What stands around the value and certainly does not belong to it; the group is what remains.
_WRAPPINGS = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        (Part.BLANKS, rf"{_INVISIBLE}+(.*)|(.*?)(?<!\\){_INVISIBLE}+"),
        (Part.VARIABLE_NAME, rf"(?:export\s+)?(?:DATABASE_URL\s*[=:](.+)|[A-Z]\w*\s*[=:]\s*([\"'`]?{_POSTGRES}.*))"),
        (Part.COMMAND, rf"psql\s+({_POSTGRES}\S+|\"[^\"]*\"|'[^']*')"),
        (Part.QUOTES, r"([\"'`])((?:(?!\1).)*)\1|[“‘„]([^“”‘’]*)[”’“]"),
        (Part.QUOTE_MARK, rf"[\"'`]({_POSTGRES}[^\"'`]*)|({_POSTGRES}[^\"'`]*)[\"'`]"),
        (Part.LITERAL_NEWLINE, rf"({_POSTGRES}.*?)(?:\\[nr])+"),
    )
)

_SCHEME = re.compile(r"([a-z][a-z0-9.+-]*:)?[a-z][a-z0-9.+-]*://", re.IGNORECASE)
_OTHERS = (
    (re.compile(r"\Z"), Part.EMPTY),
    (re.compile(r"jdbc:", re.IGNORECASE), Part.JDBC),
    (re.compile(r"https?://", re.IGNORECASE), Part.WEB_ADDRESS),
    (
        re.compile(r"(?:mysql|mariadb|mongodb|redis|sqlite|sqlserver|mssql|oracle)[^:]*://", re.IGNORECASE),
        Part.ANOTHER_DATABASE,
    ),
    (re.compile(r"prisma(?:\+postgres)?://", re.IGNORECASE), Part.PRISMA),
    (_SCHEME, Part.ANOTHER_SCHEME),
    (re.compile(r"(?:PG\w+=\S*\s+)*psql\b"), Part.PSQL_COMMAND),
    (re.compile(r"(?:host|server|data source)\s*=[^;\s]*;", re.IGNORECASE), Part.DOTNET),
    (re.compile(r"[^=]*\Z"), Part.NEITHER),
)

_WORDS = {
    Part.USER: "user|username|user_name|db_user|dbuser",
    Part.PASSWORD: "password|passwd|pass|pwd|db_password|dbpassword",
    Part.HOST: "host|hostname|host_name|db_host|dbhost",
    Part.PORT: "port|db_port|dbport",
    Part.DATABASE: "database|database_name|databasename|dbname|db_name",
}
_ANY_WORD = "|".join((*_WORDS.values(), "db")).replace("_", "[-_ ]")
_SHELL_VARIABLE = re.compile(r"\$[A-Za-z_]\w*")
# A reference that nobody resolved: Railway's, a shell's, a template's.
_REFERENCE = r"\$\{\{.*?\}\}|\$\{[^{}]*\}|\{\{[^{}]*\}\}|%\(\w+\)s"
_YOURS = rf"your[-_ ]?(?:\w+[-_ ])?(?:{_ANY_WORD}|project[-_ ]ref)"
_CERTAIN = re.compile(
    rf"{_REFERENCE}|<[^<>]+>|\*{{3,}}|[•●]{{3,}}|\.{{3}}|…|(?-i:YOUR[-_ ][A-Z0-9_ -]+)"
    rf"|[\[{{(](?:{_YOURS}|{_ANY_WORD}|redacted)[\]}})]",
    re.IGNORECASE,
)
# Somebody who followed a tutorial to the letter has these on a machine of their own, but nowhere else.
_LIKELY = re.compile(rf"{_YOURS}|(?-i:PASSWORD|REDACTED)", re.IGNORECASE)
# These occur inside a host or a user's name too: db.[YOUR-PROJECT-REF].supabase.co
_CERTAIN_WITHIN = re.compile(rf"{_REFERENCE}|<[^<>]+>|\[?YOUR[-_][A-Z0-9_-]+\]?|\[[A-Z]+(?:[-_][A-Z]+)*\]")
_WHOLE = re.compile(rf"{_REFERENCE}|<[^<>]+>|\*{{3,}}|\$\w+|\$\(.*\)|%\w+%|…|\.{{3}}")


def repair(value: str) -> tuple[str, tuple[Part, ...]]:
    """Give the value without what was pasted around it, and the names of what that was; empty when nothing was."""
    removed: list[Part] = []
    while unwrapped := _unwrapped(value):
        name, value = unwrapped
        removed.append(name)
    return value, tuple(dict.fromkeys(removed))


def refuse_template(text: str) -> None:
    """Refuse a reference that was to be replaced by a connection string, or has one in its middle."""
    if _WHOLE.fullmatch(text) or re.search(r"\$\{\{.*?\}\}", text):
        raise unresolved()


def refuse_stranger(text: str) -> None:
    """Refuse anything that is neither a postgresql:// address nor keyword=value pairs."""
    if re.match(_POSTGRES, text):
        return
    for pattern, found in _OTHERS:
        if pattern.match(text):
            raise not_a_connection_string(found)


def refuse_broken_uri(rest: str) -> None:
    """Refuse placeholders and characters that were not encoded; `rest` begins behind the `//`.

    libpq reads some of these without complaint, and would show a piece of the password as the host.
    """
    userinfo, behind = split_userinfo(rest)
    location, _, query = behind.partition("?")
    refuse_placeholders(_as_template(userinfo or "", location))
    has_stray_at = "@" in location or any(_is_torn(pair) for pair in query.split("&"))
    if has_stray_at or re.search(rf"{_INVISIBLE}|%(?![0-9A-Fa-f]{{2}})", userinfo or ""):
        raise unencoded()
    if re.search(_INVISIBLE, rest):
        raise whitespace()


def refuse_placeholders(parts: dict[Part, str]) -> None:
    """Refuse only what is certain: `user:password@localhost` is somebody's real development database."""
    bare = {name for name, text in parts.items() if _is_bare_word(name, text)}
    is_remote = "." in parts[Part.HOST] and not parts[Part.HOST].startswith(("127.", "/"))
    found = {name for name, text in parts.items() if _is_template(name, text, is_remote=is_remote)}
    is_example = Part.PORT in bare or (Part.HOST in bare and (len(bare) > 1 or parts[Part.HOST].isupper()))
    if is_example or found & {Part.HOST, Part.PORT}:
        found |= bare
    if found:
        raise placeholder(tuple(name for name in _WORDS if name in found))


def nonsense_host(*, has_password: bool) -> DsnError:
    """A host with a character that no host has: behind a password that is most likely the password's rest."""
    return unencoded() if has_password else not_a_connection_string(Part.NO_HOST)


def _unwrapped(value: str) -> tuple[Part, str] | None:
    for part, pattern in _WRAPPINGS:
        if matched := pattern.fullmatch(value):
            return part, matched[matched.lastindex or 0]
    return None


def _as_template(userinfo: str, location: str) -> dict[Part, str]:
    user, _, password = userinfo.partition(":")
    netloc, _, database = location.partition("/")
    host, _, port = netloc.rpartition(":") if re.search(r":[^\]:]*\Z", netloc) else (netloc, "", "")
    parts = {
        Part.USER: user,
        Part.PASSWORD: password,
        Part.HOST: host.strip("[]"),
        Part.PORT: port,
        Part.DATABASE: database,
    }
    return {name: unquote(written) for name, written in parts.items()}


def _is_template(name: Part, text: str, *, is_remote: bool) -> bool:
    if name in {Part.USER, Part.HOST} and _CERTAIN_WITHIN.search(text):
        return True
    if (is_remote or name is Part.HOST) and _LIKELY.fullmatch(text):
        return True
    # A password may begin with a dollar sign.
    is_variable = name is not Part.PASSWORD and _SHELL_VARIABLE.fullmatch(text)
    return bool(is_variable or _CERTAIN.fullmatch(text))


def _is_bare_word(name: Part, text: str) -> bool:
    return bool(re.fullmatch(_WORDS[name], text, re.IGNORECASE) or _SHELL_VARIABLE.fullmatch(text))


def _is_torn(pair: str) -> bool:
    """True if a parameter is the rest of a password rather than, say, the `user=me@example` of an Azure server."""
    keyword, _, value = pair.partition("=")
    if "@" not in pair or keyword in {"password", "sslpassword"}:
        return False
    return not (is_known(keyword) and re.fullmatch(r"[^@]*@[^@:/]*", value))
