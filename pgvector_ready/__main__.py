"""`pgvector-ready` and `python -m pgvector_ready`: Ctrl-C is one line and 130 whenever it comes, imports included."""

import os
import select
import signal
import sys
from io import TextIOWrapper
from types import FrameType

# As shells count: 128 and the signal's number.
_INTERRUPTED = 128 + signal.SIGINT
# A progress display hides the cursor and leaves half a line behind.
_TIDY_TERMINAL = b"\r\x1b[K\x1b[?25h"


# What only the commands need.
_OF_THE_EXTRA = frozenset({"alembic", "dotenv", "h11", "httpx", "rich", "typer"})


def main() -> None:
    """The entry point. It ends the process: Python itself would wait for a thread that a silent name server holds."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as a shell has it for a job in the background
        signal.signal(signal.SIGINT, _leave)
    try:
        code = _run()
    except BrokenPipeError:
        code = 1  # nobody reads on, and nobody is to be told
    except OSError as error:  # whatever a command asks of a network it names itself: this is its output
        code = 1
        os.write(2, f"pgvector-ready: {error.strerror or type(error).__name__}\n".encode())
    os._exit(code)


def _run() -> int:
    import logging  # noqa: PLC0415 - as the next one

    try:
        from pgvector_ready.commands.cli import main as cli_main  # noqa: PLC0415 - takes longest of all, and Ctrl-C may come meanwhile
    except ModuleNotFoundError as error:
        if error.name not in _OF_THE_EXTRA:
            raise
        os.write(2, b'pgvector-ready: The commands need an extra: pip install "pgvector-ready[cli]"\n')
        return 2

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an arrow is no reason to fail on a terminal without one
    code: object = 0
    try:
        cli_main()
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where the caller has closed it
            stream.flush()
    logging.shutdown()  # waits a moment for lines that are not written yet
    return code if isinstance(code, int) else 1


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End at once, without an exception that an import could swallow or a frozen server hold up.

    Nothing is lost by it: a server rolls back the transaction of a client that is gone. `serve` and `switch` have
    something to bring to an end, and take the signal themselves.
    """
    outputs = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)  # a thread may be drawing a progress display there
    for output in outputs:
        if os.isatty(output) and os.environ.get("TERM", "dumb") != "dumb" and select.select([], [output], [], 0)[1]:
            os.write(output, _TIDY_TERMINAL)
    _, ready, _ = select.select([], outputs[1:], [], 0)
    if ready:  # else nobody reads, and the end does not wait for it
        os.write(outputs[1], b"pgvector-ready: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
