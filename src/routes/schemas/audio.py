"""Defines the JSON of ``/audio_dl/*``."""

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
    """A link to a video. ``username``: the account (e-mail address, or its part before the @)."""

    url: StrictStr | None = Field(default=None, max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ"])
    quality: AudioQuality = "best"
    format: AudioFormat = "mp3"
    username: StrictStr | None = Field(default=None, max_length=254)
    normalize_loudness: StrictBool = Field(default=False, description="Normalise the audio to -16 LUFS (EBU R128).")

    def to_params(self) -> dict[str, Any]:
        """Return the request in the words of the core."""
        return {
            "url": self.url,
            "audio_format": self.format,
            "audio_quality": self.quality,
            "normalize_loudness": self.normalize_loudness,
        }


class AudioDownload(Record):
    """An audio download."""

    job_id: str = of_job("id")
    session_id: str
    title: str | None = of_job("facts", "title", default=None)
    artist: str | None = of_job("report", "actual", "artist", default=None)
    file_size: int | None = of_job("artifact", "size_bytes", default=None)
    duration: Annotated[str | None, BeforeValidator(_clock)] = of_job("report", "actual", "duration", default=None)
    quality: AudioQuality = of_job("params", "audio_quality")
    format: AudioFormat = of_job("params", "audio_format")


class AutoDownloaded(AudioDownload):
    """The finished file. A download is one record, so session and job have the same ids in the database."""

    success: bool = True
    file_path: str = Field(validation_alias=AliasPath("link", "path"))
    download_url: Address = Field(validation_alias=AliasPath("link", "address"))
    database_session_id: str = Field(validation_alias="session_id")
    database_download_id: str = of_job("id")
    linked_to_user: str | None = Field(
        validation_alias="linked_to", description="Only for an account that accepts clips saved by others."
    )

    @model_serializer(mode="wrap")
    def _without_empty_user(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        if fields["linked_to_user"] is None:
            del fields["linked_to_user"]
        return fields


class AudioListed(AudioDownload, JobOutcome):
    """An entry in the history of downloads."""

    url: str = of_job("params", "url")
    status: str = of_job("status")
    created_at: UtcTime = of_job("created_at")
    error: str | None = of_job("failure", "message", default=None)
    download_url: Address | None = Field(validation_alias=AliasPath("link", "address"), default=None)


class AudioHistory(BaseModel):
    """The audio downloads of an account, newest first."""

    downloads: list[AudioListed]
    total: int
