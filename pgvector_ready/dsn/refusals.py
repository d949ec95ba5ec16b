"""Why a connection string is refused: every sentence of it, none of which repeats a piece of the string."""

from pgvector_ready.judgement.failures import Code, Failure, Step
from pgvector_ready.printable import printable

_SHAPE = "postgresql://user:password@host:5432/database"
_LONGEST_KEYWORD = 40
_COPY = "copy the whole connection string from your database provider's dashboard"
_ENCODE = (
    "Percent-encode it: @ is %40, / is %2F, # is %23, ? is %3F, % is %25, : is %3A and a blank is %20; "
    "python3 -c \"import urllib.parse; print(urllib.parse.quote(input(), safe=''))\" encodes what it is given."
)


class DsnError(ValueError):
    """A connection string that cannot be used; its text is the failure's message and holds no piece of the value."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def invalid(message: str, remedy: str) -> DsnError:
    """Not a connection string, or one that libpq refuses; both sentences must be free of the value."""
    return _refusal(Code.DATABASE_URL_INVALID, message, remedy)


def not_a_connection_string(found: str) -> DsnError:
    """`found` is a description in our own words, such as "a web address"."""
    return invalid(f"The connection string is {found}.", f"Paste the database's connection string: {_SHAPE}.")


def unknown_keyword(keyword: str | None, correction: str = "") -> DsnError:
    """`None` when naming the keyword could show a piece of a broken password; `correction` is a sentence or empty."""
    named = "a parameter" if keyword is None else f"the parameter {printable(keyword, _LONGEST_KEYWORD)}"
    return invalid(
        f"The connection string has {named} that PostgreSQL does not know.",
        correction
        or "Remove it or correct its spelling; percent-encode & as %26 and = as %3D where they belong to a value.",
    )


def parameter_in_name(name: str, parameter: str | None) -> DsnError:
    """`name` is a word of ours or an environment variable; `parameter` one of libpq's, `None` for another."""
    found = "a parameter" if parameter is None else f"the parameter {parameter}"
    return invalid(
        f"The {name} has {found} in it, which PostgreSQL would take for a piece of the name.",
        "Begin the parameters of a URI with one ? and separate them with &, not with ; or &amp;: "
        f"{_SHAPE}?sslmode=require. In keyword=value pairs a blank separates them.",
    )


def address_in_name(name: str) -> DsnError:
    """`name` is a word of ours or an environment variable."""
    return invalid(
        f"The {name} is a whole connection string, which PostgreSQL would take for a name.",
        f"Give the connection string by itself: {_SHAPE}.",
    )


def bad_value(name: str, expected: str) -> DsnError:
    """`name` is a keyword of libpq or its environment variable, `expected` a description of what it may be."""
    return invalid(f"The value of {name} is not one that PostgreSQL accepts.", f"Set {name} to {expected}.")


def bad_percent(part: str) -> DsnError:
    """Outside of the password, where it is not `unencoded`."""
    return invalid(
        f"A percent sign in the connection string's {part} does not begin a percent-encoded character.",
        "Write %25 for a percent sign itself; %00 is not allowed.",
    )


def unbracketed() -> DsnError:
    """Brackets that do not close, and colons where a port should be."""
    return invalid(
        "The host or port has colons or square brackets that do not make an address.",
        "Write a host and its port as host:5432, and an IPv6 address between square brackets: [::1]:5432.",
    )


def not_pairs() -> DsnError:
    """Of the query of a URI and of a string of words alike."""
    return invalid(
        "The connection string's parameters are not keyword=value pairs.",
        "Write each as keyword=value; in a URI, & in a value is %26 and = is %3D; "
        "elsewhere a value with a blank stands between single quotes.",
    )


def undecodable() -> DsnError:
    """Bytes that no server would take for text."""
    return invalid("The connection string has characters that are not UTF-8.", "Encode them as UTF-8: é is %C3%A9.")


def service(name: str) -> DsnError:
    """`name` is the keyword, or its environment variable."""
    return invalid(
        f"{name} names a section of a pg_service.conf file, which is not read here.",
        "Name host, user, password and database themselves.",
    )


def abstract_socket(name: str) -> DsnError:
    """`name` is the keyword, or its environment variable; libpq takes a leading @ for one."""
    return invalid(
        f"{name} names an abstract Unix socket (@), which the driver cannot reach.",
        "Name the folder of an ordinary socket, such as /var/run/postgresql, or a host: 127.0.0.1.",
    )


def unmatched_hosts() -> DsnError:
    """Of each libpq wants as many, or a single port for all."""
    return invalid(
        "The connection string has different numbers of hosts, addresses and ports.",
        "Give every host its port, or one port for all of them.",
    )


def placeholder(parts: tuple[str, ...]) -> DsnError:
    """`parts` are words of ours: user, password, host, port, database."""
    named = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    verb = "is still a placeholder" if len(parts) == 1 else "are still placeholders"
    return _refusal(
        Code.DATABASE_URL_PLACEHOLDER,
        f"The {named} in the connection string {verb}.",
        f"Paste the real value: {_COPY}.",
    )


def unresolved() -> DsnError:
    """A reference to a connection string, where the connection string itself was to be."""
    return _refusal(
        Code.DATABASE_URL_PLACEHOLDER,
        "The connection string is still a placeholder, or has a reference that nothing has replaced.",
        f"References are replaced only within the platform that invented them; paste the real value: {_COPY}.",
    )


def unencoded() -> DsnError:
    """Refuses because a character of the password has torn the string apart, so that host or port would be nonsense."""
    return _refusal(
        Code.DATABASE_URL_UNENCODED,
        "The connection string cannot be taken apart: the password (or user or database name) has a special character "
        "that is not percent-encoded.",
        _ENCODE,
    )


def whitespace() -> DsnError:
    """Refuses because of a blank or line break inside, where taking it out would be a guess."""
    return _refusal(
        Code.DATABASE_URL_WHITESPACE,
        "The connection string has a blank or a line break inside.",
        "Paste it again as one line without blanks; a blank that belongs to a value is written %20.",
    )


def _refusal(code: Code, message: str, remedy: str) -> DsnError:
    return DsnError(Failure(code, Step.CONFIGURED, message, remedy))
