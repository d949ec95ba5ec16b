"""The event loop of every command: closing it never waits for a thread or a TLS peer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

# How long TLS waits for the other side's farewell. PostgreSQL's session has ended before it: nothing depends on it.
_PROMPT = {"ssl_shutdown_timeout": 0.1}

# How long an address may say nothing before the name's next one is tried beside it: RFC 8305, section 5.
_NEXT_ADDRESS = {"happy_eyeballs_delay": 0.25}


class Loop(asyncio.SelectorEventLoop):
    """asyncio's own, but that nothing waits for a name server, an address or a TLS peer that never answers."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's
        """Leave the threads behind; the process is about to end."""

    async def start_tls(self, *arguments: Any, **options: Any) -> asyncio.Transport | None:
        """As asyncio's: asyncpg closes gracefully what falls silent during the login, which would take 30 s."""
        return await super().start_tls(*arguments, **{**options, **_PROMPT})

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        """As asyncio's; with `ssl` it is TLS from the first byte, as under libpq's sslnegotiation=direct."""
        ours = (_PROMPT if options.get("ssl") else {}) | (_NEXT_ADDRESS if host else {})
        return await super().create_connection(protocol_factory, host, port, **(options | ours))


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Do as asyncio.run does, on this loop."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work)
