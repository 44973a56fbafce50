"""Events about jobs for whoever listens: first how things stand, then every change, until the end."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from src.errors import TooManyListeners
from src.models.params import JobParams
from src.models.video import ENDED, Owner, Status, VideoJob
from src.services.job_service import JobService
from src.services.progress_cache import overall_percent
from src.services.progress_feed import Fields, ProgressFeed
from src.utils.clock import Clock

_LOOK_SECONDS = 15.0  # Redis may be away, and its messages lost: the record is looked at this often in any case
_REMEMBERED = 10_000
_MOST_JOBS = 200
_OVERLAP = timedelta(seconds=2)  # clocks of hosts differ


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to tell. ``id`` names the state that was told: the moment, and a hash of what was said."""

    name: str
    data: dict[str, Any]
    id: str


class JobEvents:
    """At most ``most`` listeners at once. ``None`` among the events is a sign of life."""

    def __init__(self, jobs: JobService, feed: ProgressFeed, clock: Clock, *, most: int, heartbeat: float) -> None:
        self._jobs, self._feed, self._clock, self._heartbeat = jobs, feed, clock, heartbeat
        self._places = threading.BoundedSemaphore(most)
        self._owners = _Owners(jobs)

    def enter(self) -> Callable[[], None]:
        """Take a place; the answer gives it back (calling it twice does no harm).

        Raises:
            TooManyListeners: all are taken.
        """
        if not self._places.acquire(blocking=False):
            raise TooManyListeners(retry_after_seconds=5)
        taken = [True]

        def leave() -> None:
            if taken and taken.pop():
                self._places.release()

        return leave

    def has_heard_all(self, job: VideoJob, last_id: str | None) -> bool:
        """Whether a listener whose last event this was has nothing to wait for any more."""
        return job.ended and last_id is not None and self._of(job, {}).id.partition("-")[2] == last_id.partition("-")[2]

    def of_job(self, job_id: str, last_id: str | None = None) -> Iterator[Event | None]:
        """All about one job, until it has ended. What ``last_id`` told already is not told again."""
        with self._feed.listening(job_id) as listener:
            said = (last_id or "").partition("-")[2]
            fields: Fields | None = None
            looked = -_LOOK_SECONDS
            while True:
                job = None
                now = self._clock.monotonic()
                if fields is None or "event" in fields or now - looked >= _LOOK_SECONDS:
                    looked = now
                    job = self._jobs.peek(job_id)
                    if job is None:
                        return
                    event = self._of(job, self._jobs.progress(job) or {})
                else:
                    event = self._reading(job_id, fields)
                told = event.id.partition("-")[2]
                yield event if told != said else None
                said = told
                if job is not None and job.ended:
                    return
                fields = listener.take(self._heartbeat).get(job_id)

    def of_owner(self, owner: Owner, last_id: str | None = None) -> Iterator[Event | None]:
        """All about all jobs of an owner, for as long as somebody listens.

        Begins with those that have not ended, and those that did since ``last_id``.
        """
        with self._feed.listening() as listener:
            since = _moment_of(last_id)
            found, _ = self._jobs.some(owner, JobParams.kinds(), offset=0, limit=_MOST_JOBS)
            for job in reversed(found):
                if not job.ended or (since and job.completed_at and job.completed_at >= since - _OVERLAP):
                    yield self._of(job, self._jobs.progress(job) or {})
            yield None
            while True:
                news = listener.take(self._heartbeat)
                told = False
                for job_id, fields in news.items():
                    if self._owners.of(job_id) != owner:
                        continue
                    told = True
                    if "event" not in fields:
                        yield self._reading(job_id, fields)
                    elif (changed := self._jobs.peek(job_id)) is not None:
                        yield self._of(changed, self._jobs.progress(changed) or {})
                if not told:
                    yield None

    def _of(self, job: VideoJob, fields: Fields) -> Event:
        data = {
            "job_id": job.id,
            "kind": job.kind,
            "status": job.status.value,
            "progress": 100.0 if job.status is Status.COMPLETED else overall_percent(fields),
            **fields,
            "title": job.facts.get("title"),
            "file_available": job.artifact is not None,
            "file_size_bytes": job.artifact.size_bytes if job.artifact else None,
            "error": job.failure.message if job.failure else None,
            "code": job.failure.code if job.failure else None,
        }
        return self._event("ended" if job.status in ENDED else "status", data)

    def _reading(self, job_id: str, fields: Fields) -> Event:
        data = {
            "job_id": job_id,
            "status": Status.PROCESSING.value,
            "progress": overall_percent(fields),
            **fields,
        }
        return self._event("progress", data)

    def _event(self, name: str, data: dict[str, Any]) -> Event:
        content = hashlib.sha256(json.dumps([name, data], sort_keys=True).encode()).hexdigest()[:12]
        return Event(name, data, f"{int(self._clock.now().timestamp() * 1000)}-{content}")


class _Owners:
    """Whose job an id is: an owner changes hardly ever, and messages come often."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._known: OrderedDict[str, Owner] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, job_id: str) -> Owner | None:
        with self._lock:
            if job_id in self._known:
                return self._known[job_id]
        job = self._jobs.peek(job_id)
        if job is None:
            return None
        with self._lock:
            self._known[job_id] = job.owner
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return job.owner


def _moment_of(event_id: str | None) -> datetime | None:
    milliseconds = (event_id or "").partition("-")[0]
    if not milliseconds.isdigit() or len(milliseconds) > 13:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
