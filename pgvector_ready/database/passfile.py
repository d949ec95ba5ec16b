"""libpq's password file, read as libpq reads it; asyncpg's own reading knows no escapes, no hostaddr and no socket."""

import os
import re
from pathlib import Path

from pgvector_ready.dsn import DEFAULT_SOCKET, Host

# host:port:database:user:password, where \: and \\ stand for themselves; the password is all the rest.
_LINE = re.compile(r"((?:\\.|[^:\\])*):" * 4 + r"(.*)")


def password_for(path: str | None, host: Host, database: str, user: str) -> str | None:
    """The first line that fits, or `None`; https://www.postgresql.org/docs/18/libpq-pgpass.html.

    `path` is `None` for the file at home. One that others may read is ignored, as by libpq.
    """
    file = Path(path or os.path.expanduser("~/.pgpass"))  # noqa: PTH111 - raises nothing for an account without a home
    try:
        if not file.is_file() or file.stat().st_mode & 0o077:
            return None
        text = file.read_text(errors="surrogateescape")
    except OSError:
        return None
    name = "localhost" if host.name == DEFAULT_SOCKET else host.name
    return _found(text, (name, str(host.port), database, user))


def _found(text: str, wanted: tuple[str, ...]) -> str | None:
    for line in text.split("\n"):
        entry = None if line.startswith("#") else _LINE.fullmatch(line.removesuffix("\r"))
        if entry is None:
            continue
        *fields, password = entry.groups()
        if all(field == "*" or _plain(field) == value for field, value in zip(fields, wanted, strict=True)):
            return _plain(password) or None
    return None


def _plain(written: str) -> str:
    return re.sub(r"\\(.)", r"\1", written)
