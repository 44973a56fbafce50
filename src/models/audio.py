"""Defines audio files: format, quality, tags, and the facts of a finished file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.models.outcome import Note, outcome_fields
from src.models.params import AudioFormat, AudioQuality

MIME: dict[AudioFormat, str] = {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac"}
# By FFmpeg's names (libavformat/avformat.h, "Metadata API"), which are the fields of AudioTags.
TEXTS = ("title", "artist", "album", "date", "comment", "album_artist", "composer", "genre", "track", "disc")


@dataclass(frozen=True, slots=True)
class AudioTags:
    """The tags to write into the file; those that are None are left out. ``cover`` is a JPEG, PNG or WebP file."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    date: str | None = None
    comment: str | None = None
    album_artist: str | None = None
    composer: str | None = None
    genre: str | None = None
    track: str | None = None
    disc: str | None = None
    cover: Path | None = None

    @staticmethod
    def of(named: Mapping[str, str]) -> AudioTags:
        """Return those of a file's tags that describe its music, not where it was recorded or by which program."""
        known: dict[str, Any] = {name.lower(): value for name, value in named.items() if value.strip()}
        return AudioTags(**{name: known[name] for name in TEXTS if name in known})

    def to_fields(self) -> dict[str, str]:
        """Return the tags by FFmpeg's names."""
        return {name: value for name in TEXTS if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class AudioReport:
    """The facts of the finished file: average kbit/s, channels, Hz, and loudness in LUFS if it was normalised."""

    format: AudioFormat
    quality: AudioQuality
    duration_seconds: float
    size_bytes: int
    sample_rate: int
    channels: int
    copied: bool = False
    has_cover: bool = False
    loudness_lufs: float | None = None
    notes: tuple[Note, ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """Return the report as it is stored and shown."""
        fields: dict[str, Any] = {
            "format": self.format,
            "quality": self.quality,
            "duration": round(self.duration_seconds, 3),
            "file_size_bytes": self.size_bytes,
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "copied": self.copied,
            "cover": self.has_cover,
            **outcome_fields(self.notes),
        }
        return fields | ({} if self.loudness_lufs is None else {"loudness_lufs": self.loudness_lufs})
