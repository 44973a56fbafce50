"""Handles the kind ``recording``: a running stream becomes a file, from its start or from now on, until it ends.

An attempt captures what there is and hands the worker back; the next one continues in the same folder. See the decision
in ``docs/adr/0018-recordings.md``.
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
        """``live`` has a ``RecordingCutter``."""
        self._live, self._youtube, self._limits, self._clock = live, youtube, limits, clock or SystemClock()

    def run(self, params: RecordingParams, context: JobContext) -> JobResult:
        """Capture, or produce the file when nothing more is to come.

        Raises:
            Postponed: the stream goes on, or has not started.
            Cancelled: its owner ended it before anything was captured.
            AppError: this is no running stream, or it cannot be captured.
        """
        state = RecordingState.load(context.retained_dir)
        end_requested_at = _end_requested_at(context)
        if state is None and end_requested_at is not None:
            raise Cancelled()
        state = state or self._begin(params, context)
        try:
            if state.ending is not None or end_requested_at is not None:
                raise EndRequested()
            report, state = self._captured(params, context, state)
        except EndRequested:
            report, state = self._ended(params, context, state)
        except LargestSize:
            report, state = self._at_limit(params, context, state, Ending.BYTES)
        except (DiskFull, QuotaExceeded):
            report, state = self._at_limit(params, context, state, Ending.SPACE)
        return _result_of(report, context, state, self._limits)

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

    def _captured(
        self, params: RecordingParams, context: JobContext, state: RecordingState
    ) -> tuple[LiveReport, RecordingState]:
        """Capture; return the report of the file once the stream is over.

        Raises:
            Postponed, EndRequested, LargestSize, AppError.
        """
        monitor = self._monitor(context, self._limits.attempt_seconds, lambda: _end_requested_at(context))
        task = self._task(params, context, state, monitor)
        try:
            report = self._live.make(task) or self._of_captured(params, context, state)
        except StreamNotReady as later:
            self._note_first(task, context, state)
            raise Postponed(later.seconds, later.why, waiting_for=later.waiting_for) from None
        except AttemptOver:
            self._note_first(task, context, state)
            raise Postponed(0, "the attempt is over", waiting_for=WaitsFor.SEGMENTS) from None
        except (LiveMomentGone, LiveEndedNotReady):
            report = self._of_captured(params, context, state)
        except SourceError as error:
            self._require_patience(task, monitor, error)
            report = self._of_captured(params, context, state)
        is_longest = to_seconds(self._clock.now()) >= task.window.end
        return report, replace(state, ending=Ending.HOURS) if is_longest else state

    def _require_patience(self, task: LiveTask, monitor: RecordingMonitor, error: SourceError) -> None:
        """Let a failed capture be repeated: what was captured must not be lost for a failure that may pass.

        Raises:
            Postponed. SourceError: nothing was captured, or the file could not be produced.
        """
        there = self._live.captured_span(task) if monitor.capturing else None
        if there is None:
            raise error
        if to_seconds(self._clock.now()) < there.end + _GIVE_UP_SECONDS:
            raise Postponed(_PAUSE_SECONDS, error.message, waiting_for=WaitsFor.STREAM) from None

    def _ended(
        self, params: RecordingParams, context: JobContext, state: RecordingState
    ) -> tuple[LiveReport, RecordingState]:
        """Produce the file up to the moment at which its owner ended the recording."""
        end_requested_at = _end_requested_at(context)
        if end_requested_at is not None and state.ending is None:
            state = replace(state, ending=Ending.CANCELLED)
            monitor = self._monitor(context, _LAST_SECONDS)
            task = self._task(params, context, state, monitor, until=end_requested_at)
            with suppress(StreamNotReady, AttemptOver, LargestSize, SourceError):
                report = self._live.make(replace(task, last_chance=True))
                if report is not None:
                    return report, state
            state.save(context.retained_dir)
        report = self._live.of_captured(self._task(params, context, state, context.monitor, until=end_requested_at))
        if report is None:
            raise Cancelled()
        return report, state

    def _at_limit(
        self, params: RecordingParams, context: JobContext, state: RecordingState, ending: Ending
    ) -> tuple[LiveReport, RecordingState]:
        state = replace(state, ending=ending)
        state.save(context.retained_dir)
        return self._of_captured(params, context, state), state

    def _of_captured(self, params: RecordingParams, context: JobContext, state: RecordingState) -> LiveReport:
        report = self._live.of_captured(self._task(params, context, state, context.monitor))
        if report is None:
            raise LiveMomentGone("The stream ended before anything of it could be recorded.")
        return report

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
        *,
        until: datetime | None = None,
    ) -> LiveTask:
        """Return the recording as a moment: of the longest time that it may last, or ``until`` its end."""
        early = _EARLY_SECONDS if state.from_start else 0.0
        longest = timedelta(hours=self._limits.hours)
        ends_at = (state.first_at or state.begins_at) + longest if until is None else until
        moment = LiveClipParams(
            url=params.url,
            youtube_video_id=params.youtube_video_id,
            event_at=state.begins_at,
            clip_offset=early,
            clip_duration=(ends_at - state.begins_at).total_seconds() + early,
            resolution_preference=params.resolution_preference,
        )
        return LiveTask(moment, context.work_dir, context.retained_dir, monitor)

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
    if state.ending is not None:
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
