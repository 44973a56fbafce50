"""Estimates when a job will be completed from the jobs that wait before it and the usual duration of its kind."""

from __future__ import annotations

from datetime import datetime, timedelta

from src.models.video import Status
from src.services.jobs.counters import JobCounters
from src.services.jobs.jobs import JobService
from src.services.jobs.view import JobView
from src.utils.clock import Clock

# Used until the first job of a kind has ended on this installation.
UNKNOWN_SECONDS = 120.0


class CompletionEstimates:
    """Estimates completion times. ``workers``: how many jobs of the queue run in parallel."""

    def __init__(self, jobs: JobService, counters: JobCounters, clock: Clock, *, workers: int) -> None:
        self._jobs, self._counters, self._clock, self._workers = jobs, counters, clock, workers

    def of(self, view: JobView) -> datetime:
        """Return when this job was or will be completed (UTC); a failed job counts as requested now."""
        job, now = view.job, self._clock.now()
        if job.completed_at is not None and job.status is Status.COMPLETED:
            return job.completed_at
        usual = self._usual_seconds(job.params.kind)
        if job.status is Status.PROCESSING:
            started = job.started_at or now
            return now + timedelta(seconds=_left(view.percent / 100, (now - started).total_seconds(), usual))
        return now + timedelta(seconds=usual * (1 + self._rounds_before(self._jobs.kinds.queue_of(job))))

    def _usual_seconds(self, kind: str) -> float:
        durations = self._counters.read().durations.get(kind)
        return durations.seconds / durations.count if durations and durations.count else UNKNOWN_SECONDS

    def _rounds_before(self, queue: str) -> float:
        """Count how often every worker is busy before this job's turn. Running jobs count as half done."""
        found = next((each for each in self._jobs.queues() if each.name == queue), None)
        if found is None:
            return 0.0
        waiting = max(found.waiting - 1, 0)
        if found.running + waiting < self._workers:
            return 0.0
        return (waiting + min(found.running, self._workers) / 2) / self._workers


def _left(done: float, seconds: float, usual: float) -> float:
    """Estimate the seconds left of a job whose share ``done`` (0 to 1) took ``seconds``."""
    return seconds * (1 - done) / done if done > 0 else max(usual - seconds, 0.0)
