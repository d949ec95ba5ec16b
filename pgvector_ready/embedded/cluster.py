"""A PostgreSQL server as a child process: the account it runs as, how it is made, started, watched and stopped."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

# The server's texts stay English whatever the machine speaks, and no PG* variable of the caller reaches it.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}
# A start takes 0.03 s; only a crash recovery needs longer.
_START_SECONDS = 60.0
_POLL_SECONDS = 0.005
_PR_SET_PDEATHSIG = 1


class ServerError(Exception):
    """A program of PostgreSQL failed; the text is what it printed."""


class AccountError(ServerError):
    """There is no account that PostgreSQL agrees to run as; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system that the server runs as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, uid: int) -> Self:
        """Look it up; raises AccountError for a bare number, because PostgreSQL insists on an account with a name."""
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            message = f"PostgreSQL needs an account with a name, and the user id {uid} has none."
            raise AccountError(message) from None
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    @classmethod
    def for_server(cls) -> Self:
        """Ours; or, because PostgreSQL refuses to run as root, an account that exists and may do little."""
        if os.geteuid() != 0:
            return cls.of(os.geteuid())
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                return cls.of(pwd.getpwnam(name).pw_uid)
        message = "PostgreSQL refuses to run as root, and there is neither an account postgres nor nobody."
        raise AccountError(message)

    @property
    def is_ours(self) -> bool:
        """True where this process already runs as this account."""
        return self.uid == os.geteuid()

    def own(self, *paths: Path) -> None:
        """Give files to this account, so that the server can write them."""
        if not self.is_ours:
            for path in paths:
                os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Asked of the kernel as that account, since modes alone do not tell (parents, access lists)."""
        if self.is_ours:
            return os.access(folder, os.X_OK)
        question = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)]
        asked = subprocess.run(question, check=False, **self.child_options)  # noqa: S603 - our own words
        return asked.returncode == 0

    @property
    def child_options(self) -> dict[str, Any]:
        """Arguments for Popen: the account, an environment without surprises, and a child that dies with this process.

        A session of its own keeps the terminal's Ctrl-C away: the service stops first, and then the server.
        """
        options: dict[str, Any] = {"cwd": "/", "env": _ENVIRONMENT, "umask": 0o077, "start_new_session": True}
        if not self.is_ours:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options | {"preexec_fn": _die_with_parent()}


def _die_with_parent() -> Callable[[], None] | None:
    """Let the kernel send the child SIGINT, a fast shutdown, when the thread that forks ends, even by kill -9.

    Popen calls it after the change of account, which would undo it. Elsewhere than on Linux there is nothing like it.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # it ended before the kernel knew
            os._exit(1)

    return arrange


@dataclass(frozen=True, slots=True)
class Installation:
    """PostgreSQL's programs and the account that runs them."""

    programs: Path
    account: Account

    def run(self, program: str, *arguments: str | Path, statements: str = "") -> str:
        """Return what it printed; raises ServerError with what it complained about."""
        finished = subprocess.run(  # noqa: S603 - PostgreSQL's programs, with our own words
            [self.programs / program, *arguments],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
            **self.account.child_options,
        )
        if finished.returncode:
            raise ServerError(finished.stderr.strip())
        printed: str = finished.stdout
        return printed

    @property
    def major_version(self) -> int:
        """From `postgres (PostgreSQL) 18.6` and `… 15.18 (Debian …)`."""
        return int(self.run("postgres", "--version").split()[2].partition(".")[0])

    def initialise(self, data: Path, *options: str) -> None:
        """Make an empty cluster in a new folder of the account's own; its superuser is `postgres`."""
        data.mkdir(mode=0o700)
        self.account.own(data)
        locale = ["--encoding=UTF8", "--locale=C"]
        if self.major_version >= 17:  # noqa: PLR2004 - the release that brought the provider
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self.run("initdb", "--pgdata", data, "--username=postgres", *locale, *options)

    def start(self, data: Path, log: Path, settings: Mapping[str, str], held: Sequence[int] = ()) -> "Postmaster":
        """Start the server without waiting; only from the main thread, because it dies with the thread it came from.

        It holds the descriptors `held` open as well, with the locks that are on them, until its last process has ended.
        """
        if threading.current_thread() is not threading.main_thread():
            message = "A server that is started from a thread would end with that thread."
            raise RuntimeError(message)
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with log.open("ab") as output, warnings.catch_warnings():
            # From Python 3.12 on, any fork beside other threads warns; this child calls one C function and execs.
            warnings.simplefilter("ignore", DeprecationWarning)
            logged = output.tell()
            process = subprocess.Popen(  # noqa: S603 - as above
                [self.programs / "postgres", "-D", data, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=held,
                **self.account.child_options,
            )
        return Postmaster(process, data, log, logged)


@dataclass(frozen=True, slots=True)
class PidFile:
    """The entries that a server writes about itself into `postmaster.pid`."""

    pid: int
    socket_folder: Path
    is_ready: bool

    @classmethod
    def read(cls, data: Path) -> Self | None:
        """Return None when there is none, or it is not whole: still being written, or torn by a loss of power."""
        with suppress(OSError, ValueError, IndexError):
            lines = (data / "postmaster.pid").read_text().splitlines()
            # A hot standby says `ready`, one that accepts nobody `standby`; earlier neither is there.
            is_ready = lines[-1].strip() in {"ready", "standby"}
            return cls(int(lines[0]), Path(lines[4]), is_ready)
        return None


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A server that this process started, and the log it writes from the byte `logged` on."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    logged: int

    def wait_until_ready(self) -> None:
        """Return once it accepts connections; raises ServerError with its log if it ends instead or takes a minute."""
        deadline = time.monotonic() + _START_SECONDS
        while not ((file := PidFile.read(self.data)) and file.is_ready and file.pid == self.process.pid):
            has_ended = False
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_POLL_SECONDS)
                has_ended = True
            if has_ended or time.monotonic() > deadline:
                raise ServerError(self._logged_text())

    def _logged_text(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self.logged)
            return log.read().decode(errors="replace").strip()

    def stop(self, *signals: signal.Signals, seconds: float = 10.0) -> None:
        """Fast shutdown; whoever does not follow within `seconds` is asked less and less politely."""
        for number in signals or (signal.SIGINT, signal.SIGQUIT):
            self.process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
                return
        self.process.kill()
        self.process.wait()


def server_processes(data: Path) -> Iterable[int]:
    """Find those that have this data folder as their working directory, as every one of a server does.

    Compared as files and not by name: a process may have come to it by another mount. Those in other containers
    cannot be seen.
    """
    if sys.platform == "linux":
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # ended meanwhile, or another user's
                if (entry / "comm").read_text() == "postgres\n" and (entry / "cwd").samefile(data):
                    yield int(entry.name)
    elif file := PidFile.read(data):
        question = ["/bin/ps", "-p", str(file.pid), "-o", "command="]
        answer = subprocess.run(question, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if str(data) in answer.stdout:
            yield file.pid
