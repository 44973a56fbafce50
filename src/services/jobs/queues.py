"""Counts the waiting and running jobs in each queue of the workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from src.models.job_kinds import KindTable
from src.models.video import Status


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. ``oldest_seconds``: how long the oldest waiting job has waited; 0 if no job waits."""

    name: str
    waiting: int
    running: int
    oldest_seconds: float


def queues_of(
    kinds: KindTable, open_jobs: Iterable[tuple[str, Status, int, datetime | None]], now: datetime
) -> tuple[Queue, ...]:
    """Return all queues, also empty ones, from (kind, state, number, time of the oldest request)."""
    names = kinds.queues
    waiting, running = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    oldest = dict.fromkeys(names, 0.0)
    for kind, status, number, since in open_jobs:
        queue = kinds[kind].queue
        if status is Status.PROCESSING:
            running[queue] += number
        else:
            waiting[queue] += number
            oldest[queue] = max(oldest[queue], (now - since).total_seconds() if since else 0.0)
    return tuple(Queue(name, waiting[name], running[name], round(oldest[name], 1)) for name in names)
