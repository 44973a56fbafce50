"""Counts the waiting and running jobs in each queue of the workers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from src.models.job_kinds import KindTable
from src.models.turns import OpenJobs
from src.models.video import Status


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. ``oldest_seconds``: how long the oldest waiting job has waited; 0 if no job waits."""

    name: str
    waiting: int
    running: int
    oldest_seconds: float


def queues_of(kinds: KindTable, open_jobs: Iterable[OpenJobs], now: datetime) -> tuple[Queue, ...]:
    """Return all queues, also empty ones."""
    names = kinds.queues
    waiting, running = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    oldest = dict.fromkeys(names, 0.0)
    for jobs in open_jobs:
        queue = jobs.queue or kinds[jobs.kind].queue
        if queue not in waiting:  # of a newer release
            continue
        if jobs.status is Status.PROCESSING:
            running[queue] += jobs.number
        else:
            waiting[queue] += jobs.number
            oldest[queue] = max(oldest[queue], (now - jobs.since).total_seconds() if jobs.since else 0.0)
    return tuple(Queue(name, waiting[name], running[name], round(oldest[name], 1)) for name in names)
