"""Fetches and cuts a time range, for every kind of job that ends in a clip."""

from __future__ import annotations

from src.models.params import ClipParams, LiveClipParams
from src.services.jobs.handler import JobContext, JobResult
from src.services.video_service import VideoService

MIME = {".mp4": "video/mp4", ".webm": "video/webm"}


def cut(
    videos: VideoService,
    params: ClipParams | LiveClipParams,
    start: float,
    end: float,
    context: JobContext,
    *,
    keep: bool = False,
) -> JobResult:
    """The time range of the video that ``params`` name, in the wanted container and resolution.

    ``keep``: leave in ``kept_dir`` what was fetched, and use what an earlier cut left there.
    """
    report = videos.download_video_segment(
        url=params.url,
        start_time=start,
        end_time=end,
        output_path=context.work_dir / "clip",
        format_preference=params.format_preference,
        resolution_preference=params.resolution_preference,
        compatibility=params.compatibility,
        mode=params.clip_mode,
        monitor=context.monitor,
        kept_dir=context.kept_dir if keep else None,
    )
    suffix = report.path.suffix
    return JobResult(
        path=report.path,
        mime=MIME[suffix],
        download_name=f"video_{context.job.id}{suffix}",
        report=report.to_fields(),
        facts=report.facts,
        padded=report.kept is not None,
    )
