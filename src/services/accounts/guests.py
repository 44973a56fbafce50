"""Guest sessions: created within limits, recognised by a secret, ended by 24 hours without use."""

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

# A session that is asked for its state every second is written once a minute.
PROLONG_SECONDS = 60
CREATION_WINDOW_SECONDS = 3600
# A place for a job that has no record yet: the job may be about to be written.
PLACE_GRACE_SECONDS = 60
_SECRET = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Tally:
    """How many jobs there are in each state, and the bytes of their files."""

    jobs: dict[Status, int]
    file_bytes: int

    @property
    def total(self) -> int:
        """All jobs."""
        return sum(self.jobs.values())

    @property
    def active(self) -> int:
        """Those that have not ended."""
        return self.of(Status.PENDING) + self.of(Status.PROCESSING)

    @property
    def completed(self) -> int:
        """Those that have ended well."""
        return self.of(Status.COMPLETED)

    @property
    def failed(self) -> int:
        """Those that have ended badly."""
        return self.of(Status.FAILED)

    def of(self, status: Status) -> int:
        """Those in this state."""
        return self.jobs.get(status, 0)


class GuestService:
    """Who a guest is, and how much of it is allowed. All methods may raise ``StoreUnavailable``."""

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
        """``per_address``: sessions that one address may create in an hour; ``open_per_address``: that it may have at
        once. ``None`` is no limit."""
        self._open_per_address = open_per_address
        self._guests, self._jobs, self._counters, self._clock = guests, jobs, counters, clock
        self.session_limit, self.job_limit = session_limit, job_limit
        self._life, self._per_address = life, per_address

    def create(self, address: str) -> tuple[str, GuestSession]:
        """A new session, and the secret that opens it: told here once, and never again.

        Raises:
            TooManySessions: all places are taken, or this address has created enough for now, or has its share.
        """
        network = network_of(address)
        if self._per_address is not None:
            count = self._counters.add(f"guests:{network}", 1, window_seconds=CREATION_WINDOW_SECONDS)
            if count.number > self._per_address:
                raise TooManySessions(retry_after_seconds=max(1, round(count.seconds_left)))
        secret, now = str(uuid.uuid4()), self._clock.now()
        session = GuestSession(_public_id(secret), now, now, now + self._life)
        while True:
            place = _any_free(self.session_limit, self._guests.taken_places(now))
            share = None
            if self._open_per_address is not None:
                share = network, _any_free(self._open_per_address, self._guests.taken_shares(network, now))
            if self._guests.insert(session, place, share):
                return secret, session

    def is_open(self, secret: str) -> bool:
        """Whether the session of this secret goes on. To ask is no use of it."""
        session_id = session_id_of(secret)
        return bool(session_id and self._guests.find(session_id, self._clock.now()))

    def open(self, secret: str, missing: type[AppError] = SessionInvalid) -> GuestSession:
        """The session of this secret, which is used now.

        Raises:
            AppError: ``missing``, when there is none or it has expired.
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
        """How long ago a session was created."""
        return round((self._clock.now() - session.created_at).total_seconds() / 3600, 2)

    def tally(self, owner: Owner | None = None) -> Tally:
        """The jobs of one owner, or of all."""
        return Tally(*self._jobs.tally(owner))

    def active_sessions(self) -> int:
        """How many sessions count now."""
        return self._guests.count(self._clock.now())

    def reserve(self, owner: Owner, job_id: str) -> None:
        """Give a new job a place in its session; owners who are no guests need none.

        Raises:
            SessionFull: the session has as many jobs as it may have.
        """
        if owner.kind is not OwnerKind.SESSION or self._guests.add_job(owner.id, job_id, limit=self.job_limit):
            return
        self._drop_lost(owner.id)
        if not self._guests.add_job(owner.id, job_id, limit=self.job_limit):
            raise SessionFull(limit=self.job_limit)

    def release(self, owner: Owner, job_id: str) -> None:
        """Take back the place of a job that is no more, or never was."""
        if owner.kind is OwnerKind.SESSION:
            self._guests.drop_jobs(owner.id, [job_id])

    def _drop_lost(self, session_id: str) -> None:
        """Places of jobs whose records have gone: by the cleanup, or with a process that died before it wrote one."""
        given = self._guests.job_ids(session_id)
        there = self._jobs.statuses(given)
        before: datetime = self._clock.now() - timedelta(seconds=PLACE_GRACE_SECONDS)
        lost = [job_id for job_id in given if job_id not in there and VideoData.id_time(job_id) < before]
        self._guests.drop_jobs(session_id, lost)


def _any_free(number: int, taken: set[int]) -> int:
    """Any free one: those who come at the same time should not all want the same.

    Raises:
        TooManySessions: there is none.
    """
    free = sorted(set(range(number)) - taken)
    if not free:
        raise TooManySessions()
    return random.choice(free)  # noqa: S311 (nothing to guess)


def session_id_of(secret: str) -> str | None:
    """The public id of the session that this secret opens: 128 bits of its SHA-256, which nobody can turn back.

    ``None`` for what cannot be a secret of ours.
    """
    if not _SECRET.fullmatch(secret.lower()):
        return None
    return _public_id(secret.lower())


def _public_id(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]
