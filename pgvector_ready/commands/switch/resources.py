"""The parts of Render's documents that are read; none of their words can be shown as it came."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationInfo
from pydantic.alias_generators import to_camel

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Phase(StrEnum):
    """The meaning of a deploy's status. Statuses are an open set: an unknown one is `RUNNING` until it ends."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A word of Render's. It is shown redacted, on one line and bounded; `raw` is for comparing and for asking."""

    raw: str = field(repr=False)
    shown: str

    def __str__(self) -> str:
        """Return the form that may be shown."""
        return self.shown


def _foreign(value: object, info: ValidationInfo) -> Foreign:
    """Return the word; the context is the client's `shown`. Raises ValueError, which pydantic reports."""
    if not isinstance(value, str) or info.context is None:
        raise ValueError
    return Foreign(value, info.context(value))


def _identifier(value: object, info: ValidationInfo) -> Foreign:
    """Return an identifier. It becomes a part of the next path, and nothing may lead that elsewhere."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ValueError
    return _foreign(value, info)


def _status(value: object, info: ValidationInfo) -> Foreign:
    return _foreign(value, info) if value is not None else _NO_STATUS


_NO_STATUS = Foreign("", "without a status")
_Word = Annotated[Foreign, PlainValidator(_foreign)]
_Id = Annotated[Foreign, PlainValidator(_identifier)]
_Status = Annotated[Foreign, PlainValidator(_status)]


class _Document(BaseModel):
    # hide_input: an environment variable's value would otherwise stand in the error.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, alias_generator=to_camel, populate_by_name=True)


class _Details(_Document):
    url: str | None = None


class Service(_Document):
    """A service; `url` is where the public reaches it, and only a web service has one."""

    id: _Id
    name: _Word
    type: _Word
    suspended: str = "not_suspended"
    service_details: _Details = _Details()

    @property
    def url(self) -> str | None:
        """The public address, without a slash at the end."""
        return self.service_details.url and self.service_details.url.rstrip("/")

    @property
    def is_suspended(self) -> bool:
        """True if somebody, or Render, has suspended it."""
        return self.suspended == "suspended"


class Deploy(_Document):
    """One deploy; `deactivated` was live until another followed."""

    id: _Id
    status: _Status = _NO_STATUS
    finished_at: object = None

    @property
    def phase(self) -> Phase:
        """The meaning of the status."""
        status = self.status.raw
        if status in {"live", "deactivated"}:
            return Phase.SUCCEEDED
        if status == "canceled":
            return Phase.CANCELED
        if status.endswith("failed"):
            return Phase.FAILED
        is_known = status in {"created", "queued"} or status.endswith("_in_progress")
        return Phase.RUNNING if is_known or self.finished_at is None else Phase.ENDED


class Variable(_Document):
    """The value of an environment variable."""

    value: str


class ServiceItem(_Document):
    """One line of a list of services; the next page begins behind `cursor`."""

    service: Service
    cursor: Annotated[str, Field(max_length=1000)] | None = None


class DeployItem(_Document):
    """One line of a list of deploys."""

    deploy: Deploy


SERVICES = TypeAdapter(list[ServiceItem])
DEPLOYS = TypeAdapter(list[DeployItem])
SERVICE = TypeAdapter(Service)
DEPLOY = TypeAdapter(Deploy)
VARIABLE = TypeAdapter(Variable)
