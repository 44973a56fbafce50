"""Handles the kind ``recording``: a running stream becomes a file, from its start or from now on, until it ends.

It is captured in the queue of captures, where each attempt continues in the same folder; in the end a worker joins what
was captured. See the decision in ``docs/adr/0018-recordings.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from src.errors import (
    Cancelled,
    ClipRangeInvalid,
    DiskFull,
    LiveEndedNotReady,
    LiveMomentGone,
    LiveNotStarted,
    QuotaExceeded,
    SourceError,
)
from src.models.job_kinds import CAPTURES, DOWNLOADS
from src.models.outcome import Note, NoteCode
from src.models.params import LiveClipParams, RecordingParams
from src.models.progress import Monitor
from src.models.source import LiveStatus
from src.models.video import WaitsFor
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.results import MIME
from src.services.live.cutter import LiveReport, LiveTask
from src.services.live.ranges import wait_for_start
from src.services.live.service import LiveService, StreamNotReady
from src.services.live.whole.monitor import AttemptOver, EndRequested, LargestSize, RecordingMonitor
from src.services.live.whole.state import Ending, RecordingState
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock, SystemClock, to_datetime, to_seconds

# The site states when a stream began as the time of its page, which may be after the first segment.
_EARLY_SECONDS = 60.0
_LAST_SECONDS = 20.0  # for what was broadcast between the last attempt and the end that the owner requested
# A site or a network that fails is asked again after a pause; after so long, what there is becomes the file.
_PAUSE_SECONDS, _GIVE_UP_SECONDS = 30.0, 1800


@dataclass(frozen=True, slots=True)
class RecordingLimits:
    """The longest recording in hours, the largest in bytes, and the longest capture of one attempt in seconds."""

    hours: float
    bytes: float
    attempt_seconds: float


class RecordingHandler(JobHandler[RecordingParams]):
    """Captures the stream through the live service, whose cutter joins what was captured."""

    def __init__(
        self, live: LiveService, youtube: YouTubeService, limits: RecordingLimits, *, clock: Clock | None = None
    ) -> None:
        """``live`` has a ``RecordingCutter`` for whole streams."""
        self._live, self._youtube, self._limits, self._clock = live, youtube, limits, clock or SystemClock()

    def run(self, params: RecordingParams, context: JobContext) -> JobResult:
        """Capture, or produce the file when nothing more is to come.

        Raises:
            Postponed: the stream goes on, or has not started.
            Cancelled: its owner ended it before anything was captured.
            AppError: this is no running stream, or it cannot be captured.
        """
        state = RecordingState.load(context.retained_dir)
        if state is None and _end_requested_at(context) is not None:
            raise Cancelled()
        state = state or self._begin(params, context)
        if context.job.queue not in (CAPTURES, DOWNLOADS):
            raise Postponed(0, "its segments are to be captured", queue=CAPTURES)
        if state.ending is None:
            state = self._captured(params, context, state)
            state.save(context.retained_dir)
        if context.in_lane:
            raise Postponed(0, "a worker can join it", queue=DOWNLOADS)
        report = self._live.of_captured(self._task(params, context, state, context.monitor))
        if report is not None:
            return _result_of(report, context, state, self._limits)
        if state.ending is Ending.CANCELLED:
            raise Cancelled()
        raise LiveMomentGone("The stream ended before anything of it could be recorded.")

    def _begin(self, params: RecordingParams, context: JobContext) -> RecordingState:
        info = self._youtube.get_video_info(params.youtube_video_id)
        if info.live_status is LiveStatus.IS_UPCOMING:
            if params.when_live:
                wait_for_start(context, info.release_at, self._clock.now())
            raise LiveNotStarted()
        if info.live_status not in (LiveStatus.IS_LIVE, LiveStatus.POST_LIVE):
            raise ClipRangeInvalid("This is not a running stream: end_time is required.")
        released_at = info.release_at or params.requested_at
        from_start = params.from_start or released_at > params.requested_at
        state = RecordingState(released_at if from_start else params.requested_at, from_start)
        state.save(context.retained_dir)
        return state

    def _captured(self, params: RecordingParams, context: JobContext, state: RecordingState) -> RecordingState:
        """Capture; return when nothing more is to be captured, with the reason.

        Raises:
            Postponed, AppError.
        """
        monitor = self._monitor(context, self._limits.attempt_seconds, lambda: _end_requested_at(context))
        task = self._task(params, context, state, monitor)
        try:
            self._live.capture(task)
        except StreamNotReady as later:
            self._note_first(task, context, state)
            raise Postponed(later.seconds, later.why, waiting_for=later.waiting_for) from None
        except AttemptOver:
            self._note_first(task, context, state)
            raise Postponed(0, "the attempt is over", waiting_for=WaitsFor.SEGMENTS) from None
        except EndRequested:
            return self._ended(params, context, state)
        except LargestSize:
            return replace(state, ending=Ending.BYTES)
        except (DiskFull, QuotaExceeded):
            return replace(state, ending=Ending.SPACE)
        except (LiveMomentGone, LiveEndedNotReady):
            return replace(state, ending=Ending.STREAM)
        except SourceError as error:
            self._require_patience(task, error)
            return replace(state, ending=Ending.STREAM)
        is_longest = to_seconds(self._clock.now()) >= task.window.end
        return replace(state, ending=Ending.HOURS if is_longest else Ending.STREAM)

    def _require_patience(self, task: LiveTask, error: SourceError) -> None:
        """Let a failed capture be repeated: what was captured must not be lost for a failure that may pass.

        Raises:
            Postponed. SourceError: nothing was captured.
        """
        there = self._live.captured_span(task)
        if there is None:
            raise error
        if to_seconds(self._clock.now()) < there.end + _GIVE_UP_SECONDS:
            raise Postponed(_PAUSE_SECONDS, error.message, waiting_for=WaitsFor.STREAM) from None

    def _ended(self, params: RecordingParams, context: JobContext, state: RecordingState) -> RecordingState:
        """Capture what was broadcast up to the moment at which its owner ended the recording."""
        state = replace(state, ending=Ending.CANCELLED, ends_at=_end_requested_at(context))
        task = self._task(params, context, state, self._monitor(context, _LAST_SECONDS))
        with suppress(StreamNotReady, AttemptOver, LargestSize, SourceError, DiskFull, QuotaExceeded):
            self._live.capture(replace(task, last_chance=True, in_lane=False))
        return state

    def _monitor(
        self, context: JobContext, seconds: float, end_requested_at: Callable[[], datetime | None] = lambda: None
    ) -> RecordingMonitor:
        return RecordingMonitor(
            context.monitor,
            context.retained_dir,
            seconds=seconds,
            most_bytes=self._limits.bytes,
            end_requested_at=end_requested_at,
            monotonic=self._clock.monotonic,
        )

    def _task(
        self,
        params: RecordingParams,
        context: JobContext,
        state: RecordingState,
        monitor: Monitor,
    ) -> LiveTask:
        """Return the recording as a moment: of the longest time that it may last, or until its requested end."""
        early = _EARLY_SECONDS if state.from_start else 0.0
        longest = timedelta(hours=self._limits.hours)
        ends_at = state.ends_at or (state.first_at or state.begins_at) + longest
        moment = LiveClipParams(
            url=params.url,
            youtube_video_id=params.youtube_video_id,
            event_at=state.begins_at,
            clip_offset=early,
            clip_duration=(ends_at - state.begins_at).total_seconds() + early,
            resolution_preference=params.resolution_preference,
        )
        folders = context.work_dir, context.retained_dir
        return LiveTask(moment, *folders, monitor, in_lane=context.in_lane, whole=True)

    def _note_first(self, task: LiveTask, context: JobContext, state: RecordingState) -> None:
        """Count the longest time from what is really there: a stream may be offered from hours after its start on."""
        there = self._live.captured_span(task) if state.first_at is None else None
        if there is not None:
            replace(state, first_at=to_datetime(there.start)).save(context.retained_dir)


def _end_requested_at(context: JobContext) -> datetime | None:
    """Return when the owner ended the recording; an earlier run of the job does not count."""
    params = context.params_now
    assert isinstance(params, RecordingParams)
    at = params.end_requested_at
    since = context.job.queued_at or context.job.created_at
    return at if at is not None and at >= since else None


def _result_of(report: LiveReport, context: JobContext, state: RecordingState, limits: RecordingLimits) -> JobResult:
    texts = {
        Ending.HOURS: (NoteCode.ENDS_EARLY, f"The recording reached its longest time, {limits.hours:g} hours"),
        Ending.BYTES: (NoteCode.ENDS_EARLY, f"The recording reached its largest size, {limits.bytes / 1e6:g} MB"),
        Ending.SPACE: (NoteCode.SPACE_EXHAUSTED, "The recording ended because there was no more space for it"),
        Ending.CANCELLED: (NoteCode.ENDS_EARLY, "The recording was ended by its owner"),
    }
    fields = report.fields
    if state.ending in texts:
        note = Note(*texts[state.ending]).to_fields()
        fields = {**fields, "notes": [note, *fields["notes"]]}
    suffix = report.path.suffix
    return JobResult(
        path=report.path,
        mime=MIME[suffix],
        download_name=f"video_{context.job.id}{suffix}",
        report=fields,
        facts=report.facts,
        truncated=state.ending is Ending.SPACE,
    )
