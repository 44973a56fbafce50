"""Stores what later attempts at a recording need in addition to the segments: where it starts, and why it ends."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from src.utils.whole_file import write_whole

_FILE = "recording.json"


class Ending(StrEnum):
    """Why nothing more is captured."""

    STREAM = "stream"
    CANCELLED = "cancelled"
    HOURS = "hours"
    BYTES = "bytes"
    SPACE = "space"


@dataclass(frozen=True, slots=True)
class RecordingState:
    """``begins_at`` is when the recording should start; ``from_start``: that is the start of the stream. ``first_at``
    is when it does start, once that is known. ``ending``: set when nothing more is captured; ``ends_at`` is the end
    that its owner requested."""

    begins_at: datetime
    from_start: bool
    first_at: datetime | None = None
    ending: Ending | None = None
    ends_at: datetime | None = None

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return what an earlier attempt saved in this folder."""
        try:
            fields = json.loads((folder / _FILE).read_text("utf-8"))
            for name in ("begins_at", "first_at", "ends_at"):
                fields[name] = None if fields[name] is None else datetime.fromisoformat(fields[name])
            fields["ending"] = None if fields["ending"] is None else Ending(fields["ending"])
            return cls(**fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, folder: Path) -> None:
        """Store it for later attempts."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / _FILE, json.dumps(asdict(self), default=datetime.isoformat).encode())
