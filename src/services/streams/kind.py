"""Runs jobs of the kind ``stream``: a playlist or a video file at any public address becomes an MP4."""

from __future__ import annotations

from src.models.outcome import NoteCode, outcome_fields
from src.models.params import StreamParams
from src.services.jobs.handler import JobContext, JobHandler, JobResult
from src.services.streams.service import StreamService
from src.utils.filenames import display_name


class StreamHandler(JobHandler[StreamParams]):
    """Fetches through the stream service; fetched pieces remain for a later attempt."""

    def __init__(self, streams: StreamService) -> None:
        self._streams = streams

    def run(self, params: StreamParams, context: JobContext) -> JobResult:
        """Write ``stream.mp4``."""
        report = self._streams.download(
            params,
            context.work_dir / "stream.mp4",
            context.retained_dir,
            context.monitor,
            tries=context.job.retries,
        )
        name = display_name(params.video_name or f"video_{context.job.id}")
        return JobResult(
            path=report.path,
            mime="video/mp4",
            download_name=name if name.lower().endswith(".mp4") else f"{name}.mp4",
            report={"actual": report.to_fields(), **outcome_fields(report.notes, report.gaps)},
            truncated=any(note.code is NoteCode.SPACE_EXHAUSTED for note in report.notes),
        )
