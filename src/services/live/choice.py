"""Selects the formats of a running stream that are captured, and describes their tracks."""

from __future__ import annotations

from collections.abc import Mapping

from src.errors import FormatNotAvailable
from src.models.captured import LiveTrack
from src.models.source import Extraction, SourceFormat
from src.services.youtube.selection import Preferences, Selection, choose


def select_segmented(video: Extraction, resolution: str) -> Selection | None:
    """Return the formats to capture: segmented ones, whatever the container of the clip; None if there are none."""
    formats = [entry for entry in video.info.formats if entry.segmented]
    for container in ("mp4", "best"):
        try:
            return choose(formats, Preferences(container, resolution, None, "remux"))
        except FormatNotAvailable:
            continue
    return None


def track_of(video: Extraction, entry: SourceFormat) -> LiveTrack:
    """The track of a chosen format, with the address and headers that the look at the video found."""
    address = video.media[entry.id]
    headers: Mapping[str, str] = address.headers
    has_video, has_audio = entry.video_codec is not None, entry.audio_codec is not None
    # Named by contents, not by format: after fresh links another quality may continue where the first one stopped.
    name = "both"
    if not (has_video and has_audio):
        name = "picture" if has_video else "sound"
    return LiveTrack(name, address.url, headers, has_video, has_audio)
