"""Reports the health of the service and its metrics, for load balancers and operators."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from src.errors import StoreUnavailable
from src.models.job_kinds import CAPTURES
from src.services.accounts.guests import GuestService, Tally
from src.services.file_store import FileStore
from src.services.jobs.counters import JobCounters, JobCounts
from src.services.jobs.jobs import JobService
from src.services.jobs.queues import Queue
from src.utils.clock import Clock
from src.utils.machine import MachineReading, count_processes, read_machine

HealthStatus = Literal["healthy", "degraded", "unhealthy"]

# A person should react at this level. Files are refused only below MIN_FREE_DISK_MB.
HIGH_PERCENT = 90.0
# The share of guest sessions in use that is reported.
SESSIONS_SHARE = 0.9
_ORDER: dict[HealthStatus, int] = {"healthy": 0, "degraded": 1, "unhealthy": 2}


@dataclass(frozen=True, slots=True)
class HealthReading:
    """The health of the service, the reasons, and which stores answer."""

    status: HealthStatus
    reasons: tuple[str, ...]
    mongodb: bool
    redis: bool


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of the whole service at one moment."""

    active_sessions: int
    session_limit: int
    jobs: Tally
    machine: MachineReading
    uptime_seconds: float
    queues: tuple[Queue, ...]
    counts: JobCounts
    ffmpeg_processes: int | None
    capture_bytes: int = 0


class HealthService:
    """Checks the stores, the disk, the machine, the queues and the limits. Methods raise only what they document."""

    patience_seconds = 60.0
    """How long a job may wait in a queue in which no job starts."""

    def __init__(
        self,
        guests: GuestService,
        jobs: JobService,
        counters: JobCounters,
        files: FileStore,
        clock: Clock,
        *,
        mongodb: Callable[[], bool],
        redis: Callable[[], bool],
        ffmpeg_programs: Sequence[Path],
        notices: Callable[[], Sequence[str]] = tuple,
        has_workers: Callable[[str], bool] = lambda queue: True,
        most_capture_bytes: int | None = None,
    ) -> None:
        """Set the checks. ``mongodb`` and ``redis`` return whether the store answers, ``notices`` further messages
        for operators, ``has_workers`` whether a queue has a registered worker. ``most_capture_bytes``: the limit for
        the segments that captures share."""
        self._guests, self._jobs, self._counters = guests, jobs, counters
        self._files, self._clock, self._ffmpeg_programs = files, clock, ffmpeg_programs
        self._mongodb, self._redis, self._notices = mongodb, redis, notices
        self._has_workers, self._most_capture_bytes = has_workers, most_capture_bytes
        self._started = clock.monotonic()

    def health(self) -> HealthReading:
        """Return the health: unhealthy if nothing can be saved, degraded if the service works but needs attention."""
        mongodb, redis = self._mongodb(), self._redis()
        found: list[tuple[HealthStatus, str]] = []
        if not mongodb:
            found.append(("unhealthy", "MongoDB does not answer: nothing can be saved or found."))
        if not redis:
            found.append(("degraded", "Redis does not answer: no progress is shown, and no job starts until it does."))
        if not self._files.has_room():
            found.append(("unhealthy", "The disk is full: new jobs and uploads are refused."))
        if not self._files.is_writable():
            found.append(("unhealthy", "DOWNLOADS_DIR or UPLOADS_DIR cannot be written: no job can store its file."))
        found += [("degraded", reason) for reason in self._pressure(mongodb)]
        status: HealthStatus = max((each for each, _ in found), key=_ORDER.__getitem__, default="healthy")
        return HealthReading(status, tuple(reason for _, reason in found), mongodb, redis)

    def metrics(self) -> Metrics:
        """Return all metrics.

        Raises:
            StoreUnavailable: they cannot be counted now.
        """
        return Metrics(
            active_sessions=self._guests.active_sessions(),
            session_limit=self._guests.session_limit,
            jobs=self._guests.tally(),
            machine=read_machine(self._files.downloads),
            uptime_seconds=round(self._clock.monotonic() - self._started, 1),
            queues=self._jobs.queues(),
            counts=self._counters.read(),
            ffmpeg_processes=count_processes(self._ffmpeg_programs),
            capture_bytes=self._files.capture_bytes(),
        )

    def _of_captures(self) -> list[str]:
        """Return what is wrong with the captures of running streams. Raises StoreUnavailable."""
        found = []
        waiting = sum(queue.waiting for queue in self._jobs.queues() if queue.name == CAPTURES)
        if waiting and not self._has_workers(CAPTURES):
            found.append(
                "No process captures running streams (worker-captures): the workers for downloads do that one by one, "
                "so many clips at once may lose what their streams drop."
            )
        if self._most_capture_bytes is not None and self._files.capture_bytes() >= self._most_capture_bytes:
            found.append("Captures of running streams wait for disk space: CAPTURES_MB is used up.")
        return found

    def _pressure(self, mongodb: bool) -> list[str]:
        machine = read_machine(self._files.downloads)
        # The processor is not checked: a high load is normal while encoding.
        high = {"memory": machine.memory_percent, "disk": machine.disk_percent}
        reasons = [
            f"The {name} is used to {percent:.0f} %."
            for name, percent in high.items()
            if percent is not None and percent >= HIGH_PERCENT
        ]
        active, idle = 0, list[str]()
        notices: Sequence[str] = ()
        if mongodb:
            with contextlib.suppress(StoreUnavailable):
                active = self._guests.active_sessions()
                idle = self._jobs.idle_queues(self.patience_seconds)
                notices = [*self._of_captures(), *self._notices()]
        reasons += [
            f"Jobs wait in the queue {name}, and none of them has started for {self.patience_seconds:g} s: "
            "do its workers run, and are there enough?"
            for name in idle
        ]
        if active >= SESSIONS_SHARE * self._guests.session_limit:
            reasons.append(f"{active} of {self._guests.session_limit} guest sessions are in use.")
        return [*reasons, *notices]
