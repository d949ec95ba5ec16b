"""The files of an embedded server: its data, its log, its sockets, and the locks that keep two servers apart."""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pgvector_ready.embedded.cluster import Account, ServerError

# A later major version does not read the data of an earlier one, so each has a folder of its own.
MAJOR_VERSION = "18"
# By this name of its socket folder the rest of the service knows an embedded server.
SOCKET_PREFIX = "pgvector-ready-"
# The kernel's limit for a socket's path is 107 bytes on Linux and 103 on macOS.
_SOCKET_BYTES = 103
_LOG_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that a person named, and the files in it.

    `folder` is the one to lock: it stays while everything in it may be replaced. As root, everything but the data and
    the sockets is ours, because we never write where a lesser account may.
    """

    folder: Path
    data: Path

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Resolve links first, so that two names of one folder are one place.

        A folder that holds the data itself was made by version 1, or by somebody else.
        """
        real = Path(os.path.realpath(os.path.expanduser(folder)))  # noqa: PTH111 - pathlib raises on an unknown user
        is_data = (real / "PG_VERSION").exists()
        return cls(real, real if is_data else real / f"postgresql-{MAJOR_VERSION}")

    @property
    def has_data(self) -> bool:
        """True if the folder holds a server's data already."""
        return (self.data / "PG_VERSION").exists()

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.beside(".log")

    def beside(self, suffix: str) -> Path:
        """Return a path beside the data, with their name and this suffix."""
        return self.data.with_name(self.data.name + suffix)

    @property
    def sockets(self) -> Path:
        """The folder of the server's socket: always the same one, so that a psql or an IDE finds it again."""
        folder = self.data.with_name(f"{SOCKET_PREFIX}{self.data.name}")
        if len(os.fsencode(folder / ".s.PGSQL.5432")) <= _SOCKET_BYTES:
            return folder
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        return Path("/tmp") / f"{SOCKET_PREFIX}{digest}"  # noqa: S108 - `socket_folder` looks whose it is

    @property
    def url(self) -> str:
        """The connection string of the application's role."""
        return f"postgresql://app@/app?host={quote(str(self.sockets))}&port=5432"

    def begin_log(self) -> None:
        """Make the log, ours alone because statements that failed stand in it; a long one is kept once."""
        self.log.touch(mode=0o600)
        if self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.beside(".log.1"))
            self.log.touch(mode=0o600)


class ForeignFolderError(ServerError):
    """The folder for the socket, which has a name that anybody may guess, was made by another user."""


@contextmanager
def socket_folder(place: Place, account: Account) -> Iterator[Path]:
    """Keep an empty folder of the account's own, closed to others; a socket's lock of an earlier server is gone.

    Only for the holder of the locks. Raises ForeignFolderError where somebody else was there first.
    """
    folder = place.sockets
    if folder.is_symlink() or (folder.exists() and folder.stat().st_uid not in {account.uid, os.geteuid()}):
        message = f"The folder for the server's socket {folder} belongs to another user: remove it as root."
        raise ForeignFolderError(message)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    account.own(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# Locks


def lock(folder: Path) -> int | None:
    """Return a descriptor that locks the folder until every process that has it has closed it; None: it is locked.

    The folder itself is locked and no file in it: the lock is known by no name, so that links, bind mounts and
    containers that share the folder all meet it, and there is nothing to be left behind or deleted.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def holder(folder: Path) -> int | None:
    """Return the process that locked the folder; None where it is in another container, or the system does not say."""
    try:
        locks = Path("/proc/locks").read_text()
    except OSError:
        return None
    of = folder.stat()
    place = f"{os.major(of.st_dev):02x}:{os.minor(of.st_dev):02x}:{of.st_ino}"
    found = re.search(rf"FLOCK +ADVISORY +WRITE +(\d+) {place} ", locks)
    return int(found[1]) if found else None
