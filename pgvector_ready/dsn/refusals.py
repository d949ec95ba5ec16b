"""The failures for which a connection string is refused; none carries a piece of the string."""

from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.judgement.phrases import Part, Phrase, Value, phrase
from pgvector_ready.judgement.target import NOWHERE
from pgvector_ready.printable import printable

_LONGEST_KEYWORD = 40


class DsnError(ValueError):
    """A connection string that cannot be used; `failure` says why, and the text is its code."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


def not_a_connection_string(found: Part) -> DsnError:
    """`found` is what was found in its place."""
    return _invalid("not_a_connection_string", found=phrase(found))


def unknown_keyword(keyword: str | None, correction: Phrase | None = None) -> DsnError:
    """`None` when naming the keyword could show a piece of a broken password; `correction` says how it is written."""
    named = None if keyword is None else printable(keyword, _LONGEST_KEYWORD)
    return _invalid("unknown_keyword", keyword=named, correction=correction)


def parameter_in_name(name: Value, parameter: str | None) -> DsnError:
    """`name` is a part of the string or an environment variable; `parameter` one of libpq's, `None` for another."""
    return _invalid("parameter_in_name", name=name, keyword=parameter)


def address_in_name(name: Value) -> DsnError:
    """`name` is a part of the string or an environment variable."""
    return _invalid("address_in_name", name=name)


def password_in_name(name: Value) -> DsnError:
    """`name` is a part of the string or an environment variable, with an encoded colon where a plain one was meant."""
    return _invalid("password_in_name", name=name)


def bad_value(name: str, expected: Phrase) -> DsnError:
    """`name` is a keyword of libpq or its environment variable, `expected` what it may be."""
    return _invalid("bad_value", name=name, expected=expected)


def bad_percent(part: Part) -> DsnError:
    """Outside of the password, where it is not `unencoded`."""
    return _invalid("bad_percent", part=phrase(part))


def unbracketed() -> DsnError:
    """Brackets that do not close, and colons where a port should be."""
    return _invalid("unbracketed")


def not_pairs() -> DsnError:
    """Refuses what is no list of keyword=value pairs, in the query of a URI and in a string of words alike."""
    return _invalid("not_pairs")


def undecodable() -> DsnError:
    """Bytes that no server would take for text."""
    return _invalid("undecodable")


def service(name: str) -> DsnError:
    """`name` is the keyword, or its environment variable."""
    return _invalid("service", name=name)


def abstract_socket(name: str) -> DsnError:
    """`name` is the keyword, or its environment variable; libpq takes a leading @ for one."""
    return _invalid("abstract_socket", name=name)


def unmatched_hosts() -> DsnError:
    """Refuses hosts and ports of different numbers: libpq takes one port for each host, or one for all."""
    return _invalid("unmatched_hosts")


def placeholder(parts: tuple[Part, ...]) -> DsnError:
    """`parts` are those of the connection string that nobody has filled in."""
    case = "one_part" if len(parts) == 1 else "several_parts"
    return _refusal(Code.DATABASE_URL_PLACEHOLDER, case, parts=tuple(map(phrase, parts)))


def unresolved() -> DsnError:
    """A reference to a connection string, where the connection string itself was to be."""
    return _refusal(Code.DATABASE_URL_PLACEHOLDER)


def unencoded() -> DsnError:
    """Refuses because a character of the password has torn the string apart, so that host or port would be nonsense."""
    return _refusal(Code.DATABASE_URL_UNENCODED)


def whitespace() -> DsnError:
    """Refuses because of a blank or line break inside, where taking it out would be a guess."""
    return _refusal(Code.DATABASE_URL_WHITESPACE)


def _invalid(case: str, **values: Value | None) -> DsnError:
    return _refusal(Code.DATABASE_URL_INVALID, case, **values)


def _refusal(code: Code, case: str = "", **values: Value | None) -> DsnError:
    return DsnError(Failure.about(code, Step.CONFIGURED, NOWHERE, values, None, case))
