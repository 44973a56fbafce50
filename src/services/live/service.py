"""LiveService: a moment of a stream becomes a file while the stream still runs.

The segments are fetched as soon as a worker has the job; what is still to come is waited for outside of the
worker (`StreamNotReady`), and every attempt goes on with what the earlier ones left.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from src.config import Settings
from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveMomentGone, LiveNotStarted, MediaForbidden
from src.models.captured import Captured
from src.models.media_source import NetworkSettings
from src.models.params import LiveClipParams
from src.models.progress import Phase, Progress
from src.models.source import Extraction, LiveStatus
from src.models.video import WaitsFor
from src.services.cutting.cutter import CutterFactory
from src.services.cutting.sources import media_network
from src.services.egress.policy import Limits
from src.services.egress.proxy import EgressProxy
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.live.capture import Capture, StreamSilent, TailToCome
from src.services.live.choice import select_numbered, select_segmented, track_of
from src.services.live.cutter import LiveCutter, LiveReport, LiveTask
from src.services.live.numbered.capture import NumbersUnavailable
from src.services.live.numbered.links import LinkLife, Links
from src.services.live.numbered.run import NumberedRun
from src.services.live.state import CaptureState
from src.services.live.store import SegmentStore
from src.services.live.stream_clock import Anchor, StreamClock
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
    ) -> None:
        """``network`` replaces what the settings say about fetching media, way out included."""
        self._youtube = youtube
        self._egress = egress or EgressProxy.of(settings)
        self._clock = clock or SystemClock()
        self._given_network = network
        self._network, self._limits = media_network(settings), Limits.of_job(settings)
        self._link_life = LinkLife()
        self._cutter = LiveCutter(encoder, CutterFactory(settings, ffmpeg, self._egress))

    def video_of(self, task: LiveTask) -> str:
        """The id of the stream's video; the same for all attempts, whatever the channel streams by then.

        Raises:
            ChannelNotLive, SourceError.
        """
        if task.params.youtube_video_id is not None:
            return task.params.youtube_video_id
        state = CaptureState.load(task.retained_dir)
        return state.video_id if state else self._youtube.live_stream(_name_of(task.params))

    def make(self, task: LiveTask) -> LiveReport | None:
        """The clip, or None: the stream is over, and its recording is where the moment is to be found.

        Raises:
            StreamNotReady: come back later.
            LiveNotStarted, LiveMomentGone, ClipRangeInvalid: there is no such moment.
            SourceError, DiskFull, EncodeFailed, ClipIncomplete.
        """
        task.monitor.report(Progress(Phase.INITIALIZING))
        task.retained_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = CaptureState.load(task.retained_dir)
        if state is not None and state.done:
            there = self._there(task, state)
            if task.last_chance or not there.holes(task.window):
                return self._cutter.cut(task, state, there)
        if state is None or self._clock.now() - state.extracted_at > LINKS_LAST:
            state = self._look(task, state)
        for _ in range(_MOST_RENEWALS):
            if state is None:
                return self._without_stream(task, CaptureState.load(task.retained_dir))
            try:
                captured = self._capture(task, state)
            except TailToCome as tail:
                raise StreamNotReady(tail.seconds, "the moment is still on air") from None
            except MediaForbidden:
                state = self._look(task, state)
                continue
            except NumbersUnavailable as reason:
                log.info("%s: %s; its playlist is followed", state.video_id, reason)
                state = self._look(task, None, by_number=False)
                continue
            except StreamSilent as silence:
                return self._after_silence(task, state, str(silence))
            latest = CaptureState.load(task.retained_dir) or state  # with the links that the capture took last
            return self._finish(task, replace(latest, done=True), captured)
        raise MediaForbidden()

    def of_captured(self, task: LiveTask) -> LiveReport | None:
        """The clip of what was captured of the moment, as far as it goes; None if that is nothing."""
        return self._without_stream(replace(task, last_chance=True), CaptureState.load(task.retained_dir))

    def stream_clock(self, retained_dir: Path) -> StreamClock:
        """The wall clock of the stream's recording, as far as captured segments state it."""
        state = CaptureState.load(retained_dir)
        for track in state.tracks if state is not None else ():
            records = SegmentStore(retained_dir / track.name).records
            anchors = [
                Anchor(record.start, record.duration, record.media_at)
                for record in records
                if record.own_clock and record.media_at is not None
            ]
            # Media times restart with each broadcast, and nobody knows where the next one starts in the recording.
            if anchors and len({record.epoch for record in records}) == 1:
                return StreamClock(anchors)
        return StreamClock(())

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
            if self._is_over(task):
                return None
            raise StreamNotReady(STALLED_SECONDS, "the stream is interrupted", WaitsFor.STREAM) from None
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

    def _after_silence(self, task: LiveTask, state: CaptureState, why: str) -> LiveReport | None:
        """Nothing comes: take what there is, have it asked again later, or go to the recording."""
        fresh = self._look(task, state)
        if fresh is not None and fresh.numbered and fresh.source != "live" and state.source == "live":
            raise StreamNotReady(1, "the stream has ended, and its segments are still there")
        if fresh is None or fresh.source != "live":
            return self._without_stream(task, CaptureState.load(task.retained_dir))
        log.info("%s: %s, and the site says that it runs", state.video_id, why)
        if not self._is_over(task):
            raise StreamNotReady(STALLED_SECONDS, "the stream stands still", WaitsFor.STREAM)
        return self._finish(task, replace(fresh, done=True), self._there(task, fresh))

    def _is_over(self, task: LiveTask) -> bool:
        """Whether nothing more of the moment is to be expected of the stream."""
        return task.last_chance or to_seconds(self._clock.now()) > task.window.end + 2 * STALLED_SECONDS

    # --- capturing ----------------------------------------------------------------------------------------------

    def _capture(self, task: LiveTask, state: CaptureState) -> Captured:
        if self._given_network is not None:
            return self._capture_of(task, state, self._given_network).run()
        with self._egress.session(self._limits) as way:
            return self._capture_of(task, state, replace(self._network, proxy=way.proxy_url)).run()

    def _there(self, task: LiveTask, state: CaptureState) -> Captured:
        return self._capture_of(task, state, self._given_network or self._network).captured()

    def _capture_of(self, task: LiveTask, state: CaptureState, network: NetworkSettings) -> Capture | NumberedRun:
        if state.numbered:
            return NumberedRun(
                _links_of(state),
                task.retained_dir,
                task.window,
                network=network,
                clock=self._clock,
                monitor=task.monitor,
                renew=lambda links: self._renewed(task, replace(state, extracted_at=links.extracted_at)),
                life=self._link_life,
            )
        return Capture(
            state.tracks, task.retained_dir, task.window, network=network, clock=self._clock, monitor=task.monitor
        )

    def _renewed(self, task: LiveTask, state: CaptureState) -> Links | None:
        fresh = self._look(task, state)
        return _links_of(fresh) if fresh is not None and fresh.numbered else None

    def _finish(self, task: LiveTask, state: CaptureState, captured: Captured) -> LiveReport | None:
        """Cut what was captured; None: nothing of the moment was there, and the stream is over."""
        if captured.holes(task.window) == [task.window]:
            if captured.ended or state.source != "live":
                return None
            raise LiveMomentGone()
        state.save(task.retained_dir)
        return self._cutter.cut(task, state, captured)

    def _without_stream(self, task: LiveTask, state: CaptureState | None) -> LiveReport | None:
        """The stream is gone: what was captured will do if it is all of the moment, or if nothing better comes."""
        if state is None:
            return None
        there = self._there(task, state)
        holes = there.holes(task.window)
        if holes == [task.window] or (holes and not task.last_chance):
            return None
        return self._cutter.cut(task, state, there)


def _links_of(state: CaptureState) -> Links:
    return Links(state.tracks, state.extracted_at, ended=state.source != "live")


def _name_of(params: LiveClipParams) -> StreamName:
    found = read_stream_name(params.stream or "")
    return found if found is not None else name_of_video(params.youtube_video_id or "")
