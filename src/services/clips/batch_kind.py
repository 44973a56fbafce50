"""Handles the kind ``batch``: cuts several time ranges of one video into one file."""

from __future__ import annotations

from src.models.download import decimal_seconds, exact_range
from src.models.outcome import outcome_fields
from src.models.params import BatchParams
from src.services.clips.batch import MIME, ClipBatchService
from src.services.jobs.handler import JobContext, JobHandler, JobResult


class BatchHandler(JobHandler[BatchParams]):
    """Cuts all ranges through the batch service."""

    def __init__(self, batches: ClipBatchService) -> None:
        self._batches = batches

    def run(self, params: BatchParams, context: JobContext) -> JobResult:
        """Produce ``batch.mp4`` or ``batch.webm`` of joined ranges, otherwise ``batch.zip``."""
        batch = self._batches.make(params, context.work_dir, context.monitor)
        clips = [
            {
                "start": decimal_seconds(clip.report.actual.start),
                "end": decimal_seconds(clip.report.actual.end),
                "exact": exact_range(clip.report.actual.start, clip.report.actual.end),
                "method": clip.method,
            }
            for clip in batch.clips
        ]
        fetched = sum(clip.report.bytes_fetched for clip in batch.clips)
        notes = [note for clip in batch.clips for note in clip.report.notes]
        return JobResult(
            path=batch.path,
            mime=MIME[batch.path.suffix],
            download_name=f"video_{context.job.id}{batch.path.suffix}",
            report={"actual": {"clips": clips, "bytes_fetched": fetched}, **outcome_fields(notes)},
            facts={"title": batch.title},
        )
