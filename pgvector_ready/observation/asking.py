"""One question to a connection, in exactly one round trip."""

import csv
import io

from pgvector_ready.database import Link
from pgvector_ready.database.exceptions import ProtocolViolationError, Violation


async def ask(link: Link, query: str) -> str:
    """Return the one value of `query`."""
    return (await ask_row(link, query))[0]


async def ask_row(link: Link, query: str, values: int = 1) -> list[str]:
    """Return the one row of `query`, which has so many values.

    Text that is not UTF-8, as a database in SQL_ASCII may hold it, has marks in place of what cannot be read.
    """
    rows = await ask_rows(link, query, values)
    if not rows:
        raise ProtocolViolationError(Violation.ANSWER)
    return rows[0]


async def ask_rows(link: Link, query: str, values: int) -> list[list[str]]:
    """Return all rows of `query`, each of which has so many values.

    COPY is the only statement whose rows asyncpg takes by the simple protocol: nothing is prepared, which costs a round
    trip of its own and does not survive a transaction pooler.
    """
    received = bytearray()

    async def keep(data: bytes) -> None:
        received.extend(data)

    await link.connection.copy_from_query(query, output=keep, format="csv")
    try:
        found = csv.reader(io.StringIO(received.decode(errors="replace"), newline=""))
        rows = [row or [""] for row in found]  # a row of one NULL is an empty line
    except csv.Error as error:
        raise ProtocolViolationError(Violation.ANSWER) from error
    if any(len(row) != values for row in rows):
        raise ProtocolViolationError(Violation.ANSWER)
    return rows
