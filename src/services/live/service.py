"""LiveService: a moment of a stream becomes a file while the stream still runs.

First its segments are captured, which one process does for many clips; then a worker cuts it. Every attempt goes on
with what the earlier ones left.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from src.config import Settings
from src.errors import (
    ChannelNotLive,
    ClipRangeInvalid,
    LiveEndedNotReady,
    LiveMomentGone,
    LiveNotStarted,
    LiveNotSupported,
    MediaForbidden,
)
from src.models.captured import Captured
from src.models.media_source import NetworkSettings
from src.models.params import LiveClipParams
from src.models.progress import Phase, Progress, SilentMonitor
from src.models.source import Extraction, LiveStatus
from src.models.stream_clock import StreamClock
from src.models.time_window import Window
from src.models.video import WaitsFor
from src.services.cutting.cutter import CutterFactory
from src.services.cutting.sources import media_network
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.capture import PATIENCE_SECONDS, Capture, StreamSilent, TailToCome
from src.services.live.choice import numbered_formats, select_numbered, select_segmented, track_of
from src.services.live.clocks import CapturedTimes, StreamClocks, places_in
from src.services.live.cutter import LiveCutter, LiveReport, LiveTask
from src.services.live.numbered.capture import NumbersUnavailable
from src.services.live.numbered.links import Links
from src.services.live.recent_pieces import RecentPieces
from src.services.live.shared.captures import StreamCaptures
from src.services.live.shared.clip_segments import ClipSegments
from src.services.live.shared.limits import CaptureLimits, Count
from src.services.live.shared.recording_run import RecordingRun, RecordingWish
from src.services.live.shared.run import ClipWish, NumberedRun
from src.services.live.shared.stream_capture import StreamCapture
from src.services.live.state import CaptureState
from src.services.youtube.formats import format_table
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock, SystemClock, to_seconds
from src.utils.stream_names import StreamName, name_of_video, read_stream_name
from src.utils.validators import canonical_url

log = logging.getLogger(__name__)

LINKS_LAST = timedelta(hours=4)  # the site's links are good for about six hours
STALLED_SECONDS = 30
_MOST_RENEWALS = 3


class StreamNotReady(Exception):
    """What is needed will be there later; go on after ``seconds``."""

    def __init__(self, seconds: float, why: str, waiting_for: WaitsFor = WaitsFor.SEGMENTS) -> None:
        super().__init__(why)
        self.seconds, self.why, self.waiting_for = seconds, why, waiting_for


class Cutter(Protocol):
    """Turns what was captured into a file."""

    def cut(self, task: LiveTask, state: CaptureState, captured: Captured) -> LiveReport:
        """Produce the file of the task's window, as far as it was captured."""


