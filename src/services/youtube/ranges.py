"""Which part of a video is meant, and which part of it there is."""

from __future__ import annotations

from fractions import Fraction

from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveNotStarted, LiveNotSupported
from src.models.media_source import TimeRange
from src.models.source import LiveStatus, VideoInfo
from src.utils.timecode import parse_time

# The site tells lengths in whole seconds: so much may lie behind the length that it told.
LENGTH_ROUNDING_SECONDS = 1


def read_range(start_time: object, end_time: object) -> TimeRange:
    """The exact range that two times mean.

    Raises:
        ClipRangeInvalid: one of them is no time, or the end does not lie behind the start.
    """
    start, end = parse_time(start_time), parse_time(end_time)
    if end <= start:
        raise ClipRangeInvalid("end_time must be after start_time")
    return TimeRange(start, end)


def available_range(wanted: TimeRange, length_seconds: float | None) -> TimeRange:
    """The part of the range that the video has; its end is cut off behind the end of the video.

    Raises:
        ClipRangeInvalid: the video ends before the range starts.
    """
    if length_seconds is None:
        return wanted
    length = Fraction(length_seconds)
    if wanted.start >= length:
        raise ClipRangeInvalid(
            f"The video is {length_seconds:g} s long: start_time must lie before its end",
            source_duration=length_seconds,
        )
    return TimeRange(wanted.start, min(wanted.end, length + LENGTH_ROUNDING_SECONDS))


def require_recorded(info: VideoInfo) -> None:
    """Pass videos with a fixed time line.

    Raises:
        LiveNotSupported, LiveEndedNotReady, LiveNotStarted: what it is instead.
    """
    if info.live_status is LiveStatus.IS_LIVE:
        raise LiveNotSupported
    if info.live_status is LiveStatus.POST_LIVE:
        raise LiveEndedNotReady
    if info.live_status is LiveStatus.IS_UPCOMING:
        raise LiveNotStarted
