"""What sound can be taken out of a file: format, quality, tags, and what the result is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

AudioFormat = Literal["mp3", "wav", "flac"]
AudioQuality = Literal["best", "worst", "128k", "192k", "320k"]


@dataclass(frozen=True, slots=True)
class AudioTags:
    """What is written into the file; None is left out. ``cover`` is a JPEG, PNG or WebP file."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    date: str | None = None
    comment: str | None = None
    cover: Path | None = None

    def to_fields(self) -> dict[str, str]:
        """The texts by FFmpeg's names."""
        named = {
            "title": self.title,
            "artist": self.artist,
            "album": self.album,
            "date": self.date,
            "comment": self.comment,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class AudioReport:
    """What the finished file is: kbit/s over its length, channels, Hz, and loudness in LUFS if it was normalised."""

    format: AudioFormat
    quality: AudioQuality
    duration_seconds: float
    size_bytes: int
    sample_rate: int
    channels: int
    copied: bool = False
    has_cover: bool = False
    loudness_lufs: float | None = None

    def to_fields(self) -> dict[str, Any]:
        """As it is stored and shown."""
        fields: dict[str, Any] = {
            "format": self.format,
            "quality": self.quality,
            "duration": round(self.duration_seconds, 3),
            "file_size_bytes": self.size_bytes,
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "copied": self.copied,
            "cover": self.has_cover,
        }
        return fields | ({} if self.loudness_lufs is None else {"loudness_lufs": self.loudness_lufs})
