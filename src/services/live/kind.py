"""Handles the kind ``live_clip``: what was seen at a moment of a live stream becomes a file.

A moment is a wall-clock time. While the stream runs its segments are captured; once the recording is there, it is
the same moment, counted from the time the stream was released.
"""

from __future__ import annotations

from datetime import UTC, datetime

from src.errors import ClipRangeInvalid, LiveEndedNotReady, LiveNotStarted
from src.models.params import LiveClipParams
from src.models.source import LiveStatus, VideoInfo
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.results import MIME, cut
from src.services.live.cutter import LiveTask
from src.services.live.service import LiveService, StreamNotReady
from src.services.video_service import VideoService
from src.services.youtube_service import YouTubeService
from src.utils.validators import canonical_url

# How long the recording of a stream that has ended is waited for. The site takes minutes for short streams and hours
# for long ones; a job that gives up can be started again by whoever wants it.
RECORDING_HOURS = 6
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 900.0


class LiveClipHandler(JobHandler[LiveClipParams]):
    """Capture the moment, or find it in the recording, then cut it like any clip."""

    def __init__(self, live: LiveService, videos: VideoService, youtube: YouTubeService) -> None:
        self._live, self._videos, self._youtube = live, videos, youtube

    def run(self, params: LiveClipParams, context: JobContext) -> JobResult:
        """Make the file of the window around the moment."""
        waited = _waited_seconds(context)
        patient = waited < RECORDING_HOURS * 3600
        task = LiveTask(params, context.work_dir, context.retained_dir, context.monitor, last_chance=not patient)
        try:
            report = self._live.make(task)
            if report is None:
                return self._from_recording(params, self._live.video_of(task), context)
        except StreamNotReady as later:
            raise Postponed(later.seconds, later.why) from None
        except LiveEndedNotReady as later:
            if not patient:
                raise
            raise Postponed(pause_after(waited), later.message) from None
        suffix = report.path.suffix
        return JobResult(
            path=report.path,
            mime=MIME[suffix],
            download_name=f"video_{context.job.id}{suffix}",
            report=report.fields,
            facts=report.facts,
            retains_source=True,
        )

    def _from_recording(self, params: LiveClipParams, video_id: str, context: JobContext) -> JobResult:
        start, end = window_in_recording(params, self._youtube.get_video_info(video_id))
        known = params.model_copy(update={"youtube_video_id": video_id, "url": canonical_url(video_id)})
        made = cut(self._videos, known, start, end, context)
        return JobResult(
            path=made.path,
            mime=made.mime,
            download_name=made.download_name,
            report={**made.report, "source": "vod"},
            facts={**made.facts, "start_time": start, "end_time": end, "youtube_video_id": video_id, "url": known.url},
        )


def pause_after(waited_seconds: float) -> float:
    """How long to wait before the next look for a recording: half of what was waited already, within bounds."""
    return min(max(waited_seconds / 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def _waited_seconds(context: JobContext) -> float:
    since = context.job.queued_at or context.job.created_at
    return (datetime.now(UTC) - since).total_seconds()


def window_in_recording(params: LiveClipParams, info: VideoInfo) -> tuple[float, float]:
    """(start, end) of the wanted window, in seconds from the start of the stream's recording.

    Raises:
        LiveNotStarted, LiveEndedNotReady: there is no recording yet.
        ClipRangeInvalid: the video is no stream, or the moment lies outside of it.
    """
    if info.live_status is LiveStatus.IS_UPCOMING:
        raise LiveNotStarted()
    # A stream whose playlist has ended may still be told as running for a while.
    if info.live_status in (LiveStatus.POST_LIVE, LiveStatus.IS_LIVE):
        raise LiveEndedNotReady()
    if info.live_status is not LiveStatus.WAS_LIVE or info.release_at is None:
        raise ClipRangeInvalid("This video is not a live stream: there is no moment to clip.")
    start = (params.event_at - info.release_at).total_seconds() - params.clip_offset
    end = start + params.clip_duration
    if end <= 0 or (info.duration_seconds is not None and start >= info.duration_seconds):
        raise ClipRangeInvalid("The stream was not running at this moment.")
    return max(start, 0.0), end
