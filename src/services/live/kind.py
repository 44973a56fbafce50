"""Handles the kind ``live_clip``: what was broadcast at a moment of a live stream becomes a file.

A moment is a wall-clock time. While the stream runs its segments are captured; once the recording exists, it contains
the same moment, counted from the time when the stream was released. A file that lacks something is repaired from the
recording (see the decision in ``docs/adr/0016-repairs.md``).

A job has two stages (``docs/adr/0017-capture-lane.md``): in the queue ``captures`` the segments are stored, then a
worker of the queue ``downloads`` cuts them, or the recording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from src.errors import AppError, LiveEndedNotReady, LiveMomentGone, LiveNotStarted
from src.models.job_kinds import CAPTURES, DOWNLOADS
from src.models.params import LiveClipParams
from src.models.progress import Monitor, Phase, Progress
from src.models.video import RepairPlan, WaitsFor
from src.services.jobs.handler import JobContext, JobHandler, JobResult, Postponed
from src.services.jobs.results import MIME
from src.services.live.cutter import LiveReport, LiveTask
from src.services.live.recording import Recordings
from src.services.live.service import LiveService, StreamNotReady
from src.services.video_service import VideoService
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock, SystemClock

REPAIR_HOURS = 48.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 900.0


class LiveClipHandler(JobHandler[LiveClipParams]):
    """Captures the moment, or finds it in the recording, and has it cut."""

    def __init__(
        self,
        live: LiveService,
        videos: VideoService,
        youtube: YouTubeService,
        *,
        repair_hours: float = REPAIR_HOURS,
        clock: Clock | None = None,
        on_command: Callable[[str], None] = lambda token_id: None,
    ) -> None:
        """``repair_hours``: how long after the request the recording is waited for. ``on_command`` is called in the
        process of captures with the channel token of each clip that was requested with one."""
        self._on_command = on_command
        self._live, self._recordings = live, Recordings(videos, youtube)
        self._patience, self._clock = timedelta(hours=repair_hours), clock or SystemClock()

    def run(self, params: LiveClipParams, context: JobContext) -> JobResult:
        """Produce the file of the window around the moment, or replace one that lacks something.

        Raises:
            Postponed: the stream, its segments or its recording are awaited.
            AppError: there is no such moment, or it cannot be obtained.
        """
        if context.job.repairing:
            return self._repair(params, context)
        if context.in_lane and params.saved_with is not None:
            self._on_command(params.saved_with)
        result = self._make(params, context)
        if result.report.get("complete", True) or params.moved or not self._is_patient(context):
            return result
        return replace(result, repair=RepairPlan(self._pause(context), self._until(context)))

    def _make(self, params: LiveClipParams, context: JobContext) -> JobResult:
        patient = self._is_patient(context)
        monitor = _CaptureMonitor(context.monitor)
        task = LiveTask(
            params, context.work_dir, context.retained_dir, monitor, last_chance=not patient, in_lane=context.in_lane
        )
        if context.job.queue not in (CAPTURES, DOWNLOADS):  # of an older release, or a range of a running stream
            raise Postponed(0, "its segments are to be captured", queue=CAPTURES)
        try:
            if context.job.queue == CAPTURES:
                self._live.capture(task)
            if context.in_lane:
                raise Postponed(0, "a worker can cut it", queue=DOWNLOADS)
            report = self._live.cut(task)
            if report is not None:
                return _result_of(report, context)
            video_id = self._live.video_of(task)
            clock = self._live.stream_clock(context.retained_dir, video_id)
            return self._recordings.cut(params, video_id, context, clock=clock)
        except StreamNotReady as later:
            raise Postponed(later.seconds, later.why, waiting_for=later.waiting_for) from None
        except (LiveMomentGone, LiveEndedNotReady, LiveNotStarted) as error:
            return self._of_captured(task, context, error, patient=patient)

    def _of_captured(self, task: LiveTask, context: JobContext, error: AppError, *, patient: bool) -> JobResult:
        """There is no recording yet: return what was captured, or wait if nothing was.

        After the wait, the stream is looked at first: it may run again.
        """
        report = None if isinstance(error, LiveMomentGone) or context.in_lane else self._live.of_captured(task)
        if report is not None:
            return _result_of(report, context)
        if not patient or isinstance(error, LiveNotStarted):
            raise error
        raise Postponed(self._pause(context), error.message, waiting_for=WaitsFor.RECORDING, queue=CAPTURES) from None

    def _repair(self, params: LiveClipParams, context: JobContext) -> JobResult:
        """Return the moment from the recording, once that is better than the first file.

        Any other error ends the repair, and the first file remains.
        """
        video_id = params.youtube_video_id
        assert video_id is not None, "the first file named its stream"
        earlier, patient = context.job.report, self._is_patient(context)
        try:
            clock = self._live.stream_clock(context.retained_dir, video_id)
            result = self._recordings.cut(
                params, video_id, context, clock=clock, better_than=earlier, is_final=not patient
            )
            if not result.report.get("complete", True) and (patient or _seconds(result.report) <= _seconds(earlier)):
                raise LiveEndedNotReady("The recording of the live stream lacks a part of the moment, too.")
        except (LiveEndedNotReady, LiveNotStarted) as error:
            if not patient:
                raise
            raise Postponed(self._pause(context), error.message) from None
        return result

    def _until(self, context: JobContext) -> datetime:
        if context.job.repair is not None:
            return context.job.repair.until
        return _since(context) + self._patience

    def _is_patient(self, context: JobContext) -> bool:
        return self._clock.now() < self._until(context)

    def _pause(self, context: JobContext) -> float:
        return pause_after((self._clock.now() - _since(context)).total_seconds())


class _CaptureMonitor:
    """Adds to the readings of a capture what it waits for."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        # A capture only reports a time left while the moment is still to be broadcast.
        if progress.phase is Phase.DOWNLOADING and progress.eta_seconds is not None:
            progress = replace(progress, waiting_for=WaitsFor.SEGMENTS.value)
        self._monitor.report(replace(progress, recorded_seconds=None, recorded_bytes=None))

    def check(self) -> None:
        self._monitor.check()


def pause_after(waited_seconds: float) -> float:
    """How long to wait before the next lookup of a recording: half of what was waited already, within bounds."""
    return min(max(waited_seconds / 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def _since(context: JobContext) -> datetime:
    return context.job.queued_at or context.job.created_at


def _seconds(report: Mapping[str, Any]) -> float:
    """The length of the file that this report describes."""
    return float((report.get("actual") or {}).get("duration") or 0)


def _result_of(report: LiveReport, context: JobContext) -> JobResult:
    suffix = report.path.suffix
    return JobResult(
        path=report.path,
        mime=MIME[suffix],
        download_name=f"video_{context.job.id}{suffix}",
        report=report.fields,
        facts=report.facts,
        retains_source=True,
    )
