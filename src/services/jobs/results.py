"""Fetches and cuts a time range for every job kind that produces a clip."""

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
    retain: bool = False,
) -> JobResult:
    """Cut the time range from the video in ``params``, in the requested container and resolution.

    ``retain``: store the fetched source in ``retained_dir``, and use what an earlier cut stored there.
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
        retained_dir=context.retained_dir if retain else None,
        owner=f"{context.job.owner.kind} {context.job.owner.id}",
    )
    suffix = report.path.suffix
    return JobResult(
        path=report.path,
        mime=MIME[suffix],
        download_name=f"video_{context.job.id}{suffix}",
        report=report.to_fields(),
        facts=report.facts,
        retains_source=report.kept is not None,
    )
