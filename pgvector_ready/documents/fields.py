"""What the fields of the documents have in common: how moments, durations and foreign names are written."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

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


class Document(BaseModel):
    """A part of what leaves the service, which nobody changes once it is made."""

    model_config = ConfigDict(frozen=True)
