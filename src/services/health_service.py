"""Whether the service is well, and the numbers that tell it: for load balancers, for people, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from src.errors import StoreUnavailable
from src.models.video import Status
from src.services.file_store import FileStore
from src.services.guest_service import GuestService, Tally
from src.utils.clock import Clock
from src.utils.machine import MachineReading, read_machine

HealthStatus = Literal["healthy", "degraded", "unhealthy"]

# From here on a person should look. Files are refused only below MIN_FREE_DISK_MB.
HIGH_PERCENT = 90.0
# How full the places for sessions may be before it is told.
SESSIONS_SHARE = 0.9
_ORDER: dict[HealthStatus, int] = {"healthy": 0, "degraded": 1, "unhealthy": 2}


@dataclass(frozen=True, slots=True)
class HealthReading:
    """How well the service is, why not, and which stores answer."""

    status: HealthStatus
    reasons: tuple[str, ...]
    mongodb: bool
    redis: bool


@dataclass(frozen=True, slots=True)
class Metrics:
    """Numbers of the whole service at one moment."""

    active_sessions: int
    session_limit: int
    jobs: Tally
    machine: MachineReading
    uptime_seconds: float


class HealthService:
    """Looks at the stores, the disk, the machine and the limits. Raises nothing but where it is said."""

    def __init__(
        self,
        guests: GuestService,
        files: FileStore,
        clock: Clock,
        *,
        mongodb: Callable[[], bool],
        redis: Callable[[], bool],
    ) -> None:
        """``mongodb`` and ``redis`` tell whether the store answers."""
        self._guests, self._files, self._clock = guests, files, clock
        self._mongodb, self._redis = mongodb, redis
        self._started = clock.monotonic()

    def health(self) -> HealthReading:
        """Unhealthy: nothing can be saved. Degraded: it works, and somebody should look."""
        mongodb, redis = self._mongodb(), self._redis()
        found: list[tuple[HealthStatus, str]] = []
        if not mongodb:
            found.append(("unhealthy", "MongoDB does not answer: nothing can be saved or found."))
        if not redis:
            found.append(
                ("degraded", "Redis does not answer: no progress is shown and jobs start up to a minute late.")
            )
        if not self._files.has_room():
            found.append(("unhealthy", "The disk is full: new jobs and uploads are refused."))
        found += [("degraded", reason) for reason in self._pressure(mongodb)]
        status: HealthStatus = max((each for each, _ in found), key=_ORDER.__getitem__, default="healthy")
        return HealthReading(status, tuple(reason for _, reason in found), mongodb, redis)

    def metrics(self) -> Metrics:
        """All numbers.

        Raises:
            StoreUnavailable: they cannot be counted now.
        """
        return Metrics(
            active_sessions=self._guests.active_sessions(),
            session_limit=self._guests.session_limit,
            jobs=self._guests.tally(),
            machine=read_machine(self._files.downloads),
            uptime_seconds=round(self._clock.monotonic() - self._started, 1),
        )

    def _pressure(self, mongodb: bool) -> list[str]:
        machine = read_machine(self._files.downloads)
        # Not the processor: a machine that encodes is busy, and that is what it is for.
        high = {"memory": machine.memory_percent, "disk": machine.disk_percent}
        told = [
            f"The {name} is used to {percent:.0f} %."
            for name, percent in high.items()
            if percent is not None and percent >= HIGH_PERCENT
        ]
        try:
            active = self._guests.active_sessions() if mongodb else 0
        except StoreUnavailable:
            active = 0
        if active >= SESSIONS_SHARE * self._guests.session_limit:
            told.append(f"{active} of {self._guests.session_limit} guest sessions are in use.")
        return told


def prometheus_text(metrics: Metrics) -> str:
    """The numbers in Prometheus' text format 0.0.4."""
    machine, jobs = metrics.machine, metrics.jobs
    rows: list[tuple[str, str, list[tuple[str, float | None]]]] = [
        ("sessions_active", "Guest sessions that count now.", [("", metrics.active_sessions)]),
        ("sessions_limit", "Guest sessions that may exist at once.", [("", metrics.session_limit)]),
        ("jobs", "Jobs on record, by state.", [(f'{{status="{each.value}"}}', jobs.of(each)) for each in Status]),
        ("storage_used_bytes", "Bytes of all finished files.", [("", jobs.file_bytes)]),
        ("disk_free_bytes", "Bytes that are free on the disk of the files.", [("", machine.disk_free_bytes)]),
        ("disk_used_percent", "Share of that disk that is used.", [("", machine.disk_percent)]),
        ("cpu_load_percent", "Load of the last minute per core.", [("", machine.cpu_percent)]),
        ("memory_used_percent", "Share of the memory that is used.", [("", machine.memory_percent)]),
        ("uptime_seconds", "Seconds since this process started.", [("", metrics.uptime_seconds)]),
    ]
    lines: list[str] = []
    for name, meaning, samples in rows:
        told = [f"ytdl_{name}{labels} {value}" for labels, value in samples if value is not None]
        if told:
            lines += [f"# HELP ytdl_{name} {meaning}", f"# TYPE ytdl_{name} gauge", *told]
    return "\n".join(lines) + "\n"
