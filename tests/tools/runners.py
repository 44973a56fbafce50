"""Builds what runs jobs over the stores of a test, with the composition of the product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from src.bootstrap.kinds import KINDS
from src.bootstrap.running import Running, build_running
from src.data.archive_data import ArchiveData
from src.data.claim_data import ClaimData
from src.data.space_data import SpaceData
from src.data.stored_paths import StoredPaths
from src.data.video_data import VideoData
from src.models.job_kinds import KindTable
from src.services.cache_service import CacheService
from src.services.file_store import FileStore
from src.services.jobs.counters import JobCounters
from src.services.jobs.handler import JobHandler
from src.services.jobs.limits import AttemptLimits
from src.services.jobs.notifier import WorkerNotifier
from src.services.jobs.owner_space import OwnerSpace
from src.services.jobs.process import Process
from src.services.jobs.stores import JobStores
from src.services.progress_cache import ProgressCache
from src.utils.clock import SystemClock


def job_stores(
    database: Database[dict[str, Any]], cache: CacheService, files: FileStore, paths: StoredPaths | None = None
) -> JobStores:
    """The stores of jobs over this database; no owner has a quota."""
    where = () if paths is None else (paths,)
    jobs, archive = VideoData(database, *where), ArchiveData(database, *where)
    space = OwnerSpace(SpaceData(database), jobs, archive, files, SystemClock())
    return JobStores(jobs, ClaimData(database, *where), files, ProgressCache(cache), JobCounters(cache), space)


def attempt_limits(**changes: Any) -> AttemptLimits:
    """Limits that fit a test: three attempts, one retry after a tenth of a second."""
    usual = {
        "lease_seconds": 30,
        "hard_limit_seconds": 60,
        "stall_seconds": 60,
        "max_attempts": 3,
        "retry_limit": 2,
        "retry_base_seconds": 0.1,
        "keep_seconds": 1800,
    }
    return AttemptLimits(**{**usual, **changes})


def running_over(
    database: Database[dict[str, Any]],
    stores: JobStores,
    notifier: WorkerNotifier,
    handlers: Mapping[str, JobHandler[Any]],
    *,
    worker: str = "w",
    limits: AttemptLimits | None = None,
    process: Process | None = None,
    kinds: KindTable = KINDS,
) -> Running:
    """What one worker process runs jobs with."""
    return build_running(
        database, stores, notifier, handlers, kinds, limits or attempt_limits(), process or Process(worker)
    )
