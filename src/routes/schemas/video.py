"""Defines the JSON of ``/api/video/*``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from src.models.params import ClipParams, LiveClipParams, RecordingParams
from src.models.progress import Phase
from src.models.video import VideoJob
from src.routes.schemas.common import (
    MESSAGE_LENGTH,
    LocalAddress,
    OutcomeShown,
    RepairShown,
    RequestBody,
    Seconds,
    UtcTime,
)
from src.services.clips.requests import ClipRequest
from src.services.clips.saved_clips import Dismissed

Resolution = Literal["144p", "240p", "360p", "480p", "720p", "1080p", "1440p", "2160p", "4320p", "best"]
TimeText = StrictInt | StrictFloat | StrictStr


class SaveVideo(RequestBody):
    """A time range of a video. Times are seconds, ``mm:ss``, ``h:mm:ss`` or ``1h2m3s``.

    They count from the start of the video or stream, also while a stream runs. Of a running stream, both may be
    negative or zero: then they count back from the arrival of this request, and the range is captured at once.
    A start at 0 or ``now`` without an end records a running stream until it ends, is cancelled or reaches
    ``RECORDING_MAX_HOURS`` or ``RECORDING_MAX_MB``, which needs the login of the owner.
    """

    url: StrictStr = Field(max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])
    start_time: TimeText | None = Field(
        default=None,
        description="Optional when the link has a t=. -90 is 90 seconds ago, on air; now starts a recording.",
        examples=[60],
    )
    end_time: TimeText | None = Field(
        default=None,
        description="With a negative start, 0 is now. Absent for the recording of a whole stream.",
        examples=[120],
    )
    user_id: StrictStr | None = Field(
        default=None,
        max_length=64,
        description="Required with a public token; with a login, by default its own account.",
        examples=["507f1f77bcf86cd799439011"],
    )
    additional_message: StrictStr | None = Field(default=None, max_length=MESSAGE_LENGTH)
    clip_offset: float | None = Field(
        default=None, ge=-86_400, le=86_400, description="A note that is stored and returned; it does not move times."
    )
    when_live: StrictBool = Field(
        default=False,
        description="Wait for a scheduled stream, at most 14 days. Needs the login of the owner.",
    )

    def to_request(self, waited: float) -> ClipRequest:
        """Return the request as the service understands it; it arrived ``waited`` seconds ago."""
        times, note = (self.start_time, self.end_time), (self.additional_message, self.clip_offset)
        return ClipRequest(self.url, *times, *note, waited, self.when_live)


class DownloadVideo(RequestBody):
    """The type of file; absent fields keep their earlier values."""

    format_preference: Literal["mp4", "webm", "best"] | None = None
    resolution_preference: Resolution | None = None
    compatibility: Literal["h265"] | None = None
    clip_mode: Literal["exact", "keyframe", "reencode"] | None = Field(
        default=None, validation_alias=AliasChoices("clip_mode", "mode")
    )

    def changes(self) -> dict[str, Any]:
        """Return the parameters in this request."""
        return self.model_dump(exclude_none=True)


class ResolutionsOf(RequestBody):
    """The video to look up."""

    url: StrictStr = Field(max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])


class Page(RequestBody):
    """A page of a list."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    per_page: int = Field(default=50, ge=1, le=200)


State = Literal["pending", "processing", "completed", "failed", "cancelled"]


class VideoPage(Page):
    """A page of the list of videos, all or some of them."""

    status: State | None = None
    kind: Literal["clip", "live_clip"] | None = None


class JobPage(Page):
    """A page of a list of jobs, all or those in one state."""

    status: State | None = None


class DeleteVideos(RequestBody):
    """The videos to delete; batches too."""

    ids: list[StrictStr] = Field(min_length=1, max_length=200)


class VideosDeleted(BaseModel):
    """What became of each id."""

    deleted: list[str]
    cancelled: list[str] = Field(description="They were running, and are stopped within seconds.")
    missing: list[str] = Field(description="The caller has no such videos.")

    @classmethod
    def of(cls, done: Dismissed) -> VideosDeleted:
        """Return the reply for dismissed clips."""
        return cls(deleted=done.deleted, cancelled=done.cancelled, missing=done.missing)


class VideoSaved(BaseModel):
    """A request was saved."""

    message: str = "Video info saved successfully"
    video_id: str


class VideoStarted(BaseModel):
    """The state of a video whose file was requested."""

    video_id: str
    status: str


def _documented(phase: str) -> str:
    return Phase(phase).documented.value  # a worker of an earlier version may have written another phase


class AnonymousSavesCleared(BaseModel):
    """The number of deleted clips that others had saved."""

    deleted: int


WaitingFor = Annotated[
    Literal["stream", "segments", "recording"] | None,
    Field(description="What a live clip without a file waits for: see docs/chat-bots.md."),
]


class ProgressReading(BaseModel):
    """The progress of a job."""

    current_phase: Annotated[Literal["initializing", "downloading", "encoding"], BeforeValidator(_documented)]
    download_progress: float
    encoding_progress: float
    speed: str | None = None
    eta: str | None = None
    fps: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None


class Recorded(BaseModel):
    """How much of a whole stream is recorded so far."""

    seconds: float
    bytes: int


