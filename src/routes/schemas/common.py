"""Defines field types that several APIs share: times, sizes and ids in JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictStr,
    WithJsonSchema,
)

from src.middleware.base_address import address, local_address
from src.utils.clock import utc_text
from src.utils.names import one_line_name

MESSAGE_LENGTH = 500  # of a message about a clip


def plain_number(seconds: float) -> int | float:
    """Return a whole number without a decimal point, and others unchanged."""
    return int(seconds) if seconds == int(seconds) else seconds


UtcTime = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Seconds = Annotated[
    float, PlainSerializer(plain_number, return_type=Any), WithJsonSchema({"type": "number", "description": "seconds"})
]


def _name(text: str) -> str:
    name = one_line_name(text)
    if text and not name:
        raise ValueError("A name needs a character that can be seen")
    return name


# A name or title that a user gives, in one line.
Name = Annotated[StrictStr, AfterValidator(_name)]

# A path, shown as an absolute URL.
Address = Annotated[str, AfterValidator(address)]
# The same for pages of this service: they may be open at another address than that of PUBLIC_URL.
LocalAddress = Annotated[str, AfterValidator(local_address)]


def of_job(*path: str, **default: Any) -> Any:
    """Return a field whose value comes from the ``job`` of a record."""
    return Field(validation_alias=AliasPath("job", *path), **default)


def megabytes(size_bytes: int) -> float:
    """Return megabytes (10**6 bytes) with two decimals."""
    return round(size_bytes / 1_000_000, 2)


class RequestBody(BaseModel):
    """The base of request models: unknown fields are ignored, and types are not converted."""

    model_config = ConfigDict(extra="ignore", str_max_length=10_000)


class Record(BaseModel):
    """The base of replies made with ``model_validate(record)``; aliases name the source of a field."""

    model_config = ConfigDict(from_attributes=True)


class NoteShown(BaseModel):
    """A fact about the finished file: a stable code and a sentence."""

    code: str
    text: str


class GapShown(BaseModel):
    """A part of the requested range that the file lacks, in seconds, with the wall clock if known.

    Times count from the start of the video for a clip, from the first segment for a recording, and from the start of
    the requested moment for a live clip.
    """

    start: Seconds
    end: Seconds
    from_: str | None = Field(default=None, alias="from", serialization_alias="from")
    to: str | None = None


class RepairShown(BaseModel):
    """Whether the missing parts of a live clip will be added from the stream's recording.

    ``waiting``: until the time in ``until`` at the latest. ``done``: the file was replaced. ``impossible``: the first
    file remains.
    """

    state: Literal["waiting", "done", "impossible"]
    until: str = Field(json_schema_extra={"format": "date-time"})


class OutcomeShown(BaseModel):
    """Whether the finished file is complete; ``complete`` is null until there is one."""

    complete: bool | None = None
    gaps: list[GapShown] = []
    notes: list[NoteShown] = []


class JobOutcome(Record):
    """The same for replies made from the ``job`` of a record."""

    complete: bool | None = of_job("outcome", "complete")
    gaps: list[GapShown] = of_job("outcome", "gaps")
    notes: list[NoteShown] = of_job("outcome", "notes")


class Processing(BaseModel):
    """The file is not ready yet: send the request again."""

    message: str
    status: str
