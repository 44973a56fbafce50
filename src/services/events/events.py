"""Events about jobs for whoever listens: first how things stand, then every change, until the end.

Each message of the feed becomes one event, written once and handed to all who listen to its job or to its owner.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from src.errors import StoreUnavailable
from src.models.params import JobParams
from src.models.video import ENDED, Owner, OwnerKind, Status, VideoJob
from src.services.events.feed import Fields, ProgressFeed
from src.services.events.listener import Event, Listener
from src.services.events.places import Holder, Places
from src.services.jobs.jobs import JobService
from src.services.progress_cache import overall_percent
from src.utils.clock import Clock

_LOOK_SECONDS = 15.0  # Redis may be away, and its messages lost: the records are looked at this often in any case
_REMEMBERED = 10_000
_MOST_JOBS = 200
_OPEN = (Status.PENDING, Status.PROCESSING)
_OVERLAP = timedelta(seconds=2)  # clocks of hosts differ


def _always() -> bool:
    return True


class JobEvents:
    """As many listeners as there are ``places``; each hears a sign of life after ``heartbeat`` seconds of silence."""

    def __init__(self, jobs: JobService, feed: ProgressFeed, clock: Clock, *, places: Places, heartbeat: float) -> None:
        self._jobs, self._feed, self._clock, self._heartbeat = jobs, feed, clock, heartbeat
        self.places = places
        self._owners = _Owners(jobs)
        self._lock = threading.Lock()
        self._audience: dict[str | Owner, set[Listener]] = {}
        self._looked = clock.monotonic()

    def has_heard_all(self, job: VideoJob, last_id: str | None) -> bool:
        """Whether a listener whose last event this was has nothing to wait for any more."""
        return job.ended and last_id is not None and self._of(job, {}).said == _hash_of(last_id)

    def of_job(
        self,
        job_id: str,
        last_id: str | None = None,
        *,
        allowed: Callable[[], bool] = _always,
        holder: Holder | None = None,
    ) -> Listener:
        """Listen to one job until it has ended. What ``last_id`` told already is not told again.

        ``allowed`` is asked every 15 seconds: a login that ends takes its listeners along. ``holder``: whose share the
        place counts against.

        Raises:
            TooManyListeners, TooManyOwnListeners: all places are taken, or the holder's.
        """
        listener = self._enter(job_id, allowed, holder, said=_hash_of(last_id))
        try:
            job = self._jobs.peek(job_id)
            if job is None:
                listener.finish()
            else:
                listener.begin(self._of(job, self._jobs.progress(job) or {}))
        except BaseException:
            listener.close()
            raise
        return listener

    def of_owner(
        self,
        owner: Owner,
        last_id: str | None = None,
        *,
        allowed: Callable[[], bool] = _always,
        holder: Holder | None = None,
    ) -> Listener:
        """Listen to all jobs of an owner, for as long as somebody wants.

        Begins with those that have not ended, and those that did since ``last_id``. ``allowed`` and what is raised as
        with ``of_job``.
        """
        listener = self._enter(owner, allowed, holder)
        try:
            since = _moment_of(last_id)
            for job in [*(self._newest(owner, ENDED) if since else ()), *self._newest(owner, _OPEN)]:
                if not job.ended or (since and job.completed_at and job.completed_at >= since - _OVERLAP):
                    listener.begin(self._of(job, self._jobs.progress(job) or {}))
        except BaseException:
            listener.close()
            raise
        return listener

    def _newest(self, owner: Owner, states: Collection[Status]) -> list[VideoJob]:
        found, _ = self._jobs.some(owner, JobParams.kinds(), offset=0, limit=_MOST_JOBS, states=states)
        return found[::-1]

    def _enter(self, what: str | Owner, allowed: Callable[[], bool], holder: Holder | None, said: str = "") -> Listener:
        give_back = self.places.take(holder)

        def leave(listener: Listener) -> None:
            with self._lock:
                self._audience[what].discard(listener)
                if not self._audience[what]:
                    del self._audience[what]
            give_back()

        listener = Listener(leave, heartbeat=self._heartbeat, ends=isinstance(what, str), said=said, allowed=allowed)
        with self._lock:
            self._audience.setdefault(what, set()).add(listener)
        self._feed.follow(self._hear, self._tick, self._missed)
        return listener

    def _hear(self, job_id: str, fields: Fields) -> None:
        """A message of the feed."""
        if not self._audience:
            return
        try:
            owner = self._owners.of(job_id)
            with self._lock:
                audience = [*self._audience.get(job_id, ()), *(self._audience.get(owner, ()) if owner else ())]
            if not audience:
                return
            if "event" in fields:
                self._look_at(job_id, audience)
            else:
                _tell(self._reading(job_id, fields), audience)
        except StoreUnavailable:
            return  # the next look makes it good

    def _missed(self) -> None:
        """The feed was away: who listens to all jobs of an owner connects anew, and says what it has heard last."""
        with self._lock:
            listeners = [each for what, some in self._audience.items() if not isinstance(what, str) for each in some]
        for listener in listeners:
            listener.finish()

    def _tick(self) -> None:
        """Look at the listeners and at the records of all jobs that are listened to, now and then."""
        if self._clock.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = self._clock.monotonic()
        with self._lock:
            audience = {what: [*listeners] for what, listeners in self._audience.items()}
        try:
            for what, listeners in audience.items():
                for listener in listeners:
                    if not listener.allowed():
                        listener.finish()
                if isinstance(what, str):
                    self._look_at(what, listeners)
        except StoreUnavailable:
            return

    def _look_at(self, job_id: str, audience: Collection[Listener]) -> None:
        job = self._jobs.peek(job_id)
        if job is not None:
            _tell(self._of(job, self._jobs.progress(job) or {}), audience)
            return
        for listener in audience:
            if listener.ends:
                listener.finish()

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
            **job.outcome,
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
        text = json.dumps(data)
        content = hashlib.sha256(f"{name} {text}".encode()).hexdigest()[:12]
        moment = int(self._clock.now().timestamp() * 1000)
        return Event(name, data["job_id"], data, text, f"{moment}-{content}")


class _Owners:
    """Whose job an id is: an owner changes hardly ever, and messages come often."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._known: OrderedDict[str, Owner] = OrderedDict()

    def of(self, job_id: str) -> Owner | None:
        """Called on the feed's thread alone."""
        if job_id in self._known:
            return self._known[job_id]
        job = self._jobs.peek(job_id)
        if job is None:
            return None
        if job.owner.kind is OwnerKind.ADDRESS:
            return job.owner  # an account may claim it yet
        self._known[job_id] = job.owner
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return job.owner


def _tell(event: Event, audience: Collection[Listener]) -> None:
    for listener in audience:
        listener.put(event)


def _hash_of(event_id: str | None) -> str:
    return (event_id or "").partition("-")[2]


def _moment_of(event_id: str | None) -> datetime | None:
    milliseconds = (event_id or "").partition("-")[0]
    if not milliseconds.isdecimal() or len(milliseconds) > 13:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
