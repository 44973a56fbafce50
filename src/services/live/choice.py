"""Selects the formats of a running stream that are captured, and describes their tracks."""

from __future__ import annotations

from collections.abc import Sequence

from src.errors import FormatNotAvailable
from src.models.captured import LiveTrack
from src.models.source import Extraction, SourceFormat
from src.services.youtube.selection import Preferences, Selection, choose


def select_numbered(video: Extraction, resolution: str) -> Selection | None:
    """Return the formats to capture by the numbers of their segments; None if there are none."""
    return _select(video.numbered, resolution)


def numbered_formats(
    video: Extraction, resolution: str, known: Sequence[str | None]
) -> tuple[SourceFormat, ...] | None:
    """Return the formats with these ids, or those that fit now if one of them is gone; None if there are none."""
    by_id = {entry.id: entry for entry in video.numbered}
    found = [by_id[name] for name in known if name in by_id]
    if len(found) == len(known):
        return tuple(found)
    selection = select_numbered(video, resolution)
    if selection is None:
        return None
    return tuple(entry for entry in (selection.video, selection.audio) if entry is not None)


def select_segmented(video: Extraction, resolution: str) -> Selection | None:
    """Return the formats to capture from playlists, whatever the container of the clip; None if there are none."""
    return _select([entry for entry in video.info.formats if entry.segmented], resolution)


def track_of(video: Extraction, entry: SourceFormat) -> LiveTrack:
    """Return the track of a chosen format, with the address and headers of the lookup."""
    address = video.media[entry.id]
    has_video, has_audio = entry.video_codec is not None, entry.audio_codec is not None
    numbered = entry in video.numbered
    # Named by contents, not by format: after fresh links another quality may continue where the first one stopped.
    # Numbered tracks have names of their own, because their folders cannot continue those of playlists.
    name = "both"
    if not (has_video and has_audio):
        names = ("video", "audio") if numbered else ("picture", "sound")
        name = names[0 if has_video else 1]
    return LiveTrack(name, address.url, address.headers, has_video, has_audio, entry.id if numbered else None)


def _select(formats: Sequence[SourceFormat], resolution: str) -> Selection | None:
    for container in ("mp4", "best"):
        try:
            return choose(formats, Preferences(container, resolution, None, "remux"))
        except FormatNotAvailable:
            continue
    return None