class ErrorFact(BaseModel):
    """Why a job failed."""

    code: str
    message: str


def error_of(job: VideoJob) -> ErrorFact | None:
    """Return why a job failed, if it did."""
    if job.failure is None:
        return None
    return ErrorFact(code=job.failure.code, message=job.failure.message)


class VideoListed(OutcomeShown):
    """An entry in the list of videos."""

    video_id: str
    url: str
    start_time: Seconds | None
    end_time: Seconds | None
    status: str
    created_at: UtcTime
    kind: str
    queued: bool = Field(
        default=False, description="Whether it waits for a worker; a pending video that is not queued is only saved."
    )
    file_available: bool
    file_size_bytes: int | None = None
    duration: Seconds | None = Field(default=None, description="Of the file; before it exists, of the requested range.")
    poster: LocalAddress | None = Field(
        default=None, description="A still image of the file: a path at this service's host, valid for an hour."
    )
    actual: dict[str, Any] | None = Field(
        default=None, description="Facts about the file, such as the exact start and end of its frames in the video."
    )
    error: ErrorFact | None = None
    title: str | None = None
    anonymous: bool = Field(default=False, description="Saved by another client, with a public token.")
    expires_at: UtcTime | None = Field(
        default=None, description="When the file, or an anonymous save that was never started, is deleted."
    )
    repair: RepairShown | None = Field(default=None, description="Set if a live clip was completed with a gap.")
    waiting_for: WaitingFor = None

    @classmethod
    def of(cls, job: VideoJob, poster: str | None = None) -> VideoListed:
        """Return the entry for a job; ``poster`` is the path of a still image of its file."""
        return cls(**_common(job), poster=poster)


class VideoStatus(VideoListed):
    """All details of a video."""

    youtube_video_id: str | None = None
    available_formats: list[str]
    progress: ProgressReading | None = None
    format_preference: str
    resolution_preference: str
    additional_message: str | None = None
    clip_offset: Seconds | None = None
    started_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    error_message: str | None = None
    requested: dict[str, Any]
    source: str | None = Field(default=None, description="For a live clip: live, post_live or vod.")
    attempts: int = 0
    recorded: Recorded | None = Field(default=None, description="Set while a whole stream is recorded.")

    @classmethod
    def of_job(cls, job: VideoJob, progress: dict[str, Any] | None) -> VideoStatus:
        """Return the status of a job with its latest progress."""
        params = job.params
        assert isinstance(params, ClipParams | LiveClipParams | RecordingParams)
        reading = ProgressReading(**progress) if progress else None
        common = _common(job)
        if progress and progress.get("waiting_for"):
            common["waiting_for"] = progress["waiting_for"]
        return cls(
            **common,
            youtube_video_id=params.youtube_video_id,
            available_formats=job.facts.get("available_formats") or [],
            progress=reading,
            format_preference=params.format_preference,
            resolution_preference=params.resolution_preference,
            additional_message=params.additional_message,
            clip_offset=params.clip_offset,
            started_at=job.started_at,
            completed_at=job.completed_at,
            error_message=job.failure.message if job.failure else None,
            requested=job.report.get("requested")
            or {
                "resolution": params.resolution_preference,
                "format": params.format_preference,
                "start": params.start_time,
                "end": params.end_time,
                "compatibility": params.compatibility,
            },
            source=job.report.get("source"),
            attempts=job.attempts,
            recorded=_recorded(progress),
        )


def _duration(job: VideoJob) -> float | None:
    actual = (job.report.get("actual") or {}).get("duration")
    if actual is not None:
        return float(actual)
    params = job.params
    if isinstance(params, LiveClipParams):
        return params.clip_duration
    if isinstance(params, RecordingParams):
        return None
    assert isinstance(params, ClipParams)
    return params.end_time - params.start_time


def _recorded(progress: dict[str, Any] | None) -> Recorded | None:
    if not progress or "recorded_bytes" not in progress:
        return None
    return Recorded(seconds=progress["recorded_seconds"], bytes=progress["recorded_bytes"])


def _common(job: VideoJob) -> dict[str, Any]:
    params = job.params
    assert isinstance(params, ClipParams | LiveClipParams | RecordingParams)
    return {
        "video_id": job.id,
        "url": params.url,
        "start_time": params.start_time,
        "end_time": params.end_time,
        "status": job.shown_status.value,
        "created_at": job.created_at,
        "kind": job.kind,
        "queued": job.waiting,
        "file_available": job.artifact is not None,
        "file_size_bytes": job.artifact.size_bytes if job.artifact else None,
        "duration": _duration(job),
        "actual": job.report.get("actual"),
        "error": error_of(job),
        "title": job.facts.get("title"),
        "anonymous": job.anonymous,
        "expires_at": job.expires_at,
        **job.outcome,
        **job.still_to_come,
    }


class VideoList(BaseModel):
    """A page of a user's videos, newest first."""

    videos: list[VideoListed]
    page: int
    per_page: int
    total: int


class Formats(BaseModel):
    """The formats in which a video is available."""

    video_id: str
    resolutions: tuple[str, ...]
    extensions: tuple[str, ...]
    formats: dict[str, tuple[str, ...]]


class Resolutions(BaseModel):
    """The resolutions in which a link is available."""

    video_id: str
    url: str
    resolutions: list[str]
