"""Secrets taken out of foreign text, so that neither they nor the gaps they leave tell what they are."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby

_GAP = "***"
# From here on a secret is not met by chance, unless it is a word or a number.
_UNMISTAKABLE = 8
# What is shorter is met in any text, even as a word of its own.
_SHORTEST = 3
# What is longer is a whole connection string, and its password is looked for as well.
_LONGEST_PASSWORD = 64
# A version, an address, a time, a port, a process id.
_FIGURES = re.compile(r"[\d.:/-]{1,15}")
# An error that is repeated within another one is escaped again: one backslash becomes 1, 2, 4, 8.
_ESCAPES = 7
# More of one text is not looked at, and left out: nobody shows as much.
_LONGEST_TEXT = 100_000
_LETTERS = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_ENTITIES = {"&": "&(?:amp;)+", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
# Where a password stands, whatever it is: its gap says nothing.
_BEFORE = r"""(?:
    (?:password|passwd|pwd|\bpass|secret|token|api_?key)["']?\s{0,3}(?:=>?|%3D)\s{0,3}["']?
  | (?:password|secret|token|api_?key)["']\s{0,3}:\s{0,3}["']
  | password\s{1,3}["']
  | \b(?:bearer|basic)\s{1,3}
)"""
_AFTER = r"""(?=["'`&;,\s)}\]<>]|%26|\Z)"""
_IN_ADDRESS = r"(?::|%3A)"
_AT = r"(?=@|%40)"


class Own(str):
    """Text of ours: nothing is taken out of it, for the gap would tell a password that is one of its words."""

    __slots__ = ()


class Redactor:
    """Takes secrets out of foreign text in every form they are written in; the longest first.

    An unmistakable secret is taken out wherever it stands. A word or a short one, only where it stands by itself. One
    that is an ordinary word, a number, or one of `names`, which are shown anyway, only where a password stands:
    `user "***" does not exist` would say that the password is the user's name.
    """

    def __init__(self, secrets: Iterable[str], names: Iterable[str] = ()) -> None:
        self._secrets = frozenset(filter(None, secrets))
        self._names = frozenset(filter(None, names))

    def __call__(self, text: str) -> str:
        """Return the text with `***` where a secret stood."""
        pattern = self._pattern
        return pattern.sub(_gap, text[:_LONGEST_TEXT]) if pattern else text

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        """Made when there is foreign text for the first time; most processes never see any."""
        names = _pieces(self._names)
        longest_first = sorted(self._secrets, key=len, reverse=True)
        ordinary = [_spelt(secret) for secret in longest_first if _is_ordinary(secret, names)]
        others = [form for secret in longest_first if not _is_ordinary(secret, names) for form in _written(secret)]
        bound = "|".join(ordinary)
        as_credential = rf"(?P<before>{_BEFORE})(?:{bound}){_AFTER}|(?P<colon>{_IN_ADDRESS})(?:{bound}){_AT}"
        found = (*others, *([as_credential] if ordinary else ()))
        return re.compile("|".join(found), re.IGNORECASE | re.VERBOSE) if found else None


def _gap(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return f"{groups.get('before') or groups.get('colon') or ''}{_GAP}"


def _written(secret: str) -> Iterator[str]:
    """The patterns of a secret that may be looked for in any text."""
    is_unmistakable = len(secret) >= _UNMISTAKABLE and not (secret.isalpha() or secret.isdigit())
    if is_unmistakable or not secret.isalnum():
        yield _spelt(secret)
    else:
        yield rf"(?:(?<!\w)|(?<=%[0-9A-F]{{2}})|(?<=\\[nrt])){_spelt(secret)}(?!\w)"
    if is_unmistakable and len(secret) <= _LONGEST_PASSWORD:
        yield from _in_base64(secret)


def _is_ordinary(secret: str, names: frozenset[str]) -> bool:
    from pgvector_ready.ordinary import ORDINARY  # noqa: PLC0415 - a table that few processes need

    plain = secret.casefold()
    is_mark = len(secret) < _UNMISTAKABLE and not any(map(str.isalnum, secret))
    is_shown = plain in names or (len(secret) >= _UNMISTAKABLE and any(plain in name for name in names))
    return len(secret) < _SHORTEST or is_mark or is_shown or plain in ORDINARY or bool(_FIGURES.fullmatch(secret))


def _pieces(names: Iterable[str]) -> frozenset[str]:
    """Each name, and each word in it: `prod` in `prod-db.example.net`."""
    folded = [name.casefold() for name in names]
    return frozenset(piece for name in folded for piece in (name, *re.split(r"[\W_]+", name), *re.split(r"\W+", name)))


def _spelt(secret: str) -> str:
    """The secret as it is, percent-encoded, escaped for a string, for JSON or for HTML, each in part or again."""
    runs = ((character, len(list(run))) for character, run in groupby(secret))
    return "".join(_run(character, length) for character, length in runs)


def _run(character: str, length: int) -> str:
    if character == "\\":  # which an escape multiplies; all that are there, or a long row of them is tried for hours
        return rf"(?:\\{{{length},}}+|(?:%(?:25)*5C){{{length}}})"
    forms = "|".join(_forms(character))
    escapes = "" if character.isalnum() else rf"\\{{0,{_ESCAPES}}}"
    return f"(?:{escapes}(?:{forms}))" + (f"{{{length}}}" if length > 1 else "")


def _forms(character: str) -> Iterator[str]:
    encoded = character.encode(errors="surrogatepass")
    yield re.escape(character)
    yield "".join(f"%(?:25)*{byte:02X}" for byte in encoded)
    if character.isascii() and character.isalnum():
        return
    units = character.encode("utf-16-be", errors="surrogatepass")
    # Backslashes of the secret before it have taken those of the escape as well.
    yield "".join(rf"\\{{0,{_ESCAPES + 1}}}u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    yield "".join(rf"\\{{0,{_ESCAPES + 1}}}x{byte:02x}" for byte in encoded)
    yield rf"\\{{0,{_ESCAPES + 1}}}(?:x{ord(character):02x}|U{ord(character):08x})"
    yield rf"&(?:amp;)*\#(?:{ord(character)}|x{ord(character):x});"
    if character in _ENTITIES:
        yield _ENTITIES[character]
    if character in _LETTERS:
        yield rf"\\{{1,{_ESCAPES + 1}}}{_LETTERS[character]}"
    if character == " ":
        yield r"\+"


def _in_base64(secret: str) -> Iterator[str]:
    """The forms of a secret inside a longer text that was encoded: it begins at one of three places in a group."""
    raw = secret.encode(errors="surrogatepass")
    for before, partial in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(bytes(before) + raw).decode()
        whole = encoded.rstrip("=")[:-1] if encoded.endswith("=") else encoded
        if len(piece := whole[partial:]) >= _UNMISTAKABLE:
            yield re.escape(piece).replace(r"\+", "[+-]").replace("/", "[/_]")
