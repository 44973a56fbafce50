"""Finds a moment of a stream in its recording and cuts it there.

The recording appears minutes to hours after the stream, first in low qualities, and it may be shorter than the stream.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveNotStarted, SegmentMissing
from src.models.media_source import TimeRange
from src.models.outcome import Gap, Note, NoteCode, outcome_fields
from src.models.params import LiveClipParams
from src.models.source import LiveStatus, VideoInfo
from src.models.time_window import Window
from src.services.jobs.handler import JobContext, JobResult
from src.services.jobs.results import cut
from src.services.live.report import clock_text
from src.services.video_service import VideoService
from src.services.youtube_service import YouTubeService
from src.utils.clock import to_seconds
from src.utils.validators import canonical_url

_ROUNDING_SECONDS = 1.0  # the site reports lengths in whole seconds
_SHORTEST_PIECE_SECONDS = 0.5


class Recordings:
    """Cuts moments from the recordings of streams that have ended."""

    def __init__(self, videos: VideoService, youtube: YouTubeService) -> None:
        self._videos, self._youtube = videos, youtube

    def cut(
        self, params: LiveClipParams, video_id: str, context: JobContext, *, better_than: dict[str, Any] | None = None
    ) -> JobResult:
        """Return the clip of the moment.

        ``better_than``: the report of an earlier file. A recording that is shorter, or has a lower resolution, counts
        as not ready: nothing is fetched.

        Raises:
            LiveNotStarted, LiveEndedNotReady: there is no recording yet.
            ClipRangeInvalid: the video is no stream, or the moment lies outside of it.
            SourceError: the site, the network or the recording does not allow it.
        """
        info = self._youtube.get_video_info(video_id)
        start, end = window_in_recording(params, info)
        if better_than is not None and not _is_better(info, end - start, start, better_than):
            raise LiveEndedNotReady("The recording of the live stream is not complete yet.")
        known = params.model_copy(update={"youtube_video_id": video_id, "url": canonical_url(video_id)})
        gaps: list[Gap] = []
        try:
            made = cut(self._videos, known, start, end, context)
        except SegmentMissing as error:
            piece = longest_piece(start, end, error)
            if piece is None:
                raise
            made = cut(self._videos, known, float(piece.start), float(piece.end), context)
            gaps = _gaps_around(piece, start, end, info)
        report = {**made.report, "source": "vod", "requested": self._requested(made, params)}
        if gaps:
            text = "The recording lacks a part of the moment"
            note = Note(NoteCode.SEGMENTS_MISSING, text).to_fields()
            report |= {**outcome_fields((), gaps), "notes": [*(report.get("notes") or ()), note]}
        facts = {**made.facts, "start_time": start, "end_time": end, "youtube_video_id": video_id, "url": known.url}
        return replace(made, report=report, facts=facts)

    @staticmethod
    def _requested(made: JobResult, params: LiveClipParams) -> dict[str, Any]:
        window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
        times = {"from": clock_text(window.start), "to": clock_text(window.end)}
        return {**(made.report.get("requested") or {}), **times}


def window_in_recording(params: LiveClipParams, info: VideoInfo) -> tuple[float, float]:
    """(start, end) of the wanted window, in seconds from the start of the stream's recording.

    Raises:
        LiveNotStarted, LiveEndedNotReady: there is no recording yet.
        ClipRangeInvalid: the video is no stream, or the moment lies outside of it.
    """
    if info.live_status is LiveStatus.IS_UPCOMING:
        raise LiveNotStarted()
    # The site may report a stream whose playlist has ended as running for a while.
    if info.live_status in (LiveStatus.POST_LIVE, LiveStatus.IS_LIVE):
        raise LiveEndedNotReady()
    if info.live_status is not LiveStatus.WAS_LIVE or info.release_at is None:
        raise ClipRangeInvalid("This video is not a live stream: there is no moment to clip.")
    start = (params.event_at - info.release_at).total_seconds() - params.clip_offset
    end = start + params.clip_duration
    if end <= 0 or (info.duration_seconds is not None and start >= info.duration_seconds):
        raise ClipRangeInvalid("The stream was not running at this moment.")
    return max(start, 0.0), end


def longest_piece(start: float, end: float, error: SegmentMissing) -> TimeRange | None:
    """Return the longest part of the range that the error does not name as missing; ``None`` if it is too short."""
    stretches: Any = error.details.get("missing") or ()
    position, pieces = Fraction(start), []
    for hole in sorted(stretches, key=lambda each: float(each["start"])):
        pieces.append((position, min(Fraction(hole["start"]), Fraction(end))))
        position = max(position, Fraction(hole["end"]))
    pieces.append((position, Fraction(end)))
    first, last = max(pieces, key=lambda piece: piece[1] - piece[0])
    return TimeRange(first, last) if stretches and last - first >= _SHORTEST_PIECE_SECONDS else None


def _gaps_around(piece: TimeRange, start: float, end: float, info: VideoInfo) -> list[Gap]:
    """The parts of the window before and after the piece, counted from the start of the window."""
    latest = end if info.duration_seconds is None else min(end, info.duration_seconds)
    parts = [(Fraction(start), piece.start), (piece.end, Fraction(latest))]
    return list(_gaps([part for part in parts if part[1] > part[0]], Fraction(start), info))


def _gaps(parts: Iterable[tuple[Fraction, Fraction]], zero: Fraction, info: VideoInfo) -> Iterable[Gap]:
    for first, last in parts:
        assert info.release_at is not None
        released = to_seconds(info.release_at)
        clock = clock_text(released + first), clock_text(released + last)
        yield Gap(float(first - zero), float(last - zero), *clock)


def _is_better(info: VideoInfo, seconds: float, start: float, report: dict[str, Any]) -> bool:
    """Whether this recording has at least what an earlier file shows, in at least its resolution."""
    actual = report.get("actual") or {}
    if info.duration_seconds is not None:
        seconds = min(seconds, info.duration_seconds - start)
    if seconds + _ROUNDING_SECONDS < float(actual.get("duration") or 0):
        return False
    heights = [entry.resolution for entry in info.formats if entry.resolution is not None]
    known = str(actual.get("resolution") or "").removesuffix("p")
    return not heights or not known.isdecimal() or max(heights) >= int(known)
