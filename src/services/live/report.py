"""Describes a finished live clip: what was requested and obtained by the wall clock, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from src.models.captured import Captured
from src.models.download import CutMethod, decimal_seconds, exact_range
from src.models.media import MediaInfo
from src.models.outcome import Gap, Note, NoteCode
from src.models.time_window import Window, joined, missing
from src.services.cutting.cutter import CutResult
from src.services.live.state import CaptureState
from src.utils.clock import clock_text, to_seconds

_REPORTED_SECONDS = Fraction(1, 10)


@dataclass(frozen=True, slots=True)
class LiveCut:
    """A verified clip. ``parts`` are the times that it shows by the wall clock, one for each run."""

    parts: tuple[Window, ...]
    frames: int
    method: CutMethod

    @classmethod
    def of(cls, result: CutResult) -> LiveCut:
        """The figures of what the cutter gave back."""
        parts = tuple(Window(part.start, part.end) for part in result.parts)
        return cls(parts, result.accepted.frames, result.method)

    @property
    def span(self) -> Window:
        """From the first frame to the end of the last one."""
        return Window(self.parts[0].start, self.parts[-1].end)


def clock_uncertainty(captured: Captured) -> float:
    """Return by how many seconds the wall clock of a clip may be wrong.

    The clock of a playlist or a segment counts as exact. Where it is estimated, a segment was complete when it was
    first listed, and was first seen before the next one was: the error is at most the length of a segment.
    """
    if not captured.estimated:
        return 0.0
    lengths = [record.duration for records in captured.records.values() for record in records]
    return decimal_seconds(max(lengths, default=Fraction(0)))


def actual_fields(
    path: Path,
    media: MediaInfo,
    cut: LiveCut,
    state: CaptureState,
    captured: Captured,
    encoded: str | None,
    notes: tuple[Note, ...],
) -> dict[str, Any]:
    """The finished file. ``start`` and ``end`` are seconds of the stream, as far as its beginning is known."""
    video = media.main_video
    assert video is not None
    span = cut.span
    start, end = stream_times(span, state.released_at)
    zero = None if state.released_at is None else to_seconds(state.released_at)
    rate = None
    if video.frame_rate:
        rate = round(float(video.frame_rate), 3)
    audio_codec = media.audio[0].codec if media.audio else None
    return {
        "resolution": state.resolution,
        "width": video.width,
        "height": video.height,
        "fps": rate,
        "frames": cut.frames,
        "container": path.suffix.removeprefix("."),
        "codec": video.codec,
        "audio_codec": audio_codec,
        "start": start,
        "end": end,
        "from": clock_text(span.start),
        "to": clock_text(span.end),
        "clock_uncertainty": clock_uncertainty(captured),
        "duration": decimal_seconds(sum((part.end - part.start for part in cut.parts), Fraction(0))),
        "exact": None if zero is None else exact_range(span.start - zero, span.end - zero),
        "method": cut.method,
        "encoded": encoded,
        "bytes": path.stat().st_size,
        "notes": [note.text for note in dict.fromkeys(notes)],
    }


def clamped_notes(window: Window, cut: LiveCut, captured: Captured) -> tuple[Note, ...]:
    """Why the clip shows less than the window."""
    notes = []
    if cut.span.start > window.start + _REPORTED_SECONDS:
        late = float(cut.span.start - window.start)
        text = f"Clamped: the stream did not hold the beginning any more; the clip begins {late:.1f} s later"
        notes.append(Note(NoteCode.STARTS_LATE, text))
    if cut.span.end < window.end - _REPORTED_SECONDS:
        early = float(window.end - cut.span.end)
        why = "the stream ended" if captured.ended else "nothing more came from the stream"
        notes.append(Note(NoteCode.ENDS_EARLY, f"Clamped: {why}; the clip ends {early:.1f} s earlier"))
    for hole in missing(cut.span, cut.parts):
        text = f"Missing in the stream: {float(hole.end - hole.start):.1f} s from {clock_text(hole.start)}"
        notes.append(Note(NoteCode.SEGMENTS_MISSING, text))
    for hole in _silent(cut.span.common(window), captured):
        text = f"The audio is missing in the stream: {float(hole.end - hole.start):.1f} s from {clock_text(hole.start)}"
        notes.append(Note(NoteCode.SEGMENTS_MISSING, text))
    if captured.estimated:
        text = "The stream has no clock: the times were estimated from when its segments appeared"
        notes.append(Note(NoteCode.CLOCK_ESTIMATED, text))
    return tuple(notes)


def gaps_of(window: Window, cut: LiveCut, captured: Captured) -> list[Gap]:
    """The parts of the window that the stream had and the clip lacks, in seconds from the start of the window.

    What lies after the end of the stream is no gap. Less than a tenth of a second is rounding to frames.
    """
    end = min(window.end, cut.span.end) if captured.ended else window.end
    if end <= window.start:
        return []
    part = Window(window.start, end)
    holes = joined([*missing(part, cut.parts), *_silent(part, captured)])
    return [
        Gap(
            float(hole.start - window.start),
            float(hole.end - window.start),
            clock_text(hole.start),
            clock_text(hole.end),
        )
        for hole in holes
        if hole.end - hole.start > _REPORTED_SECONDS
    ]


def _silent(window: Window, captured: Captured) -> list[Window]:
    return [hole for hole in captured.silent(window) if hole.end - hole.start > _REPORTED_SECONDS]


def stream_times(span: Window, released_at: datetime | None) -> tuple[float | None, float | None]:
    """(start, end) in seconds since the stream began."""
    if released_at is None:
        return None, None
    zero = to_seconds(released_at)
    return decimal_seconds(span.start - zero), decimal_seconds(span.end - zero)
