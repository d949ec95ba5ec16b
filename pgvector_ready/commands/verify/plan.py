"""The questions and expectations, read from the options; wrong ones are refused before anything is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pgvector_ready.commands.verify.address import Address, WrongUseError, parse
from pgvector_ready.commands.verify.evidence import Expectations, OwnEndpoint
from pgvector_ready.commands.verify.judge import OTHER_TOKEN_VARIABLE
from pgvector_ready.paths import HEALTH_PATH, Paths

TOKEN_VARIABLE = "HEALTH_TOKEN"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Plan:
    """The service, what is expected of it, and the tokens for it and the other one to show everything."""

    address: Address
    expectations: Expectations = field(default_factory=Expectations)
    token: str | None = field(default=None, repr=False)
    other_token: str | None = field(default=None, repr=False)


def read(  # noqa: PLR0913 - each is an option of the command line
    environment: Mapping[str, str],
    *,
    url: str,
    path: str = HEALTH_PATH,
    commit: str | None = None,
    host: str | None = None,
    database: str | None = None,
    fingerprint: str | None = None,
    minimum_version: str | None = None,
    differs_from: str | None = None,
    also: Sequence[str] = (),
) -> Plan:
    """Return the plan. Raises WrongUseError, which never repeats a value: a secret may stand in the wrong place."""
    _demand("--expect-commit", commit, r"[0-9A-Fa-f]{7,64}", "the first 7 or more digits of a commit's hash")
    _demand("--expect-host", host, r"\S+", "the name of a database server")
    _demand("--expect-database", database, r".+", "the name of a database")
    _demand("--expect-fingerprint", fingerprint, r"[0-9A-Fa-f]{8}", "the eight digits of target.fingerprint")
    _demand("--minimum-pgvector", minimum_version, r"\d{1,6}(\.\d{1,6}){0,3}", "a version such as 0.8.0")
    _demand("--path", path, r"(/[\w.~%-]+)+", "the path given to Ready, such as /api/v1/health")
    address = parse(url, paths=Paths(path))
    expectations = Expectations(
        commit=commit,
        host=host,
        database=database,
        minimum_version=minimum_version,
        differs_from=_other(differs_from, address),
        fingerprint=fingerprint,
        also=tuple(map(_own_endpoint, also)),
    )
    token, other_token = (_token(variable, environment) for variable in (TOKEN_VARIABLE, OTHER_TOKEN_VARIABLE))
    return Plan(address, expectations, token, other_token)


def _demand(option: str, value: str | None, pattern: str, wanted: str) -> None:
    if value is not None and not re.fullmatch(pattern, value, re.ASCII):
        message = f"{option} must be {wanted}"
        raise WrongUseError(message)


def _other(text: str | None, address: Address) -> Address | None:
    if text is None:
        return None
    other = parse(text, "--differs-from", address.paths)
    if (other.origin, other.prefix) == (address.origin, address.prefix):
        message = "--differs-from is the service itself; give the URL of the other one"
        raise WrongUseError(message)
    return other


def _own_endpoint(text: str) -> OwnEndpoint:
    _demand("--also", text, r"/[!-~]*=[1-5][0-9]{2}", "PATH=STATUS such as /search=200, the path percent-encoded")
    path, _, status = text.rpartition("=")
    return OwnEndpoint(path, int(status))


def _token(variable: str, environment: Mapping[str, str]) -> str | None:
    token = environment.get(variable)
    # Empty is as good as unset, as it is for the service.
    _demand(variable, token or None, r"[ -~]*[!-~]", "one line of ASCII; perhaps a newline was copied with it")
    return token or None
