"""Handles the kind ``preview``: a small copy of a part of a video, as long as a client waits for it."""

from __future__ import annotations

from src.errors import Cancelled
from src.models.params import PreviewParams
from src.models.progress import Monitor, Progress
from src.services.clips.preview_attention import PreviewAttention
from src.services.clips.previews import PreviewService
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.utils.clock import Clock

_CHECK_SECONDS = 1.0


class PreviewHandler(JobHandler[PreviewParams]):
    """Makes previews through the preview service."""

    def __init__(self, previews: PreviewService, attention: PreviewAttention, clock: Clock) -> None:
        self._previews, self._attention, self._clock = previews, attention, clock

    def run(self, params: PreviewParams, context: JobContext) -> JobResult:
        """Produce ``preview.mp4``.

        Raises:
            Cancelled: no client has asked for it for some seconds.
        """
        monitor = _AsLongAsWatched(context.monitor, self._attention, context.job.id, self._clock)
        monitor.check()
        preview = self._previews.make(params, context.work_dir, monitor)
        base = preview.frames.time_base
        return JobResult(
            path=preview.path,
            mime="video/mp4",
            download_name=f"preview_{context.job.id}.mp4",
            report={
                "start": float(preview.start),
                "end": float(preview.end),
                "times": list(preview.frames.times),
                "time_base": [base.numerator, base.denominator],
                "fps": preview.fps,
                "frames_per_step": preview.frames_per_step,
            },
            facts={"title": preview.title},
        )


class _AsLongAsWatched:
    """A monitor that also stops the work when no client has asked for the preview lately."""

    def __init__(self, monitor: Monitor, attention: PreviewAttention, job_id: str, clock: Clock) -> None:
        self._monitor, self._attention, self._job_id, self._clock = monitor, attention, job_id, clock
        self._checked_at: float | None = None

    def report(self, progress: Progress) -> None:
        self._monitor.report(progress)

    def check(self) -> None:
        self._monitor.check()
        now = self._clock.monotonic()
        if self._checked_at is not None and now - self._checked_at < _CHECK_SECONDS:
            return
        self._checked_at = now
        if self._attention.is_lost(self._job_id):
            raise Cancelled()
