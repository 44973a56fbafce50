"""One track of a running stream: where its playlist is, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LiveTrack:
    """A media playlist. ``name`` tells the tracks of one stream apart and names its folder."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    has_video: bool = True
    has_audio: bool = True

    def to_fields(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "url": self.url,
            "headers": dict(self.headers),
            "has_video": self.has_video,
            "has_audio": self.has_audio,
        }
