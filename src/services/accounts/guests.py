"""Manages guest sessions, which are created within limits, identified by a secret, and end after 24 hours without
use."""

from __future__ import annotations

import hashlib
import random
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.data.guest_data import GuestData
from src.data.video_data import VideoData
from src.errors import AppError, SessionFull, SessionInvalid, TooManySessions
from src.models.guest import GuestSession
from src.models.video import Owner, OwnerKind, Status
from src.services.window_counters import WindowCounters
from src.utils.addresses import network_of
from src.utils.clock import Clock

# A session that is used every second is written only once a minute.
PROLONG_SECONDS = 60
CREATION_WINDOW_SECONDS = 3600
# How long a job may be counted without a record: the record may be about to be written.
PLACE_GRACE_SECONDS = 60
_SECRET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of jobs in each state, and the bytes of their files."""

    jobs: dict[Status, int]
    file_bytes: int

    @property
    def total(self) -> int:
        """The number of all jobs."""
        return sum(self.jobs.values())

    @property
    def active(self) -> int:
        """The number of jobs that have not ended."""
        return self.of(Status.PENDING) + self.of(Status.PROCESSING)

    @property
    def completed(self) -> int:
        """The number of jobs that succeeded."""
        return self.of(Status.COMPLETED)

    @property
    def failed(self) -> int:
        """The number of jobs that failed."""
        return self.of(Status.FAILED)

    def of(self, status: Status) -> int:
        """Return the number of jobs in this state."""
        return self.jobs.get(status, 0)


class GuestService:
    """Identifies guests and enforces their limits. All methods may raise ``StoreUnavailable``."""

    def __init__(
        self,
        guests: GuestData,
        jobs: VideoData,
        counters: WindowCounters,
        clock: Clock,
        *,
        session_limit: int,
        job_limit: int,
        life: timedelta,
        per_address: int | None,
        open_per_address: int | None = None,
    ) -> None:
        """Set the limits. ``per_address``: sessions that one address may create in an hour; ``open_per_address``:
        sessions that it may have at the same time. ``None`` means no limit."""
        self._open_per_address = open_per_address
        self._guests, self._jobs, self._counters, self._clock = guests, jobs, counters, clock
        self.session_limit, self.job_limit = session_limit, job_limit
        self._life, self._per_address = life, per_address

    def create(self, address: str) -> tuple[str, GuestSession]:
        """Create a session and return it with its secret, which is not stored.

        Raises:
            TooManySessions: all sessions are in use, or this address has reached one of its limits.
        """
        network = network_of(address)
        if self._per_address is not None:
            count = self._counters.add(f"guests:{network}", 1, window_seconds=CREATION_WINDOW_SECONDS)
            if count.number > self._per_address:
                raise TooManySessions(retry_after_seconds=max(1, round(count.seconds_left)))
        secret, now = str(uuid.uuid4()), self._clock.now()
        session = GuestSession(_public_id(secret), now, now, now + self._life)
        while True:
            number = _any_free(self.session_limit, self._guests.taken_places(now))
            share = None
            if self._open_per_address is not None:
                share = network, _any_free(self._open_per_address, self._guests.taken_shares(network, now))
            if self._guests.insert(session, number, share):
                return secret, session

    def is_open(self, secret: str) -> bool:
        """Whether the session of this secret is valid. This check does not count as use."""
        session_id = session_id_of(secret)
        return bool(session_id and self._guests.find(session_id, self._clock.now()))

    def open(self, secret: str, missing: type[AppError] = SessionInvalid) -> GuestSession:
        """Return the session of this secret and record its use.

        Raises:
            AppError: ``missing``, if the session does not exist or has expired.
        """
        now = self._clock.now()
        session_id = session_id_of(secret)
        session = self._guests.find(session_id, now) if session_id else None
        if session is not None and (now - session.last_activity_at).total_seconds() >= PROLONG_SECONDS:
            session = self._guests.prolong(session.id, now, now + self._life)
        if session is None:
            raise missing()
        return session

    def age_hours(self, session: GuestSession) -> float:
        """Return the age of a session in hours."""
        return round((self._clock.now() - session.created_at).total_seconds() / 3600, 2)

    def tally(self, owner: Owner | None = None) -> Tally:
        """Count the jobs of one owner, or of all."""
        return Tally(*self._jobs.tally(owner))

    def active_sessions(self) -> int:
        """Return the number of valid sessions."""
        return self._guests.count(self._clock.now())

    def reserve(self, owner: Owner, job_id: str) -> None:
        """Count a new job in its session; jobs of other owners are not counted.

        Raises:
            SessionFull: the session has reached its limit of jobs.
        """
        if owner.kind is not OwnerKind.SESSION or self._guests.add_job(owner.id, job_id, limit=self.job_limit):
            return
        self._drop_lost(owner.id)
        if not self._guests.add_job(owner.id, job_id, limit=self.job_limit):
            raise SessionFull(limit=self.job_limit)

    def release(self, owner: Owner, job_id: str) -> None:
        """Stop counting a job that does not exist any more."""
        if owner.kind is OwnerKind.SESSION:
            self._guests.drop_jobs(owner.id, [job_id])

    def _drop_lost(self, session_id: str) -> None:
        """Stop counting jobs without records: the cleanup deleted the record, or a process died before writing it."""
        counted = self._guests.job_ids(session_id)
        recorded = self._jobs.statuses(counted)
        before: datetime = self._clock.now() - timedelta(seconds=PLACE_GRACE_SECONDS)
        lost = [job_id for job_id in counted if job_id not in recorded and VideoData.id_time(job_id) < before]
        self._guests.drop_jobs(session_id, lost)


def _any_free(number: int, taken: set[int]) -> int:
    """Choose a random free number, so that concurrent requests rarely choose the same.

    Raises:
        TooManySessions: all are taken.
    """
    free = sorted(set(range(number)) - taken)
    if not free:
        raise TooManySessions()
    return random.choice(free)  # noqa: S311 (not a secret)


def session_id_of(secret: str) -> str | None:
    """Return the public id of the session of this secret: 128 bits of its SHA-256, which cannot be reversed.

    ``None`` if the text cannot be a secret of this service.
    """
    if not _SECRET.fullmatch(secret.lower()):
        return None
    return _public_id(secret.lower())


def _public_id(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
