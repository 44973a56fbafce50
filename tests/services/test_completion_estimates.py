"""When a job will be completed: what waits before it, what its kind took, how far it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
import redis

from src.bootstrap.kinds import KINDS
from src.models.video import Status
from src.services.cache_service import CacheService
from src.services.jobs.counters import JobCounters
from src.services.jobs.estimates import UNKNOWN_SECONDS, CompletionEstimates
from src.services.jobs.queues import Queue
from src.services.jobs.view import JobView
from tests.tools.factories import make_clip
from tests.tools.fakes import FakeClock

pytestmark = pytest.mark.slow
KIND = "clip"
WORKERS = 2


class Backlog:
    """Only the queue of clips."""

    kinds = KINDS

    def __init__(self, waiting: int, running: int) -> None:
        self._queue = Queue(KINDS[KIND].queue, waiting, running, 0.0)

    def queues(self) -> tuple[Queue, ...]:
        return (self._queue,)


@pytest.fixture
def counters(redis_client: redis.Redis) -> JobCounters:
    return JobCounters(CacheService(redis_client))


def seconds_of(view: JobView, counters: JobCounters, *, waiting: int = 1, running: int = 0) -> float:
    clock = FakeClock()
    estimates = CompletionEstimates(cast(Any, Backlog(waiting, running)), counters, clock, workers=WORKERS)
    return (estimates.of(view) - clock.now()).total_seconds()


def test_what_jobs_of_the_kind_took_is_what_the_next_one_takes(counters: JobCounters) -> None:
    waiting = JobView(make_clip())
    assert seconds_of(waiting, counters) == UNKNOWN_SECONDS
    for seconds in (10.0, 30.0):
        counters.ended(KIND, "completed", seconds, None)
    assert seconds_of(waiting, counters) == 20
    assert seconds_of(waiting, counters, running=WORKERS - 1) == 20, "a worker is free"
    assert seconds_of(waiting, counters, running=WORKERS) == 20 + 10, "the running ones are half done"
    assert seconds_of(waiting, counters, waiting=1 + 2 * WORKERS, running=WORKERS) == 20 + 10 + 2 * 20


def test_a_job_that_runs_is_judged_by_how_far_it_is(counters: JobCounters) -> None:
    now = FakeClock().now()
    running = make_clip(status=Status.PROCESSING, started_at=now - timedelta(seconds=30))
    assert seconds_of(JobView(running), counters) == UNKNOWN_SECONDS - 30
    half = {"download_progress": 75.0, "encoding_progress": 0.0}  # 60 % of the whole
    assert seconds_of(JobView(running, half), counters) == pytest.approx(20)
    done = make_clip(status=Status.COMPLETED, completed_at=now - timedelta(seconds=5))
    assert seconds_of(JobView(done), counters) == -5
