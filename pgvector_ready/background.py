"""Writes standard output and standard error by threads, so that a reader who is slow or gone holds nobody up."""

import io
import os
import select
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

# Of what is waiting to be written: about five thousand lines of a log.
_LIMIT_BYTES = 1024 * 1024
# How often an idle thread looks whether there is something to say about lines that were left out.
_IDLE_SECONDS = 1.0
# How long the end of a process waits for a reader that takes nothing.
_LAST_SECONDS = 1.0


def _nothing() -> None:
    """Say nothing."""


class Writer:
    """Writes to a descriptor in the background, in order; what does not fit into its queue is counted.

    A forked child has no such thread and writes by itself.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        # Called by the thread after each write, and in an idle moment: the place to say that something is missing.
        self.when_written: Callable[[], None] = _nothing
        self._start_anew()
        self._is_forked = False
        os.register_at_fork(after_in_child=self._be_forked)
        threading.Thread(target=self._run, name=f"writer-{descriptor}", daemon=True).start()

    def _start_anew(self) -> None:
        # put() of this queue may be called within itself, by a signal's handler.
        self._queue: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        self._queued_bytes = self._written_bytes = 0  # each counted by one side alone
        self.lost = 0

    def _be_forked(self) -> None:
        self._start_anew()
        self._is_forked = True

    def put(self, data: bytes) -> None:
        """Queue it for writing, or count it as lost; returns at once."""
        if self._is_forked:
            self.write(data)
        elif self._queued_bytes - self._written_bytes > _LIMIT_BYTES:
            self.lost += 1
        else:
            self._queued_bytes += len(data)
            self._queue.put(data)

    def flush(self, seconds: float = _LAST_SECONDS) -> None:
        """Wait until all is written, or nothing was written for so long; ten times as long at the most."""
        if self._is_forked:
            return
        written = threading.Event()
        self._queue.put(written)
        for _ in range(10):
            before = self._written_bytes
            if written.wait(seconds) or self._written_bytes == before:
                return

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=_IDLE_SECONDS)
            except Empty:
                self.when_written()
                continue
            if isinstance(item, threading.Event):
                self.when_written()
                item.set()
            else:
                self.write(item)
                self._written_bytes += len(item)
                self.when_written()

    def write(self, data: bytes) -> None:
        """Write before all that is queued, however long that takes; what cannot be written at all is lost."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self.descriptor, left) :]
            except BlockingIOError:  # whoever gave us the descriptor has made it so
                select.select([], [self.descriptor], [])
            except OSError:  # closed, or the disk is full
                self.lost += 1
                return


class Stream(io.RawIOBase):
    """A writer as a file, for what is printed."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._writer.descriptor

    def isatty(self) -> bool:
        """Return whether that is a terminal."""
        return os.isatty(self._writer.descriptor)

    def write(self, data: object) -> int:
        """Take all of it, at once."""
        taken = bytes(data)  # type: ignore[call-overload]  # a buffer, which mypy has no name for
        self._writer.put(taken)
        return len(taken)


def text_stream(writer: Writer) -> io.TextIOWrapper:
    """Return a file in place of sys.stdout or sys.stderr."""
    return io.TextIOWrapper(io.BufferedWriter(Stream(writer)), "utf-8", "backslashreplace", line_buffering=True)
