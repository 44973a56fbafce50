"""Defines the limits of attempts: how long one may take, and how often a job is tried."""

from __future__ import annotations

from dataclasses import dataclass

from src.config import Settings


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """The limits of every attempt; all times in seconds.

    ``max_attempts`` counts all attempts, also those that died with their worker; ``retry_limit`` only those that ended
    with an error that may be temporary. ``keep_seconds``: the lifetime of what a job leaves that does not specify one.
    """

    lease_seconds: float
    hard_limit_seconds: float
    stall_seconds: float
    max_attempts: int
    retry_limit: int
    retry_base_seconds: float
    keep_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> AttemptLimits:
        """Return the limits of an installation."""
        return cls(
            lease_seconds=settings.job_lease_seconds,
            hard_limit_seconds=settings.job_hard_limit_seconds,
            stall_seconds=settings.job_stall_seconds,
            max_attempts=settings.job_max_attempts,
            retry_limit=settings.job_retry_limit,
            retry_base_seconds=settings.job_retry_base_seconds,
            keep_seconds=settings.video_retention_minutes * 60,
        )
