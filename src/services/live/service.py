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
    LiveMomentGone,
    LiveNotStarted,
    MediaForbidden,
    Remedy,
    SourceError,
)
from src.models.captured import Captured
from src.models.media_source import NetworkSettings
from src.models.progress import Phase, Progress
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
from src.services.live.clocks import CapturedTimes, StreamClocks, places_in
from src.services.live.cutter import LiveCutter, LiveReport, LiveTask
from src.services.live.lookups import StreamLookups
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
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock, SystemClock, to_seconds

log = logging.getLogger(__name__)

LINKS_LAST = timedelta(hours=4)  # the site's links are good for about six hours
STALLED_SECONDS = 30
REFUSED_SECONDS = 600  # after the moment; then its clip lacks something, and is repaired from the recording
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
        self._lookups = StreamLookups(youtube)
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
        state = CaptureState.load(task.retained_dir)
        return state.video_id if state else self._lookups.video_of(task.params)

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
        try:
            self._capture_moment(task)
        except (LiveMomentGone, LiveNotStarted):
            raise
        except SourceError as refusal:
            self._go_on_without(task, refusal)

    def _capture_moment(self, task: LiveTask) -> None:
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
        video_id, links = self._lookups.numbered_links(stream, resolution)
        renew = partial(self._lookups.renewed, video_id, resolution)
        with self.captures.join(video_id, links, parent, renew=renew, lingers=True) as capture:
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
        resolution = task.params.resolution_preference
        try:
            state = self._lookups.look(video_id, resolution, task.monitor, earlier, by_number=by_number)
        except LiveNotStarted:
            # The encoder of a stream that has been running is away for a moment, or does not come back.
            if earlier is None:
                raise
            self._require_over(task)
            return None
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

    def _go_on_without(self, task: LiveTask, refusal: SourceError) -> None:
        """The site refuses what the capture needs, such as new links: wait, or be content with what was captured.

        Raises:
            StreamNotReady: the refusal may pass. SourceError: nothing of the moment was captured.
        """
        state = CaptureState.load(task.retained_dir)
        if state is None or not self._there(task, state).has_video_of(task.window):
            raise refusal
        log.warning("%s: %s during the capture: %s", state.video_id, refusal.code, refusal.message)
        may_pass = refusal.retried or refusal.remedy is not Remedy.USER
        if may_pass and not self._is_over(task, REFUSED_SECONDS):
            raise StreamNotReady(STALLED_SECONDS, f"the site refuses: {refusal.code}", WaitsFor.STREAM) from None
        replace(state, done=True).save(task.retained_dir)

    def _is_over(self, task: LiveTask, grace_seconds: float = 2 * STALLED_SECONDS) -> bool:
        """Whether nothing more of the moment is to be expected of the stream."""
        return task.last_chance or to_seconds(self._clock.now()) > task.window.end + grace_seconds

    # --- capturing ----------------------------------------------------------------------------------------------

    def _capture(self, task: LiveTask, state: CaptureState) -> Captured:
        if state.numbered:
            return self._capture_by_number(task, state)
        with self._way_out(self._limits) as network:
            return self._playlist_capture(task, state, network).run()

    def _capture_by_number(self, task: LiveTask, state: CaptureState) -> Captured:
        links, parent = _links_of(state), task.retained_dir.parent
        renew = partial(self._lookups.renewed, state.video_id, task.params.resolution_preference)
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
