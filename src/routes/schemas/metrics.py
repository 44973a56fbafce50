"""Defines the JSON of ``/api/health``, ``/api/metrics`` and ``/api/status``."""

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
    """``healthy``; ``degraded``: it works but needs attention; ``unhealthy``: it does not work. See ``reasons``."""

    status: HealthStatus
    version: str
    stores: dict[str, Literal["up", "down"]]
    reasons: list[str]


class SystemLoad(Record):
    """Percentages 0-100; null where the system has no value."""

    cpu_percent: float | None
    memory_percent: float | None
    disk_percent: float
    disk_free_bytes: int


class QueueReading(BaseModel):
    """Waiting and running jobs of a queue, and how long the oldest has waited, in seconds."""

    waiting: int
    running: int
    oldest_seconds: float

    @classmethod
    def by_name(cls, queues: Iterable[Queue]) -> dict[str, Self]:
        """Return the queues by name."""
        return {
            each.name: cls(waiting=each.waiting, running=each.running, oldest_seconds=each.oldest_seconds)
            for each in queues
        }


class MetricsReading(BaseModel):
    """Metrics of the whole service."""

    timestamp: UtcTime = Field(default_factory=lambda: datetime.now(UTC))
    uptime_seconds: float
    sessions: dict[Literal["active", "max"], int]
    jobs: dict[str, int]
    queues: dict[str, QueueReading]
    storage_used_bytes: int
    system: SystemLoad


class StatusReading(MetricsReading):
    """The metrics, the health and the limits of the service."""

    status: HealthStatus
    reasons: list[str]
    version: str
    limits: dict[str, int | float]
