"""What an image holds in its layers, those included that a later one covers."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def files(image: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file of every layer, and of the image's own documents."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        subprocess.run(["docker", "save", "--output", str(archive), image], check=True)
        with tarfile.open(archive) as members:
            for member in members:
                if (file := members.extractfile(member)) is not None:
                    yield from _unpack(member.name, file)


def _unpack(name: str, file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """A layer is an archive in the archive, plain or compressed; anything else is a document."""
    try:
        layer = tarfile.open(fileobj=file)  # noqa: SIM115 - closed below; not every file is one
    except tarfile.ReadError:
        file.seek(0)
        yield name, file.read()
        return
    with layer:
        for member in layer:
            if member.isreg() and (content := layer.extractfile(member)) is not None:
                yield f"/{member.name.removeprefix('./')}", content.read()
