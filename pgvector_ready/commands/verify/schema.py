"""The two documents as anybody may send them: what `verify` reads of the contract, with its keys and types."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json


class _Document(BaseModel):
    """More keys, new codes and new states are a newer version's right."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class Error(_Document):
    """The failure that a document tells of."""

    code: str
    step: str
    message: str
    remedy: str
    sqlstate: str | None
    documentation: str | None


class Step(_Document):
    """One step of the runbook, with its warning."""

    step: str
    state: str
    code: str | None = None
    message: str | None = None


class Pgvector(_Document):
    """The extension."""

    state: str
    installed_version: str | None
    available_version: str | None
    schema_name: str | None = Field(alias="schema")


class Target(_Document):
    """The database that the service uses."""

    host: str | None
    port: int | str | None
    database: str | None
    user: str | None
    provider: str
    tls: str | None
    fingerprint: str | None


class Server(_Document):
    """The PostgreSQL server behind it."""

    version: str | None
    role: str | None
    writable: bool | None


class Migrations(_Document):
    """Alembic's revisions."""

    current: str | None
    head: str | None


class Provisioning(_Document):
    """What start-up made of the extension."""

    state: str
    attempts: int


class Links(_Document):
    """Where to look next."""

    database: str


class ServiceDocument(_Document):
    """The answer of `/api/v1/health`."""

    healthy: bool
    status: str
    service: str
    version: str
    commit: str | None
    environment: str | None
    instance: str | None
    started_at: str
    links: Links
    error: Error | None


class DatabaseDocument(_Document):
    """The answer of `/api/v1/health/db`."""

    healthy: bool
    status: str
    pgvector: Pgvector
    target: Target
    server: Server
    migrations: Migrations
    steps: tuple[Step, ...] = Field(strict=False)
    provisioning: Provisioning
    error: Error | None
    latency_ms: float
    observed_at: str
    since: str
    consecutive_failures: int
    service: str
    version: str
    commit: str | None


class AnonymousError(_Document):
    """No more than the code."""

    model_config = ConfigDict(extra="forbid")

    code: str


class AnonymousDocument(_Document):
    """The little that a service with a HEALTH_TOKEN tells to everybody."""

    model_config = ConfigDict(extra="forbid")

    healthy: bool
    status: str
    error: AnonymousError | None


Whole = ServiceDocument | DatabaseDocument


@dataclass(frozen=True, slots=True)
class Reading:
    """A body, read: the whole document, the anonymous one, or neither and then how it differs from the contract."""

    whole: Whole | None = None
    anonymous: AnonymousDocument | None = None
    # The keys at the top, where it is an object at all; None is something else, or no JSON.
    keys: tuple[str, ...] | None = None
    service: str | None = None
    version: str | None = None
    differences: tuple[str, ...] = ()
    is_json: bool = True

    @property
    def document(self) -> Whole | AnonymousDocument | None:
        """Either of the two."""
        return self.whole or self.anonymous


def read(body: bytes, model: type[Whole]) -> Reading:
    """Return what `body` is. Never raises, whatever somebody sends."""
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        return Reading(is_json=False)
    if anonymous := _fitting(found, AnonymousDocument):
        return Reading(anonymous=anonymous)
    try:
        return Reading(model.model_validate(found))
    except ValidationError as error:
        differences = tuple(dict.fromkeys(_differences(error.errors(include_url=False))))
    known: Mapping[str, object] = found if isinstance(found, dict) else {}
    service, version = (value if isinstance(value := known.get(name), str) else None for name in ("service", "version"))
    keys = tuple(known) if isinstance(found, dict) else None
    return Reading(keys=keys, service=service, version=version, differences=differences)


def _fitting(found: object, model: type[AnonymousDocument]) -> AnonymousDocument | None:
    try:
        return model.model_validate(found)
    except ValidationError:
        return None


def _differences(errors: list[ErrorDetails]) -> Iterator[str]:
    for error in errors:
        # A union adds the type that was tried.
        path = [part for part in error["loc"] if part not in {"int", "str"}]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        if error["type"] == "missing":
            yield f"{where} is missing"
        else:
            yield f"{where or 'the document'} is {_kind_of(error['input'])}"


def _kind_of(value: object) -> str:
    return next(kind for kind, types in _KINDS.items() if isinstance(value, types))


# In this order: a boolean is an integer to Python.
_KINDS: Mapping[str, type] = {
    "null": type(None),
    "boolean": bool,
    "string": str,
    "integer": int,
    "number": float,
    "array": list,
    "object": object,
}
