"""Foreign text made fit to be shown: it can neither command a terminal, nor forge a line, nor fill a page."""

import re

# The longest identifier of PostgreSQL has 63 bytes, the longest host name 253 characters.
NAME_LIMIT = 255
# A sentence of a server, a platform or a driver.
SENTENCE_LIMIT = 500

_CUT = "…"
# Drawn as nothing, and yet no control or format characters, which `str.isprintable` knows: fillers and variation
# selectors. From Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, and U+2800, a blank of Braille.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def printable(text: str, limit: int) -> str:
    r"""Return `text` on one line, in at most `limit` characters, each of which can be seen.

    Written as an escape, such as `\x1b` or `\u202e`: controls, ESC, line and paragraph separators, characters that
    turn the direction of writing, that have no width, or that are half of a character. An ellipsis marks a cut. What
    is made printable already stays as it is, so a caller need not know whether somebody else did it before.
    """
    if len(text) <= limit and text.isprintable() and (text.isascii() or not _INVISIBLE.search(text)):
        return text
    written = [_visible(one) for one in text[: limit + 1]]
    if sum(map(len, written)) <= limit:
        return "".join(written)
    while written and sum(map(len, written)) > limit - len(_CUT):
        written.pop()
    return "".join((*written, _CUT))


def _visible(character: str) -> str:
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    return character.encode("unicode_escape").decode()