class LiveService:
    """Captures and cuts. The recording of a stream that has ended is not its business."""

    def __init__(
        self,
        settings: Settings,
        youtube: YouTubeService,
        encoder: EncodingService,
        ffmpeg: FFmpeg,
        *,
        clock: Clock | None = None,
        network: NetworkSettings | None = None,
        egress: EgressProxy | None = None,
        whole_cutter: Cutter | None = None,
        count: Count | None = None,
        clocks: StreamClocks | None = None,
    ) -> None:
        """``network`` replaces what the settings say about fetching media, way out included. ``whole_cutter`` makes the
        files of whole streams. ``count`` adds to the metrics of captures. ``clocks`` stores the times of segments."""
        self._youtube = youtube
        self._egress = egress or EgressProxy.of(settings)
        self._clock = clock or SystemClock()
        self._times = CapturedTimes(clocks, self._clock)
        self._given_network = network
        self._network, self._limits = media_network(settings), Limits.of_job(settings)
        # A capture may run for longer than a job, and fetch more.
        unlimited = Limits(requests=None, bytes=None, seconds=None)
        limits = CaptureLimits(settings.captures_mb * 1_000_000 or None, settings.captures_mbit * 125_000 or None)
        if count is not None:
            limits.count = count
        self.captures = StreamCaptures(lambda: self._way_out(unlimited), self._clock, limits=limits)
        """The captures that run in this process, of all that needs a stream."""
        self._recent = RecentPieces()
        cutter: Cutter = LiveCutter(encoder, CutterFactory(settings, ffmpeg, self._egress))
        self._cutters = {False: cutter, True: whole_cutter or cutter}

    def video_of(self, task: LiveTask) -> str:
        """The id of the stream's video; the same for all attempts, whatever the channel streams by then.

        Raises:
            ChannelNotLive, SourceError.
        """
        if task.params.youtube_video_id is not None:
            return task.params.youtube_video_id
        state = CaptureState.load(task.retained_dir)
        return state.video_id if state else self._youtube.live_stream(_name_of(task.params))

    def capture(self, task: LiveTask) -> None:
        """Store what the stream has of the moment, and return when there is nothing left to wait for.

        Then ``cut`` finds what is there: all of it, a part of it, or nothing because the stream is over. No program is
        started.

        Raises:
            StreamNotReady: come back later.
            LiveNotStarted, LiveMomentGone, ClipRangeInvalid: there is no such moment.
            SourceError, DiskFull.
        """
        task.monitor.report(Progress(Phase.INITIALIZING))
        task.retained_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = CaptureState.load(task.retained_dir)
        if state is not None and state.done:
            if task.last_chance or not self._there(task, state).holes(task.window):
                return
            state = replace(state, done=False, ended=False)
            state.save(task.retained_dir)
        if state is None or self._clock.now() - state.extracted_at > LINKS_LAST:
            state = self._look(task, state)
        for _ in range(_MOST_RENEWALS):
            if state is None:
                return
            try:
                captured = self._capture(task, state)
            except TailToCome as tail:
                raise StreamNotReady(tail.seconds, "the moment is still on air") from None
            except LiveNotStarted:
                self._require_over(task)
                return
            except MediaForbidden:
                state = self._look(task, state)
                continue
            except NumbersUnavailable as reason:
                log.info("%s: %s; its playlist is followed", state.video_id, reason)
                state = self._look(task, None, by_number=False)
                continue
            except StreamSilent as silence:
                self._after_silence(task, state, str(silence))
                return
            latest = CaptureState.load(task.retained_dir) or state  # with the links that the capture took last
            self._finish(task, latest, captured)
            return
        raise MediaForbidden()

    def cut(self, task: LiveTask) -> LiveReport | None:
        """The clip of what ``capture`` stored, or None: the moment is to be found in the recording of the stream.

        Raises:
            DiskFull, EncodeFailed, ClipIncomplete.
        """
        state = CaptureState.load(task.retained_dir)
        if state is None:
            return None
        there = self._there(task, state)
        unfinished = not state.done and not task.last_chance and there.holes(task.window)
        if unfinished or not there.has_video_of(task.window):
            return None
        return self._cutters[task.whole].cut(task, state, there)

    def of_captured(self, task: LiveTask) -> LiveReport | None:
        """The clip of what was captured of the moment, as far as it goes; None if that is nothing."""
        return self.cut(replace(task, last_chance=True))

    def captured_span(self, task: LiveTask) -> Window | None:
        """From the first to the last captured segment of the window by the wall clock; None if there is none."""
        state = CaptureState.load(task.retained_dir)
        if state is None:
            return None
        found = self._there(task, state)
        spans = [record.span for record in found.records[found.main.name] if record.span.overlaps(task.window)]
        return Window(min(span.start for span in spans), max(span.end for span in spans)) if spans else None

    @contextmanager
    def shared_capture(self, stream: str, parent: Path, resolution: str) -> Iterator[StreamCapture]:
        """Join the capture of a running stream, in the formats that clips of it have; its pool is in ``parent``.

        Raises:
            ChannelNotLive, LiveNotStarted, LiveEndedNotReady, SourceError: it does not run, or cannot be read.
            LiveNotSupported: its segments have no numbers.
        """
        name = read_stream_name(stream)
        if name is None:
            raise ChannelNotLive()
        video = self._youtube.extract(self._youtube.live_stream(name), SilentMonitor(), numbered=True)
        if video.info.live_status is not LiveStatus.IS_LIVE:
            raise ChannelNotLive()
        selection = select_numbered(video, resolution)
        if selection is None:
            raise LiveNotSupported()
        chosen = [entry for entry in (selection.video, selection.audio) if entry is not None]
        links = Links(tuple(track_of(video, entry) for entry in chosen), video.looked_at)
        renew = partial(self._renewed, video.info.id, resolution)
        with self.captures.join(video.info.id, links, parent, renew=renew, lingers=True) as capture:
            yield capture

    def stream_clock(self, retained_dir: Path, video_id: str | None = None) -> StreamClock:
        """The wall clock of the stream's recording, as far as segments state it that this or other jobs captured."""
        return self._times.clock_of(retained_dir, video_id)

    # --- looking ------------------------------------------------------------------------------------------------

    def _look(self, task: LiveTask, earlier: CaptureState | None, *, by_number: bool = True) -> CaptureState | None:
        """Fresh links, kept for later attempts; None when there is no stream any more.

        ``by_number``: by the numbers of the segments if the site has them, unless playlists were followed before.

        Raises:
            LiveNotStarted, ClipRangeInvalid, SourceError.
        """
        video_id = earlier.video_id if earlier else self.video_of(task)
        try:
            instead_of = earlier.extracted_at if earlier else None
            video = self._youtube.extract(video_id, task.monitor, instead_of=instead_of, numbered=True)
        except LiveEndedNotReady:
            return None
        except LiveNotStarted:
            # The encoder of a stream that has been running is away for a moment, or does not come back.
            if earlier is None:
                raise
            self._require_over(task)
            return None
        status = video.info.live_status
        if status is LiveStatus.IS_UPCOMING:
            raise LiveNotStarted()
        if status is LiveStatus.NOT_LIVE:
            raise ClipRangeInvalid("This video is not a live stream: there is no moment to clip.")
        if status is LiveStatus.WAS_LIVE:
            return None
        by_number = by_number and (earlier is None or earlier.numbered)
        state = (self._state(task, video, by_number=True) if by_number else None) or self._state(task, video)
        if state is not None:
            state.save(task.retained_dir)
        return state

    def _require_over(self, task: LiveTask) -> None:
        """Have the moment asked again later while the stream may go on.

        Raises:
            StreamNotReady.
        """
        if not self._is_over(task):
            raise StreamNotReady(STALLED_SECONDS, "the stream is interrupted", WaitsFor.STREAM) from None

    def _state(self, task: LiveTask, video: Extraction, *, by_number: bool = False) -> CaptureState | None:
        select = select_numbered if by_number else select_segmented
        selection = select(video, task.params.resolution_preference)
        if selection is None:
            return None
        chosen = [entry for entry in (selection.video, selection.audio) if entry is not None]
        return CaptureState(
            video_id=video.info.id,
            tracks=tuple(track_of(video, entry) for entry in chosen),
            resolution=selection.obtained,
            extracted_at=video.looked_at,
            source="live" if video.info.live_status is LiveStatus.IS_LIVE else "post_live",
            facts={
                "title": video.info.title,
                "available_formats": list(
                    format_table(video.info.id, video.info.formats or video.numbered).resolutions
                ),
                "youtube_video_id": video.info.id,
                "url": canonical_url(video.info.id),
            },
            released_at=video.info.release_at,
        )

    def _after_silence(self, task: LiveTask, state: CaptureState, why: str) -> None:
        """Nothing comes: take what there is, have it asked again later, or go to the recording."""
        fresh = self._look(task, state)
        if fresh is not None and fresh.numbered and fresh.source != "live" and state.source == "live":
            raise StreamNotReady(1, "the stream has ended, and its segments are still there")
        if fresh is None or fresh.source != "live":
            return
        log.info("%s: %s, and the site says that it runs", state.video_id, why)
        if not self._is_over(task):
            raise StreamNotReady(STALLED_SECONDS, "the stream stands still", WaitsFor.STREAM)
        self._finish(task, fresh, self._there(task, fresh))

    def _is_over(self, task: LiveTask) -> bool:
        """Whether nothing more of the moment is to be expected of the stream."""
        return task.last_chance or to_seconds(self._clock.now()) > task.window.end + 2 * STALLED_SECONDS

    # --- capturing ----------------------------------------------------------------------------------------------

    def _capture(self, task: LiveTask, state: CaptureState) -> Captured:
        if state.numbered:
            return self._capture_by_number(task, state)
        with self._way_out(self._limits) as network:
            return self._playlist_capture(task, state, network).run()

    def _capture_by_number(self, task: LiveTask, state: CaptureState) -> Captured:
        links, parent = _links_of(state), task.retained_dir.parent
        renew = partial(self._renewed, state.video_id, task.params.resolution_preference)
        known = places_in(task.retained_dir, state) if task.whole else set()
        with self.captures.join(state.video_id, links, parent, renew=renew, lingers=task.in_lane) as capture:
            try:
                return self._run_of(task, capture, links).run()
            finally:
                _with_links(state, capture.links).save(task.retained_dir)
                self._times.note(task.retained_dir, state, known)

    def _run_of(self, task: LiveTask, capture: StreamCapture, links: Links) -> NumberedRun | RecordingRun:
        patience = _patience(task)
        if task.whole:
            wish = RecordingWish(task.retained_dir, task.window, patience)
            return RecordingRun(capture, links, wish, clock=self._clock, monitor=task.monitor)
        clip = ClipWish(task.retained_dir, task.window, patience_seconds=patience)
        return NumberedRun(capture, links, clip, clock=self._clock, monitor=task.monitor)

    @contextmanager
    def _way_out(self, limits: Limits) -> Iterator[NetworkSettings]:
        if self._given_network is not None:
            yield self._given_network
            return
        with self._egress.session(limits) as way:
            yield replace(self._network, proxy=way.proxy_url)

    def _there(self, task: LiveTask, state: CaptureState) -> Captured:
        if state.numbered:
            return ClipSegments(task.retained_dir, state.tracks).captured(ended=state.ended)
        there = self._playlist_capture(task, state, self._network).captured()
        return replace(there, ended=there.ended or state.ended)

    def _playlist_capture(self, task: LiveTask, state: CaptureState, network: NetworkSettings) -> Capture:
        return Capture(
            state.tracks,
            task.retained_dir,
            task.window,
            network=network,
            clock=self._clock,
            monitor=task.monitor,
            patience_seconds=_patience(task),
            recent=self._recent,
        )

    def _renewed(self, video_id: str, resolution: str, links: Links) -> Links | None:
        """Return newer links in the same formats, or in those that fit now. Belongs to no clip in particular.

        Raises:
            LiveNotStarted: the stream is interrupted. SourceError.
        """
        try:
            video = self._youtube.extract(video_id, SilentMonitor(), instead_of=links.extracted_at, numbered=True)
        except LiveEndedNotReady:
            return None
        if video.info.live_status is LiveStatus.IS_UPCOMING:
            raise LiveNotStarted()
        formats = numbered_formats(video, resolution, [track.format_id for track in links.tracks])
        if formats is None or video.info.live_status not in (LiveStatus.IS_LIVE, LiveStatus.POST_LIVE):
            return None
        tracks = tuple(track_of(video, entry) for entry in formats)
        return Links(tracks, video.looked_at, ended=video.info.live_status is not LiveStatus.IS_LIVE)

    def _finish(self, task: LiveTask, state: CaptureState, captured: Captured) -> None:
        """Record that the capture is complete, unless nothing of the moment was there because the stream is over.

        Raises:
            LiveMomentGone: nothing of the moment is there, and the stream runs.
        """
        if captured.has_video_of(task.window):
            replace(state, done=True, ended=captured.ended).save(task.retained_dir)
        elif not captured.ended and state.source == "live":
            raise LiveMomentGone()


def _patience(task: LiveTask) -> float:
    return math.inf if task.in_lane else PATIENCE_SECONDS


def _links_of(state: CaptureState) -> Links:
    return Links(state.tracks, state.extracted_at, ended=state.source != "live")


def _with_links(state: CaptureState, links: Links) -> CaptureState:
    """Return the state with the links that the capture has now."""
    source = "post_live" if links.ended else "live"
    return replace(state, tracks=links.tracks, extracted_at=links.extracted_at, source=source)


def _name_of(params: LiveClipParams) -> StreamName:
    found = read_stream_name(params.stream or "")
    return found if found is not None else name_of_video(params.youtube_video_id or "")
