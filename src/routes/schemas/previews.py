"""Defines the JSON of ``/api/video/preview``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, StrictFloat, StrictInt, StrictStr

from src.models.video import Status, VideoJob
from src.routes.schemas.common import LocalAddress, RequestBody, Seconds
from src.routes.schemas.video import ErrorFact, Resolution, TimeText, error_of
from src.services.clips.preview_requests import MOST_SECONDS
from src.services.progress_cache import overall_percent


class StartPreview(RequestBody):
    """A part of a video: ``seconds`` around ``at``. Times as in a save."""

    url: StrictStr = Field(max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])
    at: TimeText = Field(description="The middle of the part.", examples=[60])
    seconds: StrictInt | StrictFloat = Field(default=30, gt=0, le=MOST_SECONDS)
    format_preference: Literal["mp4", "webm", "best"] | None = Field(
        default=None, description="What the clip will be: the preview has its frames."
    )
    resolution_preference: Resolution | None = None


class PreviewStarted(BaseModel):
    """A preview was requested. Its id is a secret of the caller."""

    preview_id: str


class PreviewFrames(BaseModel):
    """The presentation times of all frames, in the video's own time: each is ``time * num / den`` seconds."""

    times: list[int]
    time_base: tuple[int, int] = Field(description="Numerator and denominator, in seconds.")


class PreviewStatus(BaseModel):
    """The state of a preview. The file begins at ``start``: a frame at the time t is at t - start in the file."""

    preview_id: str
    status: str
    percent: float
    start: Seconds | None = Field(description="In seconds of the video: the key frame at or before the part.")
    end: Seconds | None
    frames: PreviewFrames | None
    fps: float | None
    frames_per_step: int = Field(description="How many frames of the later clip one frame of the preview stands for.")
    file_url: LocalAddress | None = Field(description="An MP4 for about ten minutes; a path at this service's host.")
    error: ErrorFact | None

    @classmethod
    def of(cls, preview_id: str, job: VideoJob, progress: Mapping[str, Any] | None, link: str | None) -> PreviewStatus:
        """Return the status of the job of a preview."""
        done = job.status is Status.COMPLETED
        report = job.report if done else {}
        percent = 100.0 if done else overall_percent(progress)
        frames = None
        if times := report.get("times"):
            frames = PreviewFrames(times=times, time_base=report["time_base"])
        return cls(
            preview_id=preview_id,
            status=job.shown_status.value,
            percent=percent,
            start=report.get("start"),
            end=report.get("end"),
            frames=frames,
            fps=report.get("fps"),
            frames_per_step=report.get("frames_per_step", 1),
            file_url=link,
            error=error_of(job),
        )
