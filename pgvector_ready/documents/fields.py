"""The field types of the documents: how moments, durations and foreign names are written."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from pgvector_ready.judgement.failures import Code, Step
from pgvector_ready.judgement.observation import ProvisioningState
from pgvector_ready.judgement.report import Reason, State
from pgvector_ready.judgement.vectors import IndexState
from pgvector_ready.printable import NAME_LIMIT, printable


def _instant(timespec: str) -> tuple[PlainSerializer, WithJsonSchema]:
    def iso(moment: datetime) -> str:
        return moment.isoformat(timespec=timespec).replace("+00:00", "Z")

    return PlainSerializer(iso, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})


Instant = Annotated[datetime, *_instant("seconds")]
PreciseInstant = Annotated[datetime, *_instant("milliseconds")]
# A name or a version that somebody else gave.
Shown = Annotated[str, AfterValidator(lambda text: printable(text, NAME_LIMIT))]
Milliseconds = Annotated[float, PlainSerializer(lambda value: round(value, 1), return_type=float)]


def _name_schema(kind: type) -> None:
    """Give the schema of a class a name that no class of the application's has.

    Where two have one name, both get another one: a team's `State` would be `app__models__State` for their clients.
    """
    kind.__qualname__ = f"PgvectorReady{kind.__name__}"


for _kind in (Code, IndexState, ProvisioningState, Reason, State, Step):
    _name_schema(_kind)


class Document(BaseModel):
    """A part of what leaves the service, which nobody changes once it is made."""

    model_config = ConfigDict(frozen=True)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _name_schema(cls)
