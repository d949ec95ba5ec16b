"""The two documents as models that judge whatever somebody sends: required keys, and their types."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json


class _Document(BaseModel):
    """Lets more keys, new codes and new states pass: a newer version may have them."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


_Text = str | None


class _Error(_Document):
    code: str
    step: str
    message: str
    remedy: str
    sqlstate: _Text
    documentation: _Text | None


class _Step(_Document):
    step: str
    state: str
    code: _Text = None
    message: _Text = None


class _Pgvector(_Document):
    state: str
    installed_version: _Text
    available_version: _Text
    schema_name: _Text = Field(alias="schema")


class Target(_Document):
    """The database that the service uses."""

    host: _Text
    port: int | str | None
    database: _Text
    user: _Text
    provider: str
    tls: _Text
    fingerprint: _Text


class _Server(_Document):
    version: _Text
    role: _Text
    writable: bool | None


class _Migrations(_Document):
    current: _Text
    head: _Text


class _Provisioning(_Document):
    state: str
    attempts: int


class _Links(_Document):
    database: str


class ServiceDocument(_Document):
    """The answer of `/api/v1/health`."""

    healthy: bool
    status: str
    service: str
    version: str
    commit: _Text
    environment: _Text
    instance: _Text
    started_at: str
    links: _Links
    error: _Error | None


class DatabaseDocument(_Document):
    """The answer of `/api/v1/health/db`."""

    healthy: bool
    status: str
    pgvector: _Pgvector
    target: Target
    server: _Server
    migrations: _Migrations
    steps: list[_Step]
    provisioning: _Provisioning
    error: _Error | None
    latency_ms: float
    observed_at: str
    since: str
    consecutive_failures: int
    service: str
    version: str
    commit: _Text


class _AnonymousError(_Document, extra="forbid"):
    code: str


class AnonymousDocument(_Document, extra="forbid"):
    """The little that a service with a HEALTH_TOKEN shows to everybody."""

    healthy: bool
    status: str
    error: _AnonymousError | None


Whole = ServiceDocument | DatabaseDocument


@dataclass(frozen=True, slots=True)
class Reading:
    """A body, read: the whole document, the anonymous one, or neither, and then how it differs from the contract."""

    whole: Whole | None = None
    anonymous: AnonymousDocument | None = None
    differences: tuple[str, ...] = ()
    # Whatever JSON it is; None is none.
    found: object = None

    @property
    def document(self) -> Whole | AnonymousDocument | None:
        """Either of the two."""
        return self.whole or self.anonymous

    def text(self, key: str) -> str | None:
        """Return a text at the top of somebody's document."""
        value = self.found.get(key) if isinstance(self.found, dict) else None
        return value if isinstance(value, str) else None


def read(body: bytes, model: type[Whole]) -> Reading:
    """Read `body`. Never raises, whatever somebody sends."""
    try:
        found = from_json(body, allow_inf_nan=False)
    except ValueError:
        return Reading()
    with suppress(ValidationError):
        return Reading(anonymous=AnonymousDocument.model_validate(found))
    try:
        return Reading(model.model_validate(found))
    except ValidationError as error:
        differences = dict.fromkeys(_differences(error.errors(include_url=False)))
        return Reading(differences=tuple(differences), found=found)


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
