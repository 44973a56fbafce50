"""Parses the requested range of a video and limits it to the video."""

from __future__ import annotations

from fractions import Fraction

from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveNotStarted, LiveNotSupported
from src.models.media_source import TimeRange
from src.models.source import LiveStatus, VideoInfo
from src.utils.timecode import parse_time

# The site reports lengths in whole seconds, so a video may be longer by this much.
LENGTH_ROUNDING_SECONDS = 1


def read_range(start_time: object, end_time: object) -> TimeRange:
    """Parse two times to an exact range.

    Raises:
        ClipRangeInvalid: one of them is not a time, or the end is not after the start.
    """
    start, end = parse_time(start_time), parse_time(end_time)
    if end <= start:
        raise ClipRangeInvalid("end_time must be after start_time")
    return TimeRange(start, end)


def available_range(wanted: TimeRange, length_seconds: float | None) -> TimeRange:
    """Limit the range to the end of the video.

    Raises:
        ClipRangeInvalid: the video ends before the range starts.
    """
    if length_seconds is None:
        return wanted
    length = Fraction(length_seconds)
    if wanted.start >= length:
        raise ClipRangeInvalid(
            f"The video is {length_seconds:g} s long: start_time must be before its end",
            source_duration=length_seconds,
        )
    return TimeRange(wanted.start, min(wanted.end, length + LENGTH_ROUNDING_SECONDS))


def require_recorded(info: VideoInfo) -> None:
    """Require a video with a fixed time line.

    Raises:
        LiveNotSupported, LiveEndedNotReady, LiveNotStarted.
    """
    if info.live_status is LiveStatus.IS_LIVE:
        raise LiveNotSupported
    if info.live_status is LiveStatus.POST_LIVE:
        raise LiveEndedNotReady
    if info.live_status is LiveStatus.IS_UPCOMING:
        raise LiveNotStarted
