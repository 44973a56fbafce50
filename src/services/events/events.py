"""Sends events about jobs to listeners: first the current state, then every change, until the end.

Each message of the feed becomes one event, which is serialized once and passed to all listeners of its job or owner.
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
from src.services.events.slots import Holder, Slots
from src.services.jobs.jobs import JobService
from src.services.progress_cache import overall_percent
from src.utils.clock import Clock

_CHECK_SECONDS = 15.0  # Redis messages may be lost, so the records are also read at this interval
_REMEMBERED = 10_000
_MOST_JOBS = 200
_OPEN = (Status.PENDING, Status.PROCESSING)
_OVERLAP = timedelta(seconds=2)  # the clocks of hosts differ


def _always() -> bool:
    return True


class JobEvents:
    """Registers up to ``slots.most`` listeners; each receives a heartbeat after ``heartbeat`` seconds of silence."""

    def __init__(self, jobs: JobService, feed: ProgressFeed, clock: Clock, *, slots: Slots, heartbeat: float) -> None:
        self._jobs, self._feed, self._clock, self._heartbeat = jobs, feed, clock, heartbeat
        self.slots = slots
        self._owners = _Owners(jobs)
        self._lock = threading.Lock()
        self._listeners: dict[str | Owner, set[Listener]] = {}
        self._checked = clock.monotonic()

    def has_received_all(self, job: VideoJob, last_id: str | None) -> bool:
        """Whether a listener with this last event has nothing more to wait for."""
        return job.ended and last_id is not None and self._of(job, {}).content_hash == _hash_of(last_id)

    def of_job(
        self,
        job_id: str,
        last_id: str | None = None,
        *,
        allowed: Callable[[], bool] = _always,
        holder: Holder | None = None,
    ) -> Listener:
        """Listen to one job until it has ended. A state that equals the one of ``last_id`` is not sent again.

        ``allowed`` is checked every 15 seconds, so that the end of a login ends its listeners. ``holder``: the owner
        and address whose share the slot counts against.

        Raises:
            TooManyListeners, TooManyOwnListeners: all slots are taken, or all slots of the holder.
        """
        listener = self._enter(job_id, allowed, holder, last_hash=_hash_of(last_id))
        try:
            job = self._jobs.peek(job_id)
            if job is None:
                listener.finish()
            else:
                listener.put_first(self._of(job, self._jobs.progress(job) or {}))
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
        """Listen to all jobs of an owner until the listener is closed.

        Starts with the jobs that have not ended, and those that have ended since ``last_id``. ``allowed``, ``holder``
        and errors as in ``of_job``.
        """
        listener = self._enter(owner, allowed, holder)
        try:
            since = _moment_of(last_id)
            ended = self._newest(owner, ENDED) if since else []
            for job in [*ended, *self._newest(owner, _OPEN)]:
                if not job.ended or (since and job.completed_at and job.completed_at >= since - _OVERLAP):
                    listener.put_first(self._of(job, self._jobs.progress(job) or {}))
        except BaseException:
            listener.close()
            raise
        return listener

    def _newest(self, owner: Owner, states: Collection[Status]) -> list[VideoJob]:
        found, _ = self._jobs.some(owner, JobParams.listed_kinds(), offset=0, limit=_MOST_JOBS, states=states)
        return found[::-1]

    def _enter(
        self, target: str | Owner, allowed: Callable[[], bool], holder: Holder | None, last_hash: str = ""
    ) -> Listener:
        release = self.slots.take(holder)

        def leave(listener: Listener) -> None:
            with self._lock:
                self._listeners[target].discard(listener)
                if not self._listeners[target]:
                    del self._listeners[target]
            release()

        listener = Listener(
            leave, heartbeat=self._heartbeat, ends=isinstance(target, str), last_hash=last_hash, allowed=allowed
        )
        with self._lock:
            self._listeners.setdefault(target, set()).add(listener)
        try:
            self._feed.follow(self._on_message, self._on_tick, self._on_gap)
        except BaseException:
            listener.close()
            raise
        return listener

    def _on_message(self, job_id: str, fields: Fields) -> None:
        if not self._listeners:
            return
        try:
            owner = self._owners.of(job_id)
            with self._lock:
                listeners = [*self._listeners.get(job_id, ())]
                if owner is not None:
                    listeners += self._listeners.get(owner, ())
            if not listeners:
                return
            if "event" in fields:
                self._read_record(job_id, listeners)
            else:
                _send(self._reading(job_id, fields), listeners)
        except StoreUnavailable:
            return  # the next check corrects this

    def _on_gap(self) -> None:
        """After a gap in the feed, end the listeners of owners: they reconnect and send the id of their last event."""
        with self._lock:
            owners = [found for target, found in self._listeners.items() if not isinstance(target, str)]
            listeners = [listener for found in owners for listener in found]
        for listener in listeners:
            listener.finish()

    def _on_tick(self) -> None:
        """Check periodically whether listeners are still allowed, and read the records of all jobs with listeners."""
        if self._clock.monotonic() - self._checked < _CHECK_SECONDS:
            return
        self._checked = self._clock.monotonic()
        with self._lock:
            listeners_of = {target: [*listeners] for target, listeners in self._listeners.items()}
        try:
            for target, listeners in listeners_of.items():
                for listener in listeners:
                    if not listener.allowed():
                        listener.finish()
                if isinstance(target, str):
                    self._read_record(target, listeners)
        except StoreUnavailable:
            return

    def _read_record(self, job_id: str, listeners: Collection[Listener]) -> None:
        job = self._jobs.peek(job_id)
        if job is not None:
            _send(self._of(job, self._jobs.progress(job) or {}), listeners)
            return
        for listener in listeners:
            if listener.ends:
                listener.finish()

    def _of(self, job: VideoJob, fields: Fields) -> Event:
        artifact, failure = job.artifact, job.failure
        data = {
            "job_id": job.id,
            "kind": job.kind,
            "status": job.shown_status.value,
            "progress": 100.0 if job.status is Status.COMPLETED else overall_percent(fields),
            **fields,
            "title": job.facts.get("title"),
            "file_available": artifact is not None,
            "file_size_bytes": artifact and artifact.size_bytes,
            "error": failure and failure.message,
            "code": failure and failure.code,
            **job.outcome,
            **job.still_to_come,
            "waiting_for": job.still_to_come["waiting_for"] or fields.get("waiting_for"),
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
    """Caches the owners of jobs, because owners rarely change and messages are frequent."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._known: OrderedDict[str, Owner] = OrderedDict()

    def of(self, job_id: str) -> Owner | None:
        """Return the owner whose listeners hear of a job, if any. Called only on the feed's thread."""
        if job_id in self._known:
            return self._known[job_id]
        job = self._jobs.peek(job_id)
        if job is None or job.params.passing:
            return None
        if job.owner.kind is OwnerKind.ADDRESS:
            return job.owner  # an account may still claim it
        self._known[job_id] = job.owner
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return job.owner


def _send(event: Event, listeners: Collection[Listener]) -> None:
    for listener in listeners:
        listener.put(event)


def _hash_of(event_id: str | None) -> str:
    return (event_id or "").partition("-")[2]


def _moment_of(event_id: str | None) -> datetime | None:
    milliseconds = (event_id or "").partition("-")[0]
    if not milliseconds.isdecimal() or len(milliseconds) > 13:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
