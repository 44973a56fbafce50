"""What is told about a finished live clip: asked and obtained by the wall clock, and why they differ."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from src.models.media import MediaInfo
from src.services.live.capture import Captured
from src.services.live.cutting import LiveCut
from src.services.live.state import CaptureState
from src.services.live.window import Window, missing, to_datetime, to_seconds

_TOLD_SECONDS = Fraction(1, 10)


def actual_fields(
    path: Path, media: MediaInfo, cut: LiveCut, state: CaptureState, encoded: str | None, notes: tuple[str, ...]
) -> dict[str, Any]:
    """The finished file. ``start`` and ``end`` are seconds of the stream, as far as its beginning is known."""
    video = media.main_video
    assert video is not None
    span = cut.span
    start, end = stream_times(span, state.released_at)
    return {
        "resolution": state.resolution,
        "width": video.width,
        "height": video.height,
        "fps": round(float(video.frame_rate), 3) if video.frame_rate else None,
        "frames": cut.frames,
        "container": path.suffix.removeprefix("."),
        "codec": video.codec,
        "audio_codec": media.audio[0].codec if media.audio else None,
        "start": start,
        "end": end,
        "from": clock_text(span.start),
        "to": clock_text(span.end),
        "duration": round(float(sum((part.end - part.start for part in cut.parts), Fraction(0))), 6),
        "method": cut.method,
        "encoded": encoded,
        "bytes": path.stat().st_size,
        "notes": list(dict.fromkeys(notes)),
    }


def clamped_notes(window: Window, cut: LiveCut, captured: Captured) -> tuple[str, ...]:
    """Why the clip shows less than the window."""
    notes = []
    if cut.span.start > window.start + _TOLD_SECONDS:
        late = float(cut.span.start - window.start)
        notes.append(f"Clamped: the stream did not hold the beginning any more; the clip begins {late:.1f} s later")
    if cut.span.end < window.end - _TOLD_SECONDS:
        early = float(window.end - cut.span.end)
        why = "the stream ended" if captured.ended else "nothing more came from the stream"
        notes.append(f"Clamped: {why}; the clip ends {early:.1f} s earlier")
    for hole in missing(cut.span, cut.parts):
        notes.append(f"Missing in the stream: {float(hole.end - hole.start):.1f} s from {clock_text(hole.start)}")
    if captured.estimated:
        notes.append("The stream tells no clock: the times were estimated from when its segments appeared")
    return tuple(notes)


def stream_times(span: Window, released_at: datetime | None) -> tuple[float | None, float | None]:
    """(start, end) in seconds since the stream began."""
    if released_at is None:
        return None, None
    zero = to_seconds(released_at)
    return round(float(span.start - zero), 6), round(float(span.end - zero), 6)


def clock_text(seconds: Fraction) -> str:
    """``2026-01-18T10:00:00.480Z``."""
    return to_datetime(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
