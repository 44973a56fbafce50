"""Stores what later attempts at a live clip need in addition to the segments: the video, its tracks, the progress."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from src.models.captured import LiveTrack
from src.utils.whole_file import write_whole

_FILE = "capture.json"


@dataclass(frozen=True, slots=True)
class CaptureState:
    """``extracted_at`` is when the links were extracted; ``source`` is ``live`` or ``post_live``; ``done``: the capture
    is complete, as far as it can be. ``ended``: the stream ended before it was. ``facts`` describes the video, in JSON
    values."""

    video_id: str
    tracks: tuple[LiveTrack, ...]
    resolution: str
    extracted_at: datetime
    source: str
    facts: dict[str, Any]
    released_at: datetime | None = None
    done: bool = False
    ended: bool = False

    @property
    def numbered(self) -> bool:
        """Whether the segments are requested by number instead of from playlists."""
        return self.tracks[0].format_id is not None

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return what an earlier attempt saved in this folder."""
        try:
            fields = json.loads((folder / _FILE).read_text("utf-8"))
            fields["tracks"] = tuple(LiveTrack(**track) for track in fields["tracks"])
            for name in ("extracted_at", "released_at"):
                fields[name] = None if fields[name] is None else datetime.fromisoformat(fields[name])
            return cls(**fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, folder: Path) -> None:
        """Store it for later attempts."""
        fields = {**asdict(self), "tracks": [track.to_fields() for track in self.tracks]}
        write_whole(folder / _FILE, json.dumps(fields, default=datetime.isoformat).encode())
