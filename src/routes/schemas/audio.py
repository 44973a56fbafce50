"""JSON of ``/audio_dl/*``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, StrictBool, StrictStr, model_serializer

from src.models.params import AudioFormat, AudioParams, AudioQuality
from src.models.video import VideoJob
from src.routes.schemas.common import RequestBody, UtcTime
from src.services.auto_download_service import AutoDownload
from src.services.media_links import MediaLink


class AutoDownloadRequest(RequestBody):
    """A link whose sound is wanted. ``username``: the account (e-mail address, or what stands before the @)."""

    url: StrictStr | None = Field(default=None, max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])
    quality: AudioQuality = "best"
    format: AudioFormat = "mp3"
    username: StrictStr | None = Field(default=None, max_length=254)
    normalize_loudness: StrictBool = Field(default=False, description="Bring the sound to -16 LUFS (EBU R128).")

    def to_params(self) -> dict[str, Any]:
        """The request in the words of the core."""
        return {
            "url": self.url,
            "audio_format": self.format,
            "audio_quality": self.quality,
            "normalize_loudness": self.normalize_loudness,
        }


class AutoDownloaded(BaseModel):
    """The finished file. A download is one record, so its ids in the database are those of session and job."""

    success: bool = True
    file_path: str
    download_url: str
    title: str | None
    artist: str | None
    file_size: int
    duration: str
    quality: AudioQuality
    format: AudioFormat
    session_id: str
    job_id: str
    database_session_id: str
    database_download_id: str
    linked_to_user: str | None = None

    @model_serializer(mode="wrap")
    def _without_nobody(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = fields(self)
        if told["linked_to_user"] is None:
            del told["linked_to_user"]
        return told

    @classmethod
    def of(cls, made: AutoDownload, link: MediaLink, address: str) -> AutoDownloaded:
        """A finished download with the link to its file."""
        return cls(
            file_path=link.path,
            download_url=address,
            session_id=made.session_id,
            job_id=made.job.id,
            database_session_id=made.session_id,
            database_download_id=made.job.id,
            linked_to_user=made.linked_to,
            **_sound(made.job),
        )


class AudioListed(BaseModel):
    """One download of the history."""

    job_id: str
    session_id: str
    url: str
    status: str
    created_at: UtcTime
    title: str | None
    artist: str | None
    file_size: int | None
    duration: str | None
    quality: AudioQuality
    format: AudioFormat
    error: str | None
    download_url: str | None

    @classmethod
    def of(cls, job: VideoJob, session_id: str, address: str | None) -> AudioListed:
        """A job with the link to its file, if that is there."""
        return cls(
            job_id=job.id,
            session_id=session_id,
            url=getattr(job.params, "url", ""),
            status=job.status.value,
            created_at=job.created_at,
            error=job.failure.message if job.failure else None,
            download_url=address,
            **_sound(job),
        )


class AudioHistory(BaseModel):
    """Audio downloads of an account, newest first."""

    downloads: list[AudioListed]
    total: int


def _sound(job: VideoJob) -> dict[str, Any]:
    assert isinstance(job.params, AudioParams)
    actual = job.report.get("actual", {})
    seconds = actual.get("duration")
    minutes, second = divmod(round(seconds or 0), 60)
    return {
        "title": job.facts.get("title"),
        "artist": actual.get("artist"),
        "file_size": job.artifact.size_bytes if job.artifact else None,
        "duration": None if seconds is None else f"{minutes // 60:02}:{minutes % 60:02}:{second:02}",
        "quality": job.params.audio_quality,
        "format": job.params.audio_format,
    }
