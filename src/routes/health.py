"""Serves ``/api/health``, ``/api/metrics``, ``/metrics`` and ``/api/status``: health and metrics of the service."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint

from src.middleware.api_documents import VERSION
from src.middleware.auth import Auth
from src.middleware.contract import File, Limit, Reply, endpoint
from src.middleware.files import text_reply
from src.middleware.services_of_request import services
from src.models.video import Status
from src.routes.schemas.metrics import Alive, Health, MetricsReading, QueueReading, StatusReading, SystemLoad
from src.services.operations.health import Metrics
from src.services.operations.prometheus import prometheus_text

bp = Blueprint("health", __name__)

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@bp.get("/api/health/simple")
@endpoint(auth=Auth.NONE, limit=Limit.NONE, replies={200: Alive})
def alive() -> Reply:
    """Return 200 while this process answers, regardless of the stores."""
    return Alive(), 200


@bp.get("/api/health")
@endpoint(auth=Auth.NONE, limit=Limit.NONE, replies={200: Health, 503: Health})
def health() -> Reply:
    """Return whether the stores respond, and whether a limit is near."""
    reading = services().health.health()
    reply = Health(
        status=reading.status,
        version=VERSION,
        stores={"mongodb": _state(reading.mongodb), "redis": _state(reading.redis)},
        reasons=list(reading.reasons),
    )
    return reply, 503 if reading.status == "unhealthy" else 200


def _state(is_up: bool) -> Literal["up", "down"]:
    return "up" if is_up else "down"


@bp.get("/api/metrics")
@endpoint(auth=Auth.NONE, limit=Limit.NONE, replies={200: MetricsReading})
def metrics(plain_text: bool) -> Reply:
    """Return the metrics of the service; with ``Accept: text/plain`` in the format of Prometheus."""
    found = services().health.metrics()
    return text_reply(prometheus_text(found), PROMETHEUS) if plain_text else (MetricsReading(**_numbers(found)), 200)


@bp.get("/metrics")
@endpoint(auth=Auth.NONE, limit=Limit.NONE, replies={200: File("text/plain")})
def prometheus() -> Reply:
    """Return the metrics of the service in the format of Prometheus."""
    return text_reply(prometheus_text(services().health.metrics()), PROMETHEUS)


@bp.get("/api/status")
@endpoint(auth=Auth.NONE, limit=Limit.NONE, replies={200: StatusReading})
def detailed_status() -> Reply:
    """Return health, metrics and limits at once."""
    reading, settings = services().health.health(), services().settings
    limits = {
        "max_sessions": settings.session_limit,
        "max_jobs_per_session": settings.session_job_limit,
        "session_timeout_hours": settings.session_hours,
        "file_retention_minutes": settings.video_retention_minutes,
        "concurrent_downloads": settings.download_workers,
    }
    numbers = _numbers(services().health.metrics())
    return StatusReading(
        **numbers, status=reading.status, reasons=list(reading.reasons), version=VERSION, limits=limits
    ), 200


def _numbers(metrics: Metrics) -> dict[str, Any]:
    jobs = metrics.jobs
    return {
        "uptime_seconds": metrics.uptime_seconds,
        "sessions": {"active": metrics.active_sessions, "max": metrics.session_limit},
        "jobs": {"total": jobs.total, "active": jobs.active, **{each.value: jobs.of(each) for each in Status}},
        "queues": QueueReading.by_name(metrics.queues),
        "storage_used_bytes": jobs.file_bytes,
        "system": SystemLoad.model_validate(metrics.machine),
    }
