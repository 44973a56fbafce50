"""Defines the parameters of each kind of job: one frozen model per kind, stored flat in the job's record."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Container = Literal["mp4", "webm", "best"]
Codec = Literal["h264", "h265", "av1"]
Quality = Literal["lossless", "high", "medium"]
AudioFormat = Literal["mp3", "wav", "flac"]
AudioQuality = Literal["best", "worst", "128k", "192k", "320k"]
CaptionFormat = Literal["vtt", "srt", "txt", "json"]
CaptionSource = Literal["any", "manual", "automatic"]


class JobParams(BaseModel):
    """The base of all parameters. A subclass with a ``kind`` is a kind of job, found by that name."""

    model_config = ConfigDict(frozen=True)
    kind: ClassVar[str]
    passing: ClassVar[bool] = False
    """Whether jobs of this kind only help to make a request: they are in no list, event stream or count of jobs."""

    @staticmethod
    def kinds() -> tuple[str, ...]:
        """Return the names of all kinds of jobs."""
        return tuple(model.kind for model in JobParams.__subclasses__())

    @staticmethod
    def listed_kinds() -> tuple[str, ...]:
        """Return the names of the kinds that are listed and counted."""
        return tuple(model.kind for model in JobParams.__subclasses__() if not model.passing)

    @staticmethod
    def parse(kind: str, fields: dict[str, Any]) -> JobParams:
        """Return the parameters of this kind from stored fields; fields of other kinds are ignored."""
        model = next(model for model in JobParams.__subclasses__() if model.kind == kind)
        return model.model_validate({name: fields[name] for name in model.model_fields if name in fields})


class ClipParams(JobParams):
    """A time range of a video on a site. Times are seconds from the start of the video.

    ``when_live``: a stream that has not started is awaited.
    """

    kind = "clip"

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str | None = None
    start_time: float
    end_time: float
    format_preference: Container = "mp4"
    resolution_preference: str = "1080p"
    compatibility: Literal["h265"] | None = None
    clip_mode: Literal["exact", "keyframe", "reencode"] = "exact"
    additional_message: str | None = None
    clip_offset: float | None = None
    when_live: bool = False


class LiveClipParams(JobParams):
    """A moment of a live stream, by the clock: ``[event_at - clip_offset, event_at - clip_offset + clip_duration]``.

    ``event_at`` is when the event happened that viewers saw ``latency_seconds`` later. ``stream`` names a channel; a
    worker then finds the ``youtube_video_id`` of its current stream. ``start_time`` and ``end_time`` (seconds from the
    start of the stream) are known once a worker has looked the stream up. ``saved_with`` is the id of the channel
    token, ``viewer`` the name that the bot sent. ``moved``: its owner has changed its times.
    """

    kind = "live_clip"

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str | None
    stream: str | None = None
    event_at: datetime
    latency_seconds: float = 0
    saved_with: str | None = None
    viewer: str | None = None
    clip_offset: float = 60
    clip_duration: float = 120
    moved: bool = False
    start_time: float | None = None
    end_time: float | None = None
    format_preference: Container = "mp4"
    resolution_preference: str = "1080p"
    compatibility: Literal["h265"] | None = None
    clip_mode: Literal["exact", "keyframe", "reencode"] = "exact"
    additional_message: str | None = None


class RecordingParams(JobParams):
    """A running stream from now on, or from its start, until it ends.

    ``requested_at`` is when the request arrived, and ``end_requested_at`` when its owner ended the recording.
    ``start_time`` and ``end_time`` (seconds from the start of the stream) are known at the end. ``when_live``: a stream
    that has not started is awaited.
    """

    kind = "recording"

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str
    requested_at: datetime
    end_requested_at: datetime | None = None
    from_start: bool = False
    when_live: bool = False
    start_time: float | None = None
    end_time: float | None = None
    format_preference: Container = "mp4"
    resolution_preference: str = "1080p"
    compatibility: None = None
    additional_message: str | None = None
    clip_offset: float | None = None


class EncodeParams(JobParams):
    """An uploaded file that is converted to an MP4 or to an audio file; which one is chosen when the job is started.

    ``video_codec`` and ``quality_preset`` are for an MP4, ``audio_format`` and ``audio_quality`` for an audio file.
    """

    kind = "encode"

    source_type: Literal["upload"] = "upload"
    original_filename: str
    input_file_path: str | None
    input_size_bytes: int = 0
    has_video: bool = True
    has_audio: bool = True
    video_codec: Codec | None = None
    quality_preset: Quality | None = None
    audio_codec: Literal["aac"] = "aac"
    target_size_mb: float | None = None
    target_vmaf: float | None = None
    audio_format: AudioFormat | None = None
    audio_quality: AudioQuality | None = None
    normalize_loudness: bool = False


class VideoParams(JobParams):
    """A whole video of a site. ``max_bytes`` is the size of the largest file to fetch."""

    kind = "video"

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str
    format_preference: Container = "mp4"
    resolution_preference: str = "best"
    compatibility: Literal["h265"] | None = None
    max_bytes: int | None = None


class TranscriptParams(JobParams):
    """The captions of a video: written by people, automatic, or any, which prefers those written by people."""

    kind = "transcript"

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str
    transcript_format: CaptionFormat = "vtt"
    transcript_source: CaptionSource = "any"
    caption_language: str | None = None


class BatchParams(JobParams):
    """Several time ranges of one video, in seconds from its start: ``joined`` into one video, or one file for each."""

    kind = "batch"

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str
    ranges: tuple[tuple[float, float], ...]
    joined: bool = False
    format_preference: Container = "mp4"
    resolution_preference: str = "1080p"
    clip_mode: Literal["exact", "keyframe", "reencode"] = "exact"


class StreamParams(JobParams):
    """A playlist or a video file at a public address. ``size`` is the largest acceptable (width, height).

    The recording ends after ``max_seconds`` of media, which matters for live streams. ``parallel``: fetch several
    segments at the same time.
    """

    kind = "stream"

    url: str
    stream_type: Literal["hls", "mp4"] = "hls"
    size: tuple[int, int] | None = None
    parallel: bool = True
    proxy: str | None = None
    video_name: str | None = None
    max_seconds: float | None = None


class AudioParams(JobParams):
    """The audio of a video as a separate file."""

    kind = "audio"

    url: str
    youtube_video_id: str | None
    audio_format: AudioFormat = "mp3"
    audio_quality: AudioQuality = "best"
    normalize_loudness: bool = False


class PreviewParams(JobParams):
    """A small copy of a part of a video, in which a user chooses a moment. Times are seconds from its start.

    It starts with a key frame, which is usually before ``start_time``. The preferences are those of the later clip;
    ``None`` for the defaults.
    """

    kind = "preview"
    passing = True

    source_type: Literal["youtube"] = "youtube"
    url: str
    youtube_video_id: str
    start_time: float
    end_time: float
    format_preference: Container | None = None
    resolution_preference: str | None = None
