"""Groups the stores that running jobs read and write: records, files, progress, counters, and space of owners."""

from __future__ import annotations

from dataclasses import dataclass

from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.services.file_store import FileStore
from src.services.jobs.counters import JobCounters
from src.services.jobs.owner_space import OwnerSpace
from src.services.progress_cache import ProgressCache


@dataclass(frozen=True, slots=True)
class JobStores:
    """The stores of one process."""

    jobs: VideoData
    claims: ClaimData
    files: FileStore
    progress: ProgressCache
    counters: JobCounters
    space: OwnerSpace
