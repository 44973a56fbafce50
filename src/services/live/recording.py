"""Finds a moment of a stream in its recording and cuts it there.

The recording appears minutes to hours after the stream, first in low qualities, and it may be shorter than the stream.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveNotStarted, SegmentMissing
from src.models.media_source import TimeRange
from src.models.outcome import Gap, Note, NoteCode, outcome_fields
from src.models.params import LiveClipParams
from src.models.source import LiveStatus, VideoInfo
from src.models.stream_clock import Placement, StreamClock
from src.models.time_window import Window
from src.services.jobs.handler import JobContext, JobResult
from src.services.jobs.results import cut
from src.services.video_service import VideoService, wall_clock_of
from src.services.youtube_service import YouTubeService
from src.utils.clock import clock_text
from src.utils.validators import canonical_url

_ROUNDING_SECONDS = 1.0  # the site reports lengths in whole seconds
_SHORTEST_PIECE_SECONDS = 0.5
_FRAME_SECONDS = 0.1  # no longer than one of ten frames a second


class Recordings:
    """Cuts moments from the recordings of streams that have ended."""

    def __init__(self, videos: VideoService, youtube: YouTubeService) -> None:
        self._videos, self._youtube = videos, youtube

    def cut(
        self,
        params: LiveClipParams,
        video_id: str,
        context: JobContext,
        *,
        clock: StreamClock | None = None,
        better_than: dict[str, Any] | None = None,
        is_final: bool = False,
    ) -> JobResult:
        """Return the clip of the moment.

        ``clock``: of the stream, as far as it was captured. ``better_than``: the report of an earlier file. A recording
        that is shorter, or has a lower resolution, counts as not ready: nothing is fetched. ``is_final``: nothing
        better will appear, so the resolution does not matter.

        Raises:
            LiveNotStarted, LiveEndedNotReady: there is no recording yet.
            ClipRangeInvalid: the video is no stream, or the moment lies outside of it.
            SourceError: the site, the network or the recording does not allow it.
        """
        info = self._youtube.get_video_info(video_id)
        place = placement_in_recording(params, info, clock)
        start, end = max(float(place.start), 0.0), float(place.end)
        if better_than is not None and not _is_better(info, start, end, better_than, is_final=is_final):
            raise LiveEndedNotReady("The recording of the live stream is not complete yet.")
        known = params.model_copy(update={"youtube_video_id": video_id, "url": canonical_url(video_id)})
        window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
        gaps: list[Gap] = []
        try:
            made = cut(self._videos, known, start, end, context)
        except SegmentMissing as error:
            piece = longest_piece(start, end, error)
            if piece is None:
                raise
            made = cut(self._videos, known, float(piece.start), float(piece.end), context)
            gaps = _gaps_around(piece, place, window, info)
        report = {**made.report, "source": "vod", **_times(made, window, place)}
        if gaps:
            note = Note(NoteCode.SEGMENTS_MISSING, "The recording lacks a part of the moment").to_fields()
            report |= {**outcome_fields((), gaps), "notes": [*(report.get("notes") or ()), note]}
        facts = {**made.facts, "start_time": start, "end_time": end, "youtube_video_id": video_id, "url": known.url}
        return replace(made, report=report, facts=facts)


def placement_in_recording(params: LiveClipParams, info: VideoInfo, clock: StreamClock | None = None) -> Placement:
    """Return where the recording of the stream shows the wanted window; it may start before the recording.

    Without a clock from captured segments, the time counts at which the site says that the stream began.

    Raises:
        LiveNotStarted, LiveEndedNotReady: there is no recording yet.
        ClipRangeInvalid: the video is no stream, or the moment lies outside of it.
    """
    if info.live_status is LiveStatus.IS_UPCOMING:
        raise LiveNotStarted()
    # The site may report a stream whose playlist has ended as running for a while.
    if info.live_status in (LiveStatus.POST_LIVE, LiveStatus.IS_LIVE):
        raise LiveEndedNotReady()
    window = Window.around(params.event_at, params.clip_offset, params.clip_duration)
    placed = None if clock is None else clock.placed(window)
    reported = wall_clock_of(info)
    if placed is None and reported is not None:
        placed = Placement(window.start - reported.zero, window.end - reported.zero, reported.uncertainty)
    if placed is None or info.live_status is not LiveStatus.WAS_LIVE:
        raise ClipRangeInvalid("This video is not a live stream: there is no moment to clip.")
    if placed.end <= 0 or (info.duration_seconds is not None and placed.start >= info.duration_seconds):
        raise ClipRangeInvalid("The stream was not running at this moment.")
    return placed


def _times(made: JobResult, window: Window, place: Placement) -> dict[str, Any]:
    """The requested and the obtained time by the wall clock of the stream, added to what the report has."""
    asked, actual = made.report.get("requested") or {}, made.report.get("actual") or {}
    requested = {**asked, "from": clock_text(window.start), "to": clock_text(window.end)}
    if not {"start", "end"} <= actual.keys():
        return {"requested": requested}
    # From both ends: between them the stream may have been interrupted, which only the wall clock shows.
    times = {
        "from": clock_text(window.start - place.start + Fraction(repr(actual["start"]))),
        "to": clock_text(window.end - place.end + Fraction(repr(actual["end"]))),
        "clock_uncertainty": place.uncertainty,
    }
    return {"requested": requested, "actual": {**actual, **times}}


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


def _gaps_around(piece: TimeRange, place: Placement, window: Window, info: VideoInfo) -> list[Gap]:
    """The parts of the window before and after the piece, counted from the start of the window."""
    end = place.end if info.duration_seconds is None else min(place.end, Fraction(info.duration_seconds))
    wall = window.start - place.start
    parts = [part for part in ((max(place.start, Fraction(0)), piece.start), (piece.end, end)) if part[1] > part[0]]
    return [
        Gap(float(first - place.start), float(last - place.start), clock_text(wall + first), clock_text(wall + last))
        for first, last in parts
    ]


def _is_better(info: VideoInfo, start: float, end: float, report: dict[str, Any], *, is_final: bool) -> bool:
    """Whether this recording has at least what an earlier file shows, in at least its resolution."""
    actual = report.get("actual") or {}
    last = end if info.duration_seconds is None else min(end, info.duration_seconds + _ROUNDING_SECONDS)
    # A file has whole frames, so it may be a little longer than the moment, of which only the audio is missing.
    if last - start < float(actual.get("duration") or 0) - _FRAME_SECONDS:
        return False
    heights = [entry.resolution for entry in info.formats if entry.resolution is not None]
    known = str(actual.get("resolution") or "").removesuffix("p")
    return is_final or not heights or not known.isdecimal() or max(heights) >= int(known)
