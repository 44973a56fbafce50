"""Builds all services that routes and tasks use from the settings; a test replaces a service by an argument."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from pymongo.database import Database

from src.bootstrap.kinds import KINDS, Tools
from src.bootstrap.production import Production, Replacements, build_production
from src.config import Settings
from src.data.admin_data import AdminData
from src.data.archive_data import ArchiveData
from src.data.channel_token_data import ChannelTokenData
from src.data.expiry_data import ExpiryData
from src.data.guest_data import GuestData
from src.data.idempotency_data import IdempotencyData
from src.data.lock_data import LockData
from src.data.server_clock import ServerClock
from src.data.session_data import SessionData
from src.data.share_data import ShareData
from src.data.upload_data import UploadData
from src.data.user_data import UserData
from src.data.video_data import VideoData
from src.data.webhook_data import WebhookData
from src.data.work_plan_data import WorkPlanData
from src.data.worker_data import WorkerData
from src.models.video import Owner
from src.services import db_service
from src.services.accounts.accounts import AccountService, build_accounts
from src.services.accounts.administrators import AdminAccounts
from src.services.accounts.guests import GuestService
from src.services.accounts.save_permissions import AnonymousSaves
from src.services.archive.catalog import CatalogService
from src.services.archive.library import LibraryService
from src.services.audio.download import AudioDownloadService
from src.services.audio.requests import AutoDownloads
from src.services.cache_service import CacheService, connect_redis
from src.services.chat.answers import Answers
from src.services.chat.channel_tokens import ChannelTokenService
from src.services.chat.chat import ChatService
from src.services.chat.cooldown import Cooldown
from src.services.chat.moderation import ModerationService
from src.services.cleanup_service import CleanupService
from src.services.clips.offers import MetadataService
from src.services.clips.preview_requests import PreviewRequests
from src.services.clips.requests import ClipService
from src.services.clips.saved_clips import SavedClips
from src.services.cutting.shared_media import SharedMedia
from src.services.downloads.requests import DownloadService
from src.services.downloads.work_plans import WorkPlanService
from src.services.encoding_service import EncodingService
from src.services.events.events import JobEvents
from src.services.events.feed import ProgressFeed
from src.services.events.slots import Slots
from src.services.events.webhooks import WebhookService
from src.services.file_store import FileStore
from src.services.jobs.bursts import BurstNotices
from src.services.jobs.dispatch import Dispatcher
from src.services.jobs.estimates import CompletionEstimates
from src.services.jobs.file_links import FileLinks
from src.services.jobs.idempotency import IdempotencyService
from src.services.jobs.jobs import JobService
from src.services.jobs.lease import ShutdownFlag
from src.services.jobs.notifier import WorkerNotifier
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.process import Process
from src.services.jobs.reconciler import Reconciler
from src.services.jobs.runner import JobRunner
from src.services.live.service import LiveService
from src.services.live.shared.rolling import RollingCaptures
from src.services.operations.diagnostics import DiagnosticsService
from src.services.operations.folder_claim import owner_of_folders
from src.services.operations.folder_owner import FolderOwner
from src.services.operations.health import HealthService
from src.services.operations.self_test import SelfTest
from src.services.progress_cache import ProgressCache
from src.services.sharing.chat_links import ChatLinks
from src.services.sharing.share_links import ShareService
from src.services.streams.requests import StreamRequests
from src.services.uploads.chunk_workers import ChunkWorkers
from src.services.uploads.resumable import ResumableUploadService
from src.services.uploads.space import UploadSpace
from src.services.uploads.uploads import UploadService
from src.services.video_service import VideoService
from src.services.window_counters import WindowCounters
from src.services.youtube.storyboard_sheets import Storyboards
from src.services.youtube_service import YouTubeService
from src.utils.clock import Clock, SystemClock
from src.utils.email import read_admins
from src.utils.latency import latency_seconds
from src.utils.signing import Signer


@dataclass(frozen=True)
class Services:
    """All services that routes and tasks use."""

    settings: Settings
    database: Database[dict[str, Any]]
    cache: CacheService
    accounts: AccountService
    admins: AdminAccounts
    anonymous_saves: AnonymousSaves
    jobs: JobService
    clips: ClipService
    saved_clips: SavedClips
    previews: PreviewRequests
    channel_tokens: ChannelTokenService
    chat: ChatService
    moderation: ModerationService
    uploads: UploadService
    resumable: ResumableUploadService
    metadata: MetadataService
    storyboards: Storyboards
    guests: GuestService
    downloads: DownloadService
    estimates: CompletionEstimates
    catalog: CatalogService
    library: LibraryService
    events: JobEvents
    webhooks: WebhookService
    shares: ShareService
    idempotency: IdempotencyService
    streams: StreamRequests
    auto_downloads: AutoDownloads
    file_links: FileLinks
    work_plans: WorkPlanService
    health: HealthService
    diagnostics: DiagnosticsService
    counters: WindowCounters
    encoder: EncodingService
    cleanup: CleanupService
    folders: FolderOwner
    runner: JobRunner
    dispatcher: Dispatcher
    reconciler: Reconciler
    shutdown: ShutdownFlag
    chunks: ChunkWorkers
    files: FileStore
    space: OwnerSpace
    upload_space: Callable[[Owner, str, int], UploadSpace]
    progress: ProgressCache
    locks: LockData
    rolling: RollingCaptures


def build(
    settings: Settings,
    *,
    notifier: WorkerNotifier,
    worker: str = "api",
    database: Database[dict[str, Any]] | None = None,
    redis_client: redis.Redis | None = None,
    clock: Clock | None = None,
    shutdown: ShutdownFlag | None = None,
    end_process: Callable[[], None] | None = None,
    youtube: YouTubeService | None = None,
    encoder: EncodingService | None = None,
    videos: VideoService | None = None,
    live: LiveService | None = None,
    audio_downloads: AudioDownloadService | None = None,
    replies_first: bool = False,
) -> Services:
    """Return all services of one process.

    ``replies_first``: workers are notified of clips of chats when the burst of commands is over.

    Raises:
        SettingsError: the address of a store is not valid.
        FfmpegMissing: FFmpeg was not found.
    """
    database = db_service.connect(settings.mongodb_uri) if database is None else database
    server_clock = clock or ServerClock(database)
    clock = clock or SystemClock()
    cache = CacheService(redis_client or connect_redis(settings.redis_uri), clock=clock)
    users, sessions = UserData(database), SessionData(database)
    locks = LockData(database)
    admins = AdminAccounts(AdminData(database), users, clock, read_admins(settings.admin_emails))
    process = Process(worker, shutdown or ShutdownFlag(), end_process)
    production = build_production(
        settings,
        database,
        cache,
        clock,
        notifier,
        process,
        Replacements(youtube, encoder, videos, live, audio_downloads),
    )
    tools, egress = production.tools, production.egress
    stores, running, paths = production.stores, production.running, production.paths
    jobs_data, files, folders = stores.jobs, stores.files, owner_of_folders(settings, database)
    jobs = JobService(
        stores,
        running.dispatcher,
        running.finisher,
        clock,
        KINDS,
        max_open=settings.max_pending_per_user,
        keep_seconds=settings.video_retention_minutes * 60,
        anonymous_life=timedelta(hours=settings.anonymous_save_hours),
        max_waiting=settings.api_threads // 2,
        shutdown=process.shutdown,
        bursts=BurstNotices(running.dispatcher) if replies_first else None,
    )
    counters = WindowCounters(cache, clock)
    storyboards = Storyboards(cache, egress, settings.data_dir / "storyboards", verify_tls=settings.ytdlp_verify_tls)
    signer = Signer(settings.flask_secret_key)
    links = FileLinks(jobs, users, signer, clock)
    guests = _guests(settings, database, jobs_data, counters, clock)
    downloads = DownloadService(
        jobs,
        guests,
        files,
        archive_max_bytes=settings.archive_max_file_mb * 1_000_000,
        archive_keep_seconds=settings.archive_retention_days * 86_400 or math.inf,
    )
    clips = ClipService(
        jobs,
        users,
        guests,
        notifier,
        clock,
        max_seconds=settings.max_video_duration,
        recording_keep_seconds=settings.stream_retention_days * 86_400,
        default_format=settings.default_video_format,
        default_resolution=settings.default_video_resolution,
    )
    shares = ShareService(ShareData(database), jobs, users, signer, clock, life=timedelta(hours=settings.share_hours))
    chat_links = ChatLinks(ChannelTokenData(database), shares, public_url=settings.public_url)
    webhooks = WebhookService(
        WebhookData(database),
        jobs,
        egress,
        signer,
        clock,
        attempts=settings.webhook_attempts,
        timeout=settings.webhook_timeout_seconds,
        links=chat_links.for_message,
    )
    cleanup = _cleanup(settings, database, production, server_clock, folders)
    health = HealthService(
        guests,
        jobs,
        stores.counters,
        files,
        clock,
        mongodb=lambda: db_service.ping(database),
        redis=cache.ping,
        ffmpeg_programs=production.programs.paths,
        notices=cleanup.notices,
        has_workers=lambda queue: WorkerData(database).count(queue) > 0,
        most_capture_bytes=int(settings.captures_mb * 1_000_000) or None,
    )
    channel_tokens = ChannelTokenService(
        ChannelTokenData(database), webhooks, clock, max_seconds=settings.max_video_duration
    )
    uploads = UploadService(
        jobs, files, tools.encoder, tools.audio, clock, keep_minutes=settings.video_retention_minutes
    )
    anonymous_saves = AnonymousSaves(
        users, counters, clock, per_hour=settings.anonymous_saves_per_hour, enabled=settings.rate_limit_enabled
    )
    return Services(
        settings=settings,
        database=database,
        cache=cache,
        anonymous_saves=anonymous_saves,
        accounts=build_accounts(settings, users, sessions, cache, clock, admins),
        admins=admins,
        jobs=jobs,
        clips=clips,
        saved_clips=SavedClips(jobs, guests, tools.encoder),
        previews=PreviewRequests(jobs, tools.attention, counters, signer, clock, enabled=settings.rate_limit_enabled),
        channel_tokens=channel_tokens,
        chat=ChatService(
            clips,
            jobs,
            channel_tokens,
            Cooldown(counters, enabled=settings.rate_limit_enabled),
            tools.youtube,
            clock,
            latency=latency_seconds(settings.live_latency),
            deliveries=webhooks,
            answers=Answers(cache, jobs),
            links=chat_links.for_answer,
        ),
        moderation=ModerationService(jobs, clips),
        uploads=uploads,
        resumable=ResumableUploadService(
            UploadData(database), uploads, files, stores.space, clock, max_bytes=settings.max_upload_size_mb * 1_000_000
        ),
        webhooks=webhooks,
        shares=shares,
        idempotency=IdempotencyService(IdempotencyData(database), clock),
        events=JobEvents(
            jobs, ProgressFeed(cache), clock, slots=_slots(settings), heartbeat=settings.event_heartbeat_seconds
        ),
        streams=StreamRequests(jobs, links, signer, settings),
        auto_downloads=AutoDownloads(
            jobs,
            links,
            jobs_data,
            users,
            clock,
            is_permitted=anonymous_saves.is_permitted,
            seconds=settings.auto_download_timeout,
        ),
        file_links=links,
        metadata=MetadataService(tools.youtube, jobs_data, storyboards),
        storyboards=storyboards,
        guests=guests,
        downloads=downloads,
        estimates=CompletionEstimates(jobs, stores.counters, clock, workers=settings.download_workers),
        catalog=CatalogService(tools.youtube, cache, clock, life=timedelta(minutes=settings.metadata_cache_minutes)),
        library=LibraryService(ArchiveData(database, paths), jobs_data, jobs, files, tools.encoder, clock),
        work_plans=WorkPlanService(WorkPlanData(database), jobs_data, downloads, clock),
        health=health,
        diagnostics=DiagnosticsService(
            health,
            SelfTest(production.ffmpeg, files, locks, cache, egress),
            database,
            cache,
            files,
            clock,
            programs=production.programs,
            encoder=tools.encoder,
            idle_admins=admins.without_effect,
        ),
        counters=counters,
        encoder=tools.encoder,
        cleanup=cleanup,
        folders=folders,
        runner=running.runner,
        dispatcher=running.dispatcher,
        reconciler=running.reconciler,
        shutdown=process.shutdown,
        chunks=tools.chunks,
        files=files,
        space=stores.space,
        upload_space=functools.partial(UploadSpace, stores.space, files),
        progress=stores.progress,
        locks=locks,
        rolling=_rolling(settings, tools, ChannelTokenData(database), files, clock),
    )


def _guests(
    settings: Settings, database: Database[dict[str, Any]], jobs: VideoData, counters: WindowCounters, clock: Clock
) -> GuestService:
    per_address: int | None = settings.sessions_per_address
    open_per_address: int | None = settings.sessions_open_per_address
    if not settings.rate_limit_enabled:
        per_address = open_per_address = None
    return GuestService(
        GuestData(database),
        jobs,
        counters,
        clock,
        session_limit=settings.session_limit,
        job_limit=settings.session_job_limit,
        life=timedelta(hours=settings.session_hours),
        per_address=per_address,
        open_per_address=open_per_address,
    )


def _cleanup(
    settings: Settings,
    database: Database[dict[str, Any]],
    production: Production,
    server_clock: Clock,
    folders: FolderOwner,
) -> CleanupService:
    return CleanupService(
        ExpiryData(database, production.paths),
        production.stores.files,
        server_clock,
        record_days=settings.record_retention_days,
        saved_days=settings.saved_retention_days,
        lookups=production.lookups,
        shared=SharedMedia.of(settings),
        owner=folders,
    )


def _slots(settings: Settings) -> Slots:
    if not settings.rate_limit_enabled:
        return Slots(settings.event_streams)
    return Slots(
        settings.event_streams,
        per_owner=settings.event_streams_per_owner,
        per_address=settings.event_streams_per_address,
    )


def _rolling(
    settings: Settings, tools: Tools, tokens: ChannelTokenData, files: FileStore, clock: Clock
) -> RollingCaptures:
    return RollingCaptures(
        tokens,
        functools.partial(tools.live.shared_capture, resolution=settings.default_video_resolution),
        files.pools,
        clock,
        most=settings.rolling_captures,
        most_bytes=settings.rolling_mb * 1e6,
        commands=tools.commands,
    )
