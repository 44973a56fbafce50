"""JSON of ``/audio_dl/*``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictStr,
    model_serializer,
)

from src.models.params import AudioFormat, AudioQuality
from src.routes.schemas.common import Address, JobOutcome, Record, RequestBody, UtcTime, of_job


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"


class AutoDownloadRequest(RequestBody):
    """A link whose sound is wanted. ``username``: the account (e-mail address, or what stands before the @)."""

    url: StrictStr | None = Field(default=None, max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])
    quality: AudioQuality = "best"
    format: AudioFormat = "mp3"
    username: StrictStr | None = Field(default=None, max_length=254)
    normalize_loudness: StrictBool = Field(default=False, description="Bring the sound to -16 LUFS (EBU R128).")

    def to_params(self) -> dict[str, Any]:
        """Return the request in the words of the core."""
        return {
            "url": self.url,
            "audio_format": self.format,
            "audio_quality": self.quality,
            "normalize_loudness": self.normalize_loudness,
        }


class Sound(Record):
    """A download of sound, read off an ``AutoDownload``."""

    job_id: str = of_job("id")
    session_id: str
    title: str | None = of_job("facts", "title", default=None)
    artist: str | None = of_job("report", "actual", "artist", default=None)
    file_size: int | None = of_job("artifact", "size_bytes", default=None)
    duration: Annotated[str | None, BeforeValidator(_clock)] = of_job("report", "actual", "duration", default=None)
    quality: AudioQuality = of_job("params", "audio_quality")
    format: AudioFormat = of_job("params", "audio_format")


class AutoDownloaded(Sound):
    """The finished file. A download is one record, so its ids in the database are those of session and job."""

    success: bool = True
    file_path: str = Field(validation_alias=AliasPath("link", "path"))
    download_url: Address = Field(validation_alias=AliasPath("link", "address"))
    database_session_id: str = Field(validation_alias="session_id")
    database_download_id: str = of_job("id")
    linked_to_user: str | None = Field(
        validation_alias="linked_to", description="Only of an account that accepts what others save for it."
    )

    @model_serializer(mode="wrap")
    def _without_nobody(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = fields(self)
        if told["linked_to_user"] is None:
            del told["linked_to_user"]
        return told


class AudioListed(Sound, JobOutcome):
    """One download of the history."""

    url: str = of_job("params", "url")
    status: str = of_job("status")
    created_at: UtcTime = of_job("created_at")
    error: str | None = of_job("failure", "message", default=None)
    download_url: Address | None = Field(validation_alias=AliasPath("link", "address"), default=None)


class AudioHistory(BaseModel):
    """Audio downloads of an account, newest first."""

    downloads: list[AudioListed]
    total: int
