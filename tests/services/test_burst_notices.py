"""Workers are notified of a burst of jobs when it is over, and of every one of them."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest
from pymongo.database import Database

from src.bootstrap.kinds import KINDS
from src.data.claim_data import ClaimData
from src.data.video_data import VideoData
from src.errors import StoreUnavailable
from src.models.video import VideoJob
from src.services.jobs.admission import Admission
from src.services.jobs.bursts import MOST_SECONDS, QUIET_SECONDS, BurstNotices
from src.services.jobs.dispatch import Dispatcher
from tests.tools.factories import make_clip
from tests.tools.fakes import RecordingNotifier

PATIENCE = 30.0


class Sent:
    """Stands in for the dispatcher, and for the time."""

    def __init__(self, *arrivals: float) -> None:
        """Take the times at which further jobs arrive, in seconds."""
        self.now, self.arrivals, self.arrived = 0.0, list(arrivals), 0
        self.sent: list[tuple[float, list[VideoJob]]] = []
        self.done, self.fails = threading.Event(), False
        self.notices = BurstNotices(cast(Dispatcher, self), clock=lambda: self.now, wait=self.wait)

    def add(self) -> None:
        self.arrived += 1
        self.notices.add(make_clip())

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.arrivals and self.arrivals[0] < end:
            self.now = self.arrivals.pop(0)
            self.add()
        self.now = end

    def notify_all(self, jobs: list[VideoJob]) -> None:
        self.sent.append((self.now, jobs))
        self.done.set()
        if self.fails:
            raise StoreUnavailable()

    def wait_until_sent(self) -> list[tuple[float, int]]:
        assert self.done.wait(PATIENCE)
        self.done.clear()
        return [(round(at, 3), len(jobs)) for at, jobs in self.sent]


def test_workers_are_notified_together_after_the_last_job() -> None:
    sent = Sent(0.05, 0.09, 0.15)
    sent.add()
    assert sent.wait_until_sent() == [(round(0.15 + QUIET_SECONDS, 3), 4)]


def test_a_burst_without_an_end_does_not_hold_workers_back() -> None:
    sent = Sent(*[number * QUIET_SECONDS / 2 for number in range(1, 1000)])
    sent.add()
    [(at, number)] = sent.wait_until_sent()
    assert at == MOST_SECONDS and number == sent.arrived < 1000


def test_a_store_that_fails_costs_only_its_own_burst() -> None:
    sent = Sent()
    sent.fails = True
    for number in (1, 2):
        sent.add()
        assert len(sent.wait_until_sent()) == number


def test_no_room_for_a_thread_leaves_the_jobs_to_the_reconciler(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", _no_thread)
        sent.add()
    assert not sent.sent
    sent.add()
    assert [number for _, number in sent.wait_until_sent()] == [1]


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.slow
def test_the_reconciler_sees_jobs_whose_notice_was_lost(mongo_database: Database[dict[str, Any]]) -> None:
    """A process that dies after the replies takes its notices with it."""
    jobs, claims, notifier = VideoData(mongo_database), ClaimData(mongo_database), RecordingNotifier()
    dispatcher = Dispatcher(jobs, claims, cast(Admission, None), notifier, KINDS)
    saved = [make_clip(), make_clip()]
    for job in saved:
        assert jobs.insert_queued(job, notified=False) is not None

    def unattended() -> set[str]:
        return {job.id for job in claims.unattended(notified_before_seconds=600)}

    assert unattended() == {job.id for job in saved}
    dispatcher.notify_all(saved)
    assert unattended() == set() and [job_id for job_id, _ in notifier.notified] == [job.id for job in saved]


@pytest.mark.slow
def test_a_broker_that_is_gone_leaves_the_rest_to_the_reconciler(mongo_database: Database[dict[str, Any]]) -> None:
    jobs, claims = VideoData(mongo_database), ClaimData(mongo_database)
    saved = [make_clip(), make_clip(), make_clip()]
    for job in saved:
        assert jobs.insert_queued(job, notified=False) is not None

    class Gone(RecordingNotifier):
        def notify(self, job_id: str, queue: str) -> None:
            if job_id == saved[1].id:
                raise ConnectionError("gone")
            super().notify(job_id, queue)

    Dispatcher(jobs, claims, cast(Admission, None), Gone(), KINDS).notify_all(saved)
    assert {job.id for job in claims.unattended(notified_before_seconds=600)} == {job.id for job in saved[1:]}
