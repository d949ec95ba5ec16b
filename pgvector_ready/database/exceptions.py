"""What goes wrong on the way to the database and Python has no exception for; `errors` names the failure of each."""

from enum import StrEnum

from pgvector_ready.judgement.phrases import Part
from pgvector_ready.judgement.strangers import Finding


class NotPostgreSQLError(ConnectionError):
    """Something listens there and answers, but not as PostgreSQL does."""


class Violation(StrEnum):
    """A way of breaking PostgreSQL's protocol, by the name of the words that tell it."""

    LENGTH = Part.VIOLATION_LENGTH
    MESSAGE = Part.VIOLATION_MESSAGE
    SIZE = Part.VIOLATION_SIZE
    PASSWORD = Part.VIOLATION_PASSWORD
    DRIVER = Part.VIOLATION_DRIVER
    ANSWER = Part.VIOLATION_ANSWER


class ProtocolViolationError(ConnectionError):
    """The server, or what stands between, sent what PostgreSQL may not send."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


class TlsNotSupportedError(ConnectionError):
    """The server is PostgreSQL and has no TLS, while the connection string insists on it."""


class TlsRequiredError(ConnectionError):
    """The server refuses this login in the clear and lets it pass under TLS."""


class TlsUnansweredError(ConnectionError):
    """The server speaks PostgreSQL, and does not take the question for TLS that comes before; `manner` says how."""

    def __init__(self, manner: str) -> None:
        super().__init__(manner)
        self.manner = manner


class TlsRootMissingError(ConnectionError):
    """A file that TLS needs cannot be used; `parameter` is libpq's word for it, and `flaw` says why."""

    def __init__(self, parameter: str, flaw: Part = Part.MISSING) -> None:
        super().__init__(parameter, flaw)
        self.parameter = parameter
        self.flaw = flaw


class BracketedPasswordError(ConnectionError):
    """The server refused a password that stands between brackets or quotes."""


class NoMatchingHostError(ConnectionError):
    """Servers were reached, and none of them has the `target_session_attrs` asked for."""


class Deed(StrEnum):
    """A statement that runs pgvector's library, by the name of the words that tell it."""

    PROOF = Part.DEED_PROOF
    ENABLE = Part.DEED_ENABLE
    UPDATE = Part.DEED_UPDATE
    APPLICATION = Part.DEED_APPLICATION


class ServerCrashesError(Exception):
    """A statement is not run, because the server crashed when it was, so many times."""

    def __init__(self, deed: Deed, times: int) -> None:
        super().__init__(deed, times)
        self.deed = deed
        self.times = times


class StalledError(TimeoutError):
    """The server fell silent; `phase` says in which part of connecting."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self.phase = phase


class UntrustedError(Exception):
    """A statement would run, read or write what is not to be trusted; `finding` says what."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class PoolExhaustedError(Exception):
    """Every connection of the application's own pool is in use, and none came back in time."""


class WrongDistanceError(Exception):
    """The database calculates, and wrongly."""
