"""Docker's HEALTHCHECK: asks the service beside it for `/api/v1/health`, with the standard library alone.

It imports nothing else of the package: a container that is starved must still be able to answer the question.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Mapping

PATH = "/api/v1/health"
TIMEOUT_SECONDS = (
    4.0  # For all of it; below the HEALTHCHECK's --timeout, so that our sentence is shown and not Docker's.
)
ANSWER_BYTES = 65_536  # The document is below 1 kB; more than this is not the service.
WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, to what is asked


class UnhealthyError(Exception):
    """The one line that says why; it ends up in `docker inspect`."""


def address(environ: Mapping[str, str]) -> tuple[str, int]:
    """Return the host and port of the service as seen from inside its container; an address in `HOST` is used."""
    host, port = environ.get("HOST", "").strip("[]"), environ.get("PORT") or "8000"
    if not (port.isdecimal() and 0 < int(port) < 65_536):  # noqa: PLR2004 - the largest port
        message = "PORT is not a port number; set it to one between 1 and 65535, or unset it for 8000"
        raise UnhealthyError(message)
    return WILDCARDS.get(host, host), int(port)


def ask(host: str, port: int, timeout_seconds: float) -> bytes:
    """Read the whole answer, in `timeout_seconds` together: a socket's own timeout starts anew with every byte."""
    deadline = time.monotonic() + timeout_seconds
    request = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: pgvector-ready-probe\r\nConnection: close\r\n\r\n"
    answer = b""
    with socket.create_connection((host, port), timeout_seconds) as connection:
        connection.sendall(request.encode())
        while len(answer) < ANSWER_BYTES:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))  # 0 would mean: do not block
            piece = connection.recv(ANSWER_BYTES)
            if not piece:
                break
            answer += piece
    return answer


def judge(answer: bytes) -> None:
    """Raise unless the service said 200, with the code that its document gives."""
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():  # noqa: PLR2004 - version, status
        message = "what listens there does not speak HTTP; is PORT that of this service"
        raise UnhealthyError(message)
    if words[1] != b"200":
        message = f"{words[1].decode()}{error_code(body)}; {PATH}/db names the cause"
        raise UnhealthyError(message)


def error_code(body: bytes) -> str:
    """The document's `error.code` after a blank, or nothing; only an identifier: no stranger writes our line."""
    try:
        code = json.loads(body)["error"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return f" {code}" if isinstance(code, str) and code.isidentifier() else ""


def check(environ: Mapping[str, str], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    """Raise `UnhealthyError` with the reason unless the service answers 200."""
    host, port = address(environ)
    try:
        judge(ask(host, port, timeout_seconds))
    except ConnectionRefusedError:
        reason = "nothing listens there; is the service running with this HOST and PORT"
    except TimeoutError:
        reason = f"no answer within {timeout_seconds:g} s; is the service stuck"
    except OSError as error:
        reason = f"{error.strerror or type(error).__name__}; is the service running with this HOST and PORT"
    except UnhealthyError as error:
        reason = str(error)
    else:
        return
    message = f"{host} port {port}: {reason}"
    raise UnhealthyError(message)


def main() -> int:
    """Exit code 0 when healthy, else 1 (Docker reserves 2) with one line on stderr."""
    try:
        check(os.environ)
    except UnhealthyError as error:
        print(f"unhealthy: {error}", file=sys.stderr)  # noqa: T201 - this line is the product
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
