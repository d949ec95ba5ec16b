"""pgvector's library as it is when it was built for another processor: at one function the backend dies of a signal."""

import struct
from pathlib import Path

from pgvector_ready.embedded import wheel
from tests.support.postgres import find_binaries

# x86-64's ud2 and ARM64's udf #0, by ELF's e_machine: SIGILL, "terminated by signal 4: Illegal instruction".
_ILLEGAL = {62: b"\x0f\x0b", 183: bytes(4)}


def break_library(folder: Path, symbol: str) -> dict[str, str]:
    """Write a copy of the wheel's library into `folder` that dies in `symbol`; return the settings that load it."""
    installation = find_binaries(None).parent
    original = next(installation.rglob("vector.so"))
    library = bytearray(original.read_bytes())
    machine = struct.unpack_from("<H", library, 18)[0]
    at = _offset(bytes(library), symbol)
    library[at : at + len(_ILLEGAL[machine])] = _ILLEGAL[machine]
    (folder / "vector.so").write_bytes(library)
    wheel.open_to_all(folder)
    return {"dynamic_library_path": f"{folder}:$libdir"}


def _offset(library: bytes, symbol: str) -> int:
    """Where a function's code stands in the file: looked up in ELF's table of dynamic symbols."""
    table = _section(library, kind=11)  # SHT_DYNSYM
    names = _section(library, index=table[3])
    for at in range(table[0], table[0] + table[1], 24):
        name, _, _, _, address, _ = struct.unpack_from("<IBBHQQ", library, at)
        start = names[0] + name
        if library[start : library.index(b"\0", start)] == symbol.encode():
            return _in_file(library, address)
    raise LookupError(symbol)


def _section(library: bytes, *, kind: int | None = None, index: int | None = None) -> tuple[int, int, int, int]:
    """Its place, its size, its kind and the section that belongs to it."""
    start, size, count = struct.unpack_from("<Q", library, 40)[0], *struct.unpack_from("<HH", library, 58)
    for number in range(count):
        _, its_kind, _, _, offset, length, link = struct.unpack_from("<IIQQQQI", library, start + number * size)
        if number == index or its_kind == kind:
            return offset, length, its_kind, link
    raise LookupError(kind)


def _in_file(library: bytes, address: int) -> int:
    start, size, count = struct.unpack_from("<Q", library, 32)[0], *struct.unpack_from("<HH", library, 54)
    for number in range(count):
        kind, _, offset, virtual, _, length = struct.unpack_from("<IIQQQQ", library, start + number * size)
        if kind == 1 and virtual <= address < virtual + length:  # PT_LOAD
            return int(offset + address - virtual)
    raise LookupError(address)
