"""Defines the outcome of a job: whether its file has the complete range, what is missing, and what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class NoteCode(StrEnum):
    """How the file differs from the request. Clients may rely on these codes."""

    # Encodes
    REMUXED = "remuxed"
    BIT_DEPTH_REDUCED = "bit_depth_reduced"
    CHROMA_REDUCED = "chroma_reduced"
    PIXELS_CONVERTED = "pixels_converted"
    ALPHA_DROPPED = "alpha_dropped"
    TONE_MAPPED = "tone_mapped"
    CROPPED = "cropped"
    PADDED = "padded"
    DEINTERLACED = "deinterlaced"
    INTERLACED = "interlaced"
    PLAYBACK_LIMITED = "playback_limited"
    SOUND_LOSSY = "sound_lossy"
    SOUND_COPIED = "sound_copied"
    SURROUND = "surround"
    SOUND_CONVERTED = "sound_converted"
    TRACKS_DROPPED = "tracks_dropped"
    SOUND_CUT = "sound_cut"
    SUBTITLES_DROPPED = "subtitles_dropped"
    STREAMS_DROPPED = "streams_dropped"
    SOURCE_DAMAGED = "source_damaged"
    HARDWARE = "hardware"
    TARGET = "target"
    SIZE_CHANGED = "size_changed"
    START_MOVED = "start_moved"
    COLOR_TAGS_DROPPED = "color_tags_dropped"
    HDR_METADATA_DROPPED = "hdr_metadata_dropped"
    DOLBY_VISION = "dolby_vision"
    # Clips, live clips and recordings
    RESOLUTION_LOWERED = "resolution_lowered"
    ENDS_WITH_SOURCE = "ends_with_source"
    KEY_FRAME_START = "key_frame_start"
    FRAME_HELD = "frame_held"
    VIDEO_CONVERTED = "video_converted"
    REENCODED = "reencoded"
    PARTS_JOINED = "parts_joined"
    AUDIO_ABSENT = "audio_absent"
    AUDIO_STARTS_LATE = "audio_starts_late"
    AUDIO_ENDS_EARLY = "audio_ends_early"
    INDEX_ABSENT = "index_absent"
    RANGES_UNSUPPORTED = "ranges_unsupported"
    STARTS_LATE = "starts_late"
    ENDS_EARLY = "ends_early"
    SEGMENTS_MISSING = "segments_missing"
    CLOCK_ESTIMATED = "clock_estimated"
    SPACE_EXHAUSTED = "space_exhausted"


@dataclass(frozen=True, slots=True)
class Note:
    """A fact about the file for its owner: a stable code and a sentence."""

    code: NoteCode
    text: str

    def to_fields(self) -> dict[str, str]:
        """Return the note as JSON."""
        return {"code": self.code.value, "text": self.text}


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the requested range that the file lacks, from ``start`` to ``end`` in seconds.

    Times count from the start of the video for a clip, from the first segment for a recording, and from the start of
    the requested moment for a live clip. ``from_clock`` and ``to_clock`` are wall clock times (ISO 8601), if known.
    """

    start: float
    end: float
    from_clock: str | None = None
    to_clock: str | None = None

    def to_fields(self) -> dict[str, Any]:
        """Return the gap as JSON."""
        clock = {} if self.from_clock is None else {"from": self.from_clock, "to": self.to_clock}
        return {"start": round(self.start, 6), "end": round(self.end, 6), **clock}


def outcome_fields(notes: Iterable[Note] = (), gaps: Iterable[Gap] = ()) -> dict[str, Any]:
    """Return ``complete``, ``gaps`` and ``notes`` as a report stores them; a file without gaps is complete."""
    missing = [gap.to_fields() for gap in gaps]
    distinct = dict.fromkeys(notes)
    return {"complete": not missing, "gaps": missing, "notes": [note.to_fields() for note in distinct]}


def reported_outcome(report: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return these three fields from the report of a job, as every API shows them.

    ``complete`` is ``None`` while there is no report. Reports of earlier versions have no gaps.
    """
    if not report:
        return {"complete": None, "gaps": [], "notes": []}
    return {
        "complete": bool(report.get("complete", True)),
        "gaps": list(report.get("gaps") or ()),
        "notes": list(report.get("notes") or ()),
    }
