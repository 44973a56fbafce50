"""Types of the clip engine: what it retains of a source, and the report about a finished clip."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from src.models.media_source import SourceUnreadable, TimeRange
from src.models.outcome import Note

Method = Literal["smart", "copy", "reencode"]


class Discontinuous(SourceUnreadable):
    """Its picture changes within the clip: it can be had in parts."""


class SmartImpossible(Exception):
    """Frames of this stream cannot be copied next to new ones; the clip has to be encoded as a whole."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Where a call leaves what it fetched and finds what an earlier one left: a folder for these formats only.

    ``padding`` is how many seconds beside the range are wanted, as far as they cost few bytes; nothing is left of a
    source of which more than ``most_bytes`` would have to be kept.
    """

    folder: Path
    padding: Fraction = Fraction(0)
    most_bytes: int = 1 << 40


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What was made. ``actual`` is from the first frame to the end of the last one, in time of the source.

    ``bytes_fetched`` counts everything that arrived since the previous clip of the same call, indexes included.
    ``sound`` is where the clip has sound, in seconds of the clip; None: nowhere.
    ``kept``: any clip inside of it can be cut from what was left (see ``Keep``) without another byte.
    """

    requested: TimeRange
    actual: TimeRange
    method: Method
    bytes_fetched: int
    encoded_frames: int
    copied_frames: int
    notes: tuple[Note, ...] = ()
    sound: TimeRange | None = None
    kept: TimeRange | None = None
