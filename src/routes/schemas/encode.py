"""Defines the JSON of ``/api/encode/*``."""

from __future__ import annotations

from typing import Any, Self, cast

from pydantic import BaseModel, Field, StrictBool, StrictStr

from src.errors import CodecUnsupported, RequestInvalid
from src.models.params import AudioFormat, AudioQuality, Codec, EncodeParams, Quality
from src.models.video import VideoJob
from src.routes.schemas.common import LocalAddress, OutcomeShown, RequestBody, UtcTime, megabytes, plain_number
from src.routes.schemas.video import ErrorFact, error_of
from src.services.uploads.uploads import EncodeChoice, Uploaded


class StartEncoding(RequestBody):
    """Codec (h264, h265, av1) and quality (lossless, high, medium).

    At most one target may replace the number of a lossy quality: ``target_size_mb`` (the largest file, in 10^6 bytes)
    or ``target_vmaf`` (visual quality, 0 to 100, measured on samples).
    """

    video_codec: StrictStr = Field(examples=["h264"])
    quality_preset: StrictStr = Field(examples=["high"])
    target_size_mb: float | None = Field(default=None, gt=0, le=1_000_000)
    target_vmaf: float | None = Field(default=None, ge=20, le=100)

    def choice(self, known: dict[str, list[str]]) -> EncodeChoice:
        """Return the chosen codec, quality and target.

        Raises:
            CodecUnsupported: the codec or the quality is not known.
            RequestInvalid: two targets, or one for a lossless encode.
        """
        if self.quality_preset not in known.get(self.video_codec, []):
            raise CodecUnsupported(codecs=known)
        targets = [target for target in (self.target_size_mb, self.target_vmaf) if target is not None]
        if len(targets) > 1 or (targets and self.quality_preset == "lossless"):
            raise RequestInvalid("A target needs quality 'high' or 'medium', and only one target is allowed.")
        return EncodeChoice(
            cast(Codec, self.video_codec),
            cast(Quality, self.quality_preset),
            self.target_size_mb,
            self.target_vmaf,
        )


class TakeAudio(RequestBody):
    """Format (mp3, wav, flac) and quality of the audio.

    For mp3, ``best`` and ``worst`` are variable bit rates (V0 and V9), the others constant ones; wav and flac are
    lossless, with 22.05 kHz for ``worst``. ``normalize_loudness`` produces -16 LUFS (EBU R128, two passes).
    """

    format: AudioFormat = "mp3"
    quality: AudioQuality = "best"
    normalize_loudness: StrictBool = False

    def choice(self) -> EncodeChoice:
        """Return the request as the service understands it."""
        return EncodeChoice(
            audio_format=self.format, audio_quality=self.quality, normalize_loudness=self.normalize_loudness
        )


class Upload(BaseModel):
    """An upload was stored."""

    encode_id: str
    original_filename: str
    file_size_mb: float
    metadata: dict[str, Any]

    @classmethod
    def of(cls, uploaded: Uploaded) -> Self:
        """Return the reply for a stored upload."""
        assert isinstance(uploaded.job.params, EncodeParams)
        seconds = uploaded.metadata.get("duration")
        duration = plain_number(seconds) if isinstance(seconds, float) else seconds
        return cls(
            encode_id=uploaded.job.id,
            original_filename=uploaded.job.params.original_filename,
            file_size_mb=megabytes(uploaded.size_bytes),
            metadata={**uploaded.metadata, "duration": duration},
        )


class VideoUploaded(Upload):
    """A video was stored."""

    message: str = "Video uploaded successfully"


class AudioUploaded(Upload):
    """An audio file was stored."""

    message: str = "Audio uploaded successfully"


class AudioMade(BaseModel):
    """The audio file is ready."""

    message: str = "Audio extracted successfully"
    encode_id: str
    file_size_mb: float
    format: AudioFormat
    quality: AudioQuality
    report: dict[str, Any]

    @classmethod
    def of(cls, job: VideoJob) -> AudioMade:
        """Return the reply for a finished job."""
        params = job.params
        assert isinstance(params, EncodeParams) and params.audio_format is not None and job.artifact is not None
        return cls(
            encode_id=job.id,
            file_size_mb=megabytes(job.artifact.size_bytes),
            format=params.audio_format,
            quality=params.audio_quality or "best",
            report=job.report,
        )


class VideoEncoded(BaseModel):
    """The encode is finished."""

    message: str = "Video encoded successfully"
    encode_id: str
    file_size_mb: float


class EncodeStatus(OutcomeShown):
    """All details of an encode.

    ``progress`` is 0-100, and 100 only when it is finished. The size is that of the upload until then, and afterwards
    that of the file, also after it has expired.
    """

    encode_id: str
    status: str
    progress: int
    original_filename: str
    video_codec: str | None
    quality_preset: str | None
    audio_format: str | None
    audio_quality: str | None
    created_at: UtcTime
    encoding_started_at: UtcTime | None
    encoding_completed_at: UtcTime | None
    expires_at: UtcTime | None
    file_available: bool
    file_size_mb: float
    file_size_bytes: int
    speed: str | None = None
    eta: str | None = None
    fps: float | None = None
    error: ErrorFact | None = None
    error_message: str | None = None
    report: dict[str, Any] | None = None

    @classmethod
    def of(cls, job: VideoJob, progress: dict[str, Any] | None) -> Self:
        """Return the status of a job with its latest progress."""
        params = job.params
        assert isinstance(params, EncodeParams)
        reading, error = progress or {}, error_of(job)
        done = 100 if job.status == "completed" else min(int(reading.get("encoding_progress", 0)), 99)
        size = params.input_size_bytes if job.result_bytes is None else job.result_bytes
        return cls(
            encode_id=job.id,
            status=job.status.value,
            progress=done,
            original_filename=params.original_filename,
            video_codec=params.video_codec,
            quality_preset=params.quality_preset,
            audio_format=params.audio_format,
            audio_quality=params.audio_quality,
            created_at=job.created_at,
            encoding_started_at=job.started_at,
            encoding_completed_at=job.completed_at,
            expires_at=job.expires_at,
            file_available=job.artifact is not None,
            file_size_mb=megabytes(size),
            file_size_bytes=size,
            speed=reading.get("speed"),
            eta=reading.get("eta"),
            fps=reading.get("fps"),
            error=error,
            error_message=error.message if error else None,
            report=job.report or None,
            **job.outcome,
        )


class EncodeListed(EncodeStatus):
    """An entry in the list of encodes."""

    kind: str = EncodeParams.kind
    poster: LocalAddress | None = Field(
        default=None, description="A still image of the file: a path at this service's host, valid for an hour."
    )


class EncodeList(BaseModel):
    """A page of a user's encodes, newest first."""

    encodes: list[EncodeListed]
    page: int
    per_page: int
    total: int


class Codecs(BaseModel):
    """The supported codecs with their quality presets."""

    codecs: dict[str, list[str]]
