"""Field types that several surfaces share: how times, sizes and ids look in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AliasPath, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from src.middleware.files import public_address
from src.utils.clock import utc_text

MESSAGE_LENGTH = 500  # of what somebody writes about a clip


def plain_number(seconds: float) -> int | float:
    """Return a whole number without a decimal point, others as they are."""
    return int(seconds) if seconds == int(seconds) else seconds


UtcTime = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Seconds = Annotated[
    float, PlainSerializer(plain_number, return_type=Any), WithJsonSchema({"type": "number", "description": "seconds"})
]

# A path of ours, told as the caller reaches it.
Address = Annotated[str, AfterValidator(public_address)]


def of_job(*path: str, **default: Any) -> Any:
    """Return a field that is read off the ``job`` of a record."""
    return Field(validation_alias=AliasPath("job", *path), **default)


def megabytes(size_bytes: int) -> float:
    """Megabytes (10**6 bytes) with two decimals."""
    return round(size_bytes / 1_000_000, 2)


class RequestBody(BaseModel):
    """Base of request models: unknown fields are ignored, types are not bent."""

    model_config = ConfigDict(extra="ignore", str_max_length=10_000)


class Record(BaseModel):
    """Base of replies that are read off a record: ``model_validate(record)``; aliases say where a field is found."""

    model_config = ConfigDict(from_attributes=True)


class NoteShown(BaseModel):
    """A fact about the finished file: a stable code and a sentence."""

    code: str
    text: str


class GapShown(BaseModel):
    """A part of the promised range that the file lacks, in seconds, with the wall clock where it is known.

    A clip counts from the start of the video, a recording from its first segment, a live clip from the start of the
    requested moment.
    """

    start: Seconds
    end: Seconds
    from_: str | None = Field(default=None, alias="from", serialization_alias="from")
    to: str | None = None


class OutcomeShown(BaseModel):
    """What the finished file holds; ``complete`` is null until there is one."""

    complete: bool | None = None
    gaps: list[GapShown] = []
    notes: list[NoteShown] = []


class JobOutcome(Record):
    """The same for replies that are read off the ``job`` of a record."""

    complete: bool | None = of_job("outcome", "complete")
    gaps: list[GapShown] = of_job("outcome", "gaps")
    notes: list[NoteShown] = of_job("outcome", "notes")


class Processing(BaseModel):
    """The file is not ready yet: ask again."""

    message: str
    status: str
