"""Builds what produces files, without any knowledge of callers: FFmpeg, the tools, and what runs jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from src.bootstrap.kinds import KINDS, Tools, build_handlers
from src.bootstrap.running import Running, build_running
from src.config import Settings
from src.data.archive_data import ArchiveData
from src.data.chunk_data import ChunkData
from src.data.claim_data import ClaimData
from src.data.space_data import SpaceData
from src.data.stored_paths import StoredPaths
from src.data.stream_clock_data import StreamClockData
from src.data.video_data import VideoData
from src.services.audio.download import AudioDownloadService
from src.services.cache_service import CacheService
from src.services.clips.preview_attention import PreviewAttention
from src.services.cutting.cutter import CutterFactory
from src.services.egress.proxy import EgressProxy
from src.services.encoding.ability_store import AbilityStore
from src.services.encoding.audio_extraction import AudioService
from src.services.encoding.programs import FFmpegPrograms
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.file_store import FileStore
from src.services.jobs.counters import JobCounters
from src.services.jobs.limits import AttemptLimits
from src.services.jobs.notifier import WorkerNotifier
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.process import Process
from src.services.jobs.stores import JobStores
from src.services.live.service import LiveService
from src.services.live.whole.output import RecordingCutter
from src.services.progress_cache import ProgressCache
from src.services.uploads.chunk_workers import ChunkWorkers
from src.services.video_service import VideoService
from src.services.youtube.lookup_cache import LookupCache
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock
from src.utils.ffmpeg_program import find_programs


@dataclass(frozen=True)
class Replacements:
    """Services that a test uses in place of the real ones."""

    youtube: YouTubeService | None = None
    encoder: EncodingService | None = None
    videos: VideoService | None = None
    live: LiveService | None = None
    audio_downloads: AudioDownloadService | None = None


@dataclass(frozen=True)
class Production:
    """The services that run jobs, and those that they use."""

    programs: FFmpegPrograms
    ffmpeg: FFmpeg
    egress: EgressProxy
    tools: Tools
    paths: StoredPaths
    lookups: LookupCache
    stores: JobStores
    running: Running


def build_production(
    settings: Settings,
    database: Database[dict[str, Any]],
    cache: CacheService,
    clock: Clock,
    notifier: WorkerNotifier,
    process: Process,
    given: Replacements,
) -> Production:
    """Build all services below the use cases.

    Raises:
        FfmpegMissing: FFmpeg was not found.
    """
    files = FileStore(settings.downloads_dir, settings.uploads_dir, min_free_mb=settings.min_free_disk_mb)
    paths = StoredPaths.below(settings.downloads_dir, settings.uploads_dir)
    space = OwnerSpace(
        SpaceData(database),
        VideoData(database, paths),
        ArchiveData(database, paths),
        files,
        clock,
        user_quota_bytes=settings.user_quota_mb * 1_000_000,
        anonymous_quota_bytes=settings.anonymous_quota_mb * 1_000_000,
        anonymous_percent=settings.anonymous_disk_percent,
    )
    clocks = StreamClockData(database)
    progress, counters = ProgressCache(cache), JobCounters(cache)
    programs = FFmpegPrograms(find_programs(settings.ffmpeg_path), AbilityStore(settings.data_dir / "ffmpeg"))
    ffmpeg, egress = programs.software(), EgressProxy.of(settings)
    encoder = given.encoder or EncodingService(
        ffmpeg,
        hardware=settings.hardware_encoding,
        chunk_seconds=settings.encode_chunk_seconds,
        programs=programs,
    )
    lookups = LookupCache(settings.data_dir / "looks")
    youtube = given.youtube or YouTubeService(settings, cache, egress=egress, lookup_cache=lookups)
    chunks = ChunkWorkers(
        ChunkData(database),
        encoder,
        files,
        progress,
        notifier,
        worker=process.worker,
        helpers=settings.encode_workers - 1 if settings.encode_helpers is None else settings.encode_helpers,
        lease_seconds=settings.job_lease_seconds,
        hard_limit_seconds=settings.job_hard_limit_seconds,
        shutdown=process.shutdown,
    )
    tools = Tools(
        settings=settings,
        clock=clock,
        ffmpeg=ffmpeg,
        egress=egress,
        youtube=youtube,
        videos=given.videos
        or VideoService(settings, youtube, encoder, ffmpeg, egress=egress, stream_clock=clocks.find),
        encoder=encoder,
        audio=AudioService(ffmpeg),
        chunks=chunks,
        attention=PreviewAttention(cache),
        live=given.live
        or LiveService(
            settings,
            youtube,
            encoder,
            ffmpeg,
            clock=clock,
            egress=egress,
            whole_cutter=RecordingCutter(CutterFactory(settings, ffmpeg, egress)),
            count=counters.captured,
            clocks=clocks,
        ),
        audio_downloads=given.audio_downloads,
    )
    stores = JobStores(VideoData(database, paths), ClaimData(database, paths), files, progress, counters, space)
    running = build_running(
        database,
        stores,
        notifier,
        build_handlers(tools),
        KINDS,
        AttemptLimits.of(settings),
        process,
        lane_places=settings.captures_at_once,
    )
    return Production(programs, ffmpeg, egress, tools, paths, lookups, stores, running)
