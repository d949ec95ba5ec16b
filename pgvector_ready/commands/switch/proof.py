"""The proof at the end of a switch: the service's own answers, before and now."""

from collections.abc import Callable, Iterator

from pgvector_ready.commands.verify.evidence import Evidence
from pgvector_ready.commands.verify.judge import documents_in

_ROWS = (
    "database",
    "fingerprint",
    "PostgreSQL",
    "pgvector",
    "migrations",
    "commit",
    "version",
    "instance",
)


def proof(before: Evidence, after: Evidence, show: Callable[[str], str]) -> Iterator[str]:
    """Yield the lines of a table; `show` makes foreign text fit to be shown."""
    rows = [("", "before", "now"), *zip(_ROWS, _column(before, show), _column(after, show), strict=True)]
    widths = [max(len(row[place]) for row in rows) for place in range(2)]
    for name, old, new in rows:
        yield f"  {name:<{widths[0]}}  {old:<{widths[1]}}  {new}"


def _column(evidence: Evidence, show: Callable[[str], str]) -> list[str]:
    service, database = documents_in(evidence)
    target = database.target if database else None
    found = (
        target and f"{target.host} port {target.port}, {target.database}",
        target and target.fingerprint,
        database and database.server.version,
        database and database.pgvector.installed_version,
        database and (database.migrations.current or "none"),
        service and service.commit,
        service and service.version,
        service and service.instance,
    )
    return [show(value) if value else "unknown" for value in found]
