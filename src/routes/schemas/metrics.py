"""JSON of ``/api/health``, ``/api/metrics`` and ``/api/status``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from src.routes.schemas.common import Record, UtcTime
from src.services.jobs.queues import Queue
from src.services.operations.health import HealthStatus


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Health(BaseModel):
    """``healthy``; ``degraded``: it works and somebody should look; ``unhealthy``: it does not. ``reasons`` say why."""

    status: HealthStatus
    version: str
    stores: dict[str, Literal["up", "down"]]
    reasons: list[str]


class SystemLoad(Record):
    """Percentages 0-100; null where the system does not tell."""

    cpu_percent: float | None
    memory_percent: float | None
    disk_percent: float
    disk_free_bytes: int


class QueueReading(BaseModel):
    """What waits and what runs in one queue; how long the oldest has waited, in seconds."""

    waiting: int
    running: int
    oldest_seconds: float

    @classmethod
    def by_name(cls, queues: Iterable[Queue]) -> dict[str, Self]:
        """Return the queues."""
        return {
            each.name: cls(waiting=each.waiting, running=each.running, oldest_seconds=each.oldest_seconds)
            for each in queues
        }


class MetricsReading(BaseModel):
    """Numbers of the whole service."""

    timestamp: UtcTime = Field(default_factory=lambda: datetime.now(UTC))
    uptime_seconds: float
    sessions: dict[Literal["active", "max"], int]
    jobs: dict[str, int]
    queues: dict[str, QueueReading]
    storage_used_bytes: int
    system: SystemLoad


class StatusReading(MetricsReading):
    """The numbers, how well the service is, and its limits."""

    status: HealthStatus
    reasons: list[str]
    version: str
    limits: dict[str, int | float]
