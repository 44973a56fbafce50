"""Converts yt-dlp's dictionaries to our records, and lists the available formats."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from src.models.source import FormatTable, LiveStatus, SourceFormat, VideoInfo
from src.services.youtube.storyboards import read_chapters, read_storyboard

# The resolutions that YouTube names.
RESOLUTIONS = (144, 240, 360, 480, 720, 1080, 1440, 2160, 2880, 4320)
HIGH = 720
_PROTOCOLS = {"https": "https", "http": "https", "m3u8": "hls", "m3u8_native": "hls"}
_NUMBERED_PROTOCOLS = ("https", "http_dash_segments", "http_dash_segments_generator")
_VIDEO_FAMILIES = {
    "avc1": "avc1", "avc3": "avc1", "h264": "avc1", "hev1": "hevc", "hvc1": "hevc", "h265": "hevc", "hevc": "hevc",
    "av01": "av01", "av1": "av01", "vp9": "vp9", "vp09": "vp9", "vp8": "vp8", "vp08": "vp8",
}  # fmt: skip
_AUDIO_FAMILIES = {
    "mp4a": "mp4a", "aac": "mp4a", "opus": "opus", "vorbis": "vorbis", "ac-3": "ac-3", "ec-3": "ec-3",
}  # fmt: skip
_LIVE_STATUS = {status.value: status for status in LiveStatus}
_LABEL = re.compile(r"(?:^|, )(\d{3,4})p")
_ALTERED = re.compile(r"\bDRC\b|AI-upscaled|DAMAGED|MISSING POT")


def read_format(raw: Mapping[str, Any], protocol: str | None = None) -> SourceFormat | None:
    """Convert a format; None if it cannot be fetched as media (storyboards, DRM, unknown protocols)."""
    protocol = protocol or _PROTOCOLS.get(raw.get("protocol") or "")
    video, audio = _family(raw.get("vcodec"), _VIDEO_FAMILIES), _family(raw.get("acodec"), _AUDIO_FAMILIES)
    if protocol == "hls" and raw.get("vcodec") == "none" and not raw.get("acodec"):
        audio = "mp4a"  # audio playlists do not name their codec; the site uses AAC
    if protocol is None or raw.get("has_drm") is True or not raw.get("url") or (video is None and audio is None):
        return None
    note = raw.get("format_note") or ""
    width, height = _whole(raw.get("width")), _whole(raw.get("height"))
    container = str(raw.get("ext") or "")
    if container in ("m4a", "m4v"):
        container = "mp4"
    resolution = _label(note) or resolution_of(width, height)
    return SourceFormat(
        id=str(raw["format_id"]),
        container=container,
        protocol=protocol,
        video_codec=video,
        audio_codec=audio,
        width=width,
        height=height,
        resolution=resolution if video else None,
        fps=raw.get("fps"),
        hdr=(raw.get("dynamic_range") or "SDR") != "SDR",
        bit_rate=_whole((raw.get("tbr") or 0) * 1000.0) or None,
        size_bytes=_whole(raw.get("filesize")),
        language=raw.get("language"),
        language_preference=_whole(raw.get("language_preference")) or -1,
        preference=(_whole(raw.get("source_preference")) or -1) + (_whole(raw.get("preference")) or 0),
        altered=bool(_ALTERED.search(note)),
    )


def read_info(raw: Mapping[str, Any], url: str) -> VideoInfo:
    """Convert the facts of a video, with its fetchable formats. ``url``: its canonical link."""
    return VideoInfo(
        id=str(raw["id"]),
        title=str(raw.get("title") or ""),
        url=url,
        duration_seconds=raw.get("duration"),
        thumbnail=raw.get("thumbnail"),
        uploader=raw.get("uploader") or raw.get("channel"),
        uploaded_on=_date(raw.get("upload_date")),
        view_count=_whole(raw.get("view_count")),
        live_status=_LIVE_STATUS.get(raw.get("live_status") or "", LiveStatus.NOT_LIVE),
        release_at=_moment(raw.get("release_timestamp")),
        formats=tuple(
            found
            for entry in raw.get("formats") or ()
            if not is_numbered(raw, entry) and (found := read_format(entry)) is not None
        ),
        description=str(raw.get("description") or ""),
        published_at=_moment(raw.get("timestamp")) or _midnight(_date(raw.get("upload_date"))),
        channel_id=raw.get("channel_id"),
        subscriber_count=_whole(raw.get("channel_follower_count")),
        like_count=_whole(raw.get("like_count")),
        comment_count=_whole(raw.get("comment_count")),
        chapters=read_chapters(raw),
        storyboard=read_storyboard(raw),
    )


def read_numbered(raw: Mapping[str, Any]) -> tuple[SourceFormat, ...]:
    """Return the formats of a stream whose segments are requested by number."""
    entries = [entry for entry in raw.get("formats") or () if is_numbered(raw, entry)]
    return tuple(found for entry in entries if (found := read_format(entry, "numbered")) is not None)


def is_numbered(raw: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """Return whether a format of the video ``raw`` is requested segment by segment, by number.

    Of a stream that runs or has just ended these are the ones without a length that come from no manifest. yt-dlp
    describes them like files. A premiere has files, with lengths.
    """
    status = _LIVE_STATUS.get(raw.get("live_status") or "")
    if status not in (LiveStatus.IS_LIVE, LiveStatus.POST_LIVE) or entry.get("manifest_url"):
        return False
    return entry.get("protocol") in _NUMBERED_PROTOCOLS and not entry.get("filesize") and _is_single(entry)


def _is_single(entry: Mapping[str, Any]) -> bool:
    return str(entry.get("container") or "").endswith("_dash")


def resolution_of(width: int | None, height: int | None) -> int | None:
    """Return YouTube's name for a frame size: the smallest of its 16:9 frames that contains it.

    So 1920x804 is "1080p", and an upright 1080x1920 is too.
    """
    if not width or not height:
        return None
    longer, shorter = max(width, height), min(width, height)
    for name in RESOLUTIONS:
        if shorter <= name and longer <= name * 16 / 9 + 2:  # 480p is 854 wide, 240p is 426
            return name
    return RESOLUTIONS[-1]


def resolution_name(resolution: int) -> str:
    """Return a name such as ``1080p``."""
    return f"{resolution}p"


def unaltered(formats: Iterable[SourceFormat]) -> list[SourceFormat]:
    """Return the formats with an unaltered video, or all with a video if there are no others."""
    videos = [entry for entry in formats if entry.video_codec and entry.resolution]
    return [entry for entry in videos if not entry.altered] or videos


def format_table(video_id: str, formats: Iterable[SourceFormat], *, least: int = HIGH) -> FormatTable:
    """List the resolutions from ``least`` on and their containers, as the format and resolution endpoints answer."""
    found: dict[int, set[str]] = {}
    for entry in unaltered(formats):
        if entry.resolution is not None and entry.container in ("mp4", "webm"):
            found.setdefault(entry.resolution, set()).add(entry.container)
    ordered = sorted(found, reverse=True)
    high = [resolution for resolution in ordered if resolution >= least]
    return FormatTable(
        video_id=video_id,
        resolutions=tuple(map(resolution_name, high)),
        extensions=tuple(sorted({container for resolution in high for container in found[resolution]})),
        formats={resolution_name(resolution): tuple(sorted(found[resolution])) for resolution in high},
    )


def _family(codec: str | None, families: Mapping[str, str]) -> str | None:
    return families.get((codec or "").partition(".")[0].lower())


def _label(note: str) -> int | None:
    found = _LABEL.search(note)
    return int(found[1]) if found else None


def _whole(value: object) -> int | None:
    if isinstance(value, float) and not math.isfinite(value):  # yt-dlp's JSON allows Infinity and NaN
        return None
    return round(value) if isinstance(value, int | float) else None


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
    except (ValueError, OverflowError, OSError):  # not every number is a time
        return None


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _date(text: str | None) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date() if text else None
    except ValueError:
        return None
