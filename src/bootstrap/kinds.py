"""Lists all kinds of jobs: one row each, with its parameters, its queue, its handler and how the handler is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from src.config import Settings
from src.models.job_kinds import CAPTURES, DOWNLOADS, ENCODES, JobKind, KindTable
from src.models.params import (
    AudioParams,
    BatchParams,
    ClipParams,
    EncodeParams,
    LiveClipParams,
    PreviewParams,
    RecordingParams,
    StreamParams,
    TranscriptParams,
    VideoParams,
)
from src.services.audio.download import AudioDownloadService
from src.services.audio.kind import AudioHandler
from src.services.clips.batch import ClipBatchService
from src.services.clips.batch_kind import BatchHandler
from src.services.clips.kind import ClipHandler
from src.services.clips.preview_attention import PreviewAttention
from src.services.clips.preview_kind import PreviewHandler
from src.services.clips.previews import PreviewService
from src.services.downloads.transcript_kind import TranscriptHandler
from src.services.downloads.video_kind import VideoHandler
from src.services.egress.proxy import EgressProxy
from src.services.encoding.audio_extraction import AudioService
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.jobs.handler import JobHandler
from src.services.live.kind import LiveClipHandler
from src.services.live.ranges import StreamRanges
from src.services.live.service import LiveService
from src.services.live.shared.rolling import ChatCommands
from src.services.live.whole.kind import RecordingHandler, RecordingLimits
from src.services.streams.kind import StreamHandler
from src.services.streams.service import StreamService
from src.services.uploads.chunk_workers import ChunkWorkers
from src.services.uploads.kind import EncodeHandler
from src.services.video_service import VideoService
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock

_LONGEST_CAPTURE_SECONDS = 900  # of a recording by one attempt, after which others that wait have their turn


@dataclass(frozen=True)
class Tools:
    """The services that handlers use. ``audio_downloads`` is set where a test replaces this service."""

    settings: Settings
    clock: Clock
    ffmpeg: FFmpeg
    egress: EgressProxy
    youtube: YouTubeService
    videos: VideoService
    encoder: EncodingService
    audio: AudioService
    chunks: ChunkWorkers
    live: LiveService
    attention: PreviewAttention
    audio_downloads: AudioDownloadService | None = None
    commands: ChatCommands = field(default_factory=ChatCommands)


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of job, and how to build its handler."""

    kind: JobKind
    build: Callable[[Tools], JobHandler[Any]]


def _live(tools: Tools) -> LiveClipHandler:
    hours = tools.settings.live_repair_hours
    return LiveClipHandler(
        tools.live,
        tools.videos,
        tools.youtube,
        repair_hours=hours,
        clock=tools.clock,
        on_command=tools.commands.add,
    )


def _recording(tools: Tools) -> RecordingHandler:
    live, settings = tools.live, tools.settings
    attempt_seconds = min(settings.job_hard_limit_seconds / 4, _LONGEST_CAPTURE_SECONDS)
    limits = RecordingLimits(settings.recording_max_hours, settings.recording_max_mb * 1e6, attempt_seconds)
    return RecordingHandler(live, tools.youtube, limits, clock=tools.clock)


def _clip(tools: Tools) -> ClipHandler:
    return ClipHandler(tools.videos, StreamRanges(_live(tools), tools.youtube, clock=tools.clock))


def _batch(tools: Tools) -> BatchHandler:
    return BatchHandler(ClipBatchService(tools.settings, tools.youtube, tools.ffmpeg, tools.egress))


def _preview(tools: Tools) -> PreviewHandler:
    previews = PreviewService(tools.settings, tools.youtube, tools.ffmpeg, tools.egress)
    return PreviewHandler(previews, tools.attention, tools.clock)


def _audio(tools: Tools) -> AudioHandler:
    downloads = tools.audio_downloads or AudioDownloadService(
        tools.settings, tools.youtube, tools.audio, tools.ffmpeg, egress=tools.egress
    )
    return AudioHandler(downloads)


ROWS = (
    Row(
        JobKind(
            ClipParams,
            DOWNLOADS,
            same=(
                "youtube_video_id",
                "start_time",
                "end_time",
                "format_preference",
                "resolution_preference",
                "compatibility",
                "clip_mode",
            ),
        ),
        _clip,
    ),
    Row(JobKind(LiveClipParams, DOWNLOADS, urgent=True, starts_in=CAPTURES), _live),
    Row(JobKind(RecordingParams, DOWNLOADS, starts_in=CAPTURES, delivers=True), _recording),
    Row(JobKind(BatchParams, DOWNLOADS), _batch),
    Row(JobKind(PreviewParams, DOWNLOADS), _preview),
    Row(JobKind(VideoParams, DOWNLOADS, long=True), lambda tools: VideoHandler(tools.videos)),
    Row(JobKind(TranscriptParams, DOWNLOADS), lambda tools: TranscriptHandler(tools.youtube)),
    Row(
        JobKind(StreamParams, DOWNLOADS, long=True),
        lambda tools: StreamHandler(StreamService(tools.settings, tools.egress, tools.ffmpeg)),
    ),
    Row(JobKind(AudioParams, DOWNLOADS, long=True), _audio),
    Row(JobKind(EncodeParams, ENCODES), lambda tools: EncodeHandler(tools.encoder, tools.audio, tools.chunks)),
)

KINDS = KindTable((row.kind for row in ROWS), stand_ins={CAPTURES: DOWNLOADS})


def build_handlers(tools: Tools) -> dict[str, JobHandler[Any]]:
    """Return the handlers of all kinds by name. Those for running streams share their captures."""
    return {row.kind.name: row.build(tools) for row in ROWS}
