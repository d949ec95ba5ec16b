"""One question to a connection, in exactly one round trip."""

import csv

from pgvector_ready.database import Link


async def ask(link: Link, query: str) -> str:
    """Return the one value of `query`."""
    return (await ask_row(link, query))[0]


async def ask_row(link: Link, query: str) -> list[str]:
    """Return the one row of `query`.

    COPY is the only statement whose rows asyncpg takes by the simple protocol: nothing is prepared, which costs a round
    trip of its own and does not survive a transaction pooler.
    """
    received = bytearray()

    async def keep(data: bytes) -> None:
        received.extend(data)

    await link.connection.copy_from_query(query, output=keep, format="csv")
    return next(csv.reader([received.decode()])) or [""]  # a row of one NULL is an empty line
