"""The releases of pgvector with a hole, or a bug that damages indexes; sources in docs/vectors.md."""

from collections.abc import Iterator
from dataclasses import dataclass

from pgvector_ready.judgement.facts import version
from pgvector_ready.judgement.failures import Code


@dataclass(frozen=True, slots=True)
class Fault:
    """A known fault of a range of releases."""

    code: Code
    # A CVE's number, or where it was reported.
    name: str
    first: str
    # The first release without it.
    fixed: str
    is_on_32_bit_only: bool = False
    # The access method whose indexes it may have damaged.
    method: str | None = None


FAULTS = (
    Fault(Code.PGVECTOR_CORRUPTS_INDEXES, "pgvector 0.3.1's changelog", "0.2.7", "0.3.1", method="ivfflat"),
    Fault(Code.PGVECTOR_CORRUPTS_INDEXES, "pgvector pull request 988", "0.5.0", "0.8.3", method="hnsw"),
    Fault(Code.PGVECTOR_VULNERABLE, "CVE-2026-3172", "0.6.0", "0.8.2"),
    Fault(Code.PGVECTOR_VULNERABLE, "CVE-2026-18022", "0.1.0", "0.8.6", is_on_32_bit_only=True),
)


def faults_of(release: str, *, is_32_bit: bool) -> Iterator[Fault]:
    """The faults of this release of the library, on such a machine."""
    for fault in FAULTS:
        is_inside = version(fault.first) <= version(release) < version(fault.fixed)
        if is_inside and (is_32_bit or not fault.is_on_32_bit_only):
            yield fault
