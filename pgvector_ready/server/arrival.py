"""A connection between its acceptance and its first turn."""

import asyncio
import socket
from collections.abc import Callable

_PEEKED_BYTES = 64


class Arrival:
    """An accepted connection. Whoever polls comes in at once, even if it says so only while waiting for its turn."""

    def __init__(
        self, client: socket.socket, polls: tuple[bytes, ...], welcome: Callable[[socket.socket], None]
    ) -> None:
        client.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._client = client
        self._polls = polls
        self._welcome = welcome
        self._is_in = False
        self._is_watched = False

    def is_poll(self) -> bool:
        """Look how its first request begins; let a poll in, and look again at one that has said nothing yet."""
        try:
            begins = self._client.recv(_PEEKED_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            self._watch()
            return False
        except OSError:  # it has gone; its turn will tell
            begins = b""
        self._look_away()
        if begins.startswith(self._polls):
            self.come_in()
        return self._is_in

    def come_in(self) -> None:
        """Become a connection of the server."""
        if not self._is_in:
            self._is_in = True
            self._look_away()
            self._welcome(self._client)

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            asyncio.get_running_loop().add_reader(self._client, self.is_poll)

    def _look_away(self) -> None:
        if self._is_watched:
            self._is_watched = False
            asyncio.get_running_loop().remove_reader(self._client)
