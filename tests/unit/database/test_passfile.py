"""The password file, as libpq documents it (libpq-pgpass); psql itself is asked in test_dsn_live.py."""

from pathlib import Path

import pytest

from pgvector_ready.database.passfile import password_for
from pgvector_ready.dsn import DEFAULT_SOCKET, Host

HOST = Host("db.example.net", None, 5432)


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    file = folder / "passfile"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("db.example.net:5432:app:ann:right", "right"),
        ("*:*:*:*:right\n", "right"),
        ("db.example.net:5432:app:ann:right\r\n", "right"),
        ("# db.example.net:5432:app:ann:wrong\n\nnonsense\n*:*:*:ann:right", "right"),
        ("*:*:*:ann:first\n*:*:*:ann:second", "first"),
        ("*:*:*:ann:a\\:b\\\\c:d", "a:b\\c:d"),
        ("*:*:*:ann: #?@ ", " #?@ "),
        ("*:*:*:a\\nn:right", "right"),
        ("other:*:*:*:wrong\n*:1:*:*:wrong\n*:*:other:*:wrong\n*:*:*:other:wrong", None),
        ("\\*:*:*:*:wrong", None),
        ("db.example.net:5432:app:ann", None),
        ("*:*:*:*:", None),
        ("", None),
    ],
)
def test_the_first_line_that_fits_counts(text: str, password: str | None, tmp_path: Path) -> None:
    assert password_for(written(tmp_path, text), HOST, "app", "ann") == password


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (Host(DEFAULT_SOCKET, None, 5432), "localhost"),
        (Host("/run/pg", None, 5432), "/run/pg"),
        (Host("db.example.net", "192.0.2.1", 5432), "db.example.net"),
        (Host("192.0.2.1", "192.0.2.1", 5432), "192.0.2.1"),
    ],
    ids=["default socket", "socket", "name with address", "address"],
)
def test_a_host_is_called_as_libpq_calls_it(host: Host, name: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"{name}:*:*:*:right")

    assert password_for(path, host, "app", "ann") == "right"


def test_one_that_others_may_read_is_ignored(tmp_path: Path) -> None:
    assert password_for(written(tmp_path, "*:*:*:*:wrong", 0o640), HOST, "app", "ann") is None


@pytest.mark.parametrize("path", ["/nonexistent/passfile", "/", "/dev/null/x"])
def test_one_that_is_not_there_is_none(path: str) -> None:
    assert password_for(path, HOST, "app", "ann") is None


def test_without_a_path_it_is_the_one_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Path(written(tmp_path, "*:*:*:*:right")).rename(tmp_path / ".pgpass")

    assert password_for(None, HOST, "app", "ann") == "right"
