"""Defines jobs: the one record for all long-running work, and the closed set of its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from src.models.outcome import reported_outcome
from src.models.params import JobParams
from src.utils.clock import utc_text


class Status(StrEnum):
    """The state of a job. A failed or cancelled job may be started again."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


ARCHIVE_ID = "archive"
"""The id of the address that owns the archive of all callers who need no token: the operator's (ADR 9)."""


class OwnerKind(StrEnum):
    """The types of owners of a job."""

    USER = "user"
    SESSION = "session"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Owner:
    """A user (by id), an anonymous session (by id) or a network address."""

    kind: OwnerKind
    id: str

    @property
    def is_anonymous(self) -> bool:
        """Whether the owner has no account and is not the operator's own archive."""
        return self.kind is not OwnerKind.USER and (self.kind, self.id) != (OwnerKind.ADDRESS, ARCHIVE_ID)

    @staticmethod
    def user(user_id: str) -> Owner:
        """Return a signed-in user as an owner."""
        return Owner(OwnerKind.USER, user_id)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to process a job: its worker, its number (only the highest may write), and its end."""

    worker: str
    fence: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Artifact:
    """The finished file of a job. ``download_name`` is the name for the browser."""

    path: Path
    size_bytes: int
    mime: str
    download_name: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a code of ``errors/`` and the sentence for the user.

    ``reported``: a caller who requested the file has received this failure. The next request starts the job again.
    """

    code: str
    message: str
    reported: bool = False


class RepairState(StrEnum):
    """Whether the missing parts of a finished file will be added from the recording of its stream."""

    WAITING = "waiting"
    DONE = "done"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Repair:
    """The second part of a job whose file lacks something that will be available later.

    While it waits, the job is completed and has its first file. ``until``: when the service gives up.
    """

    state: RepairState
    until: datetime

    @property
    def waiting(self) -> bool:
        """Whether the file may still be replaced by a better one."""
        return self.state is RepairState.WAITING


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """When to look for the missing parts of a finished file: first after ``seconds``, at the latest at ``until``."""

    seconds: float
    until: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished file, its report and the facts about its source. ``repair``: set if it lacks something."""

    artifact: Artifact
    report: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    repair: RepairPlan | None = None


class WaitsFor(StrEnum):
    """What a postponed job waits for: that its stream goes on, that a moment is broadcast, or the recording."""

    STREAM = "stream"
    SEGMENTS = "segments"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class VideoJob:
    """A job. All times are UTC-aware.

    ``pending`` with ``queued_at`` waits for a worker; ``pending`` without it was only saved.
    ``facts`` has the facts about the source (``available_formats``, ``title``, ``source_duration``), and under
    ``request`` the fields of the request as sent, for APIs that return them;
    ``report`` describes the finished file in comparison with the request.
    """

    id: str
    owner: Owner
    params: JobParams
    status: Status
    created_at: datetime
    attempts: int = 0
    retries: int = 0
    """The attempts that ended with a temporary error; in the others the worker died."""
    lease: Lease | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    keep_seconds: float | None = None
    """How long the finished file stays: ``None`` for the default, ``math.inf`` until it is deleted."""
    cancel_requested: bool = False
    artifact: Artifact | None = None
    result_bytes: int | None = None
    """The size of the finished file, also after it was deleted."""
    failure: Failure | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    anonymous: bool = False
    """Whether another client than the owner saved it, with a public token or without one."""
    report: dict[str, Any] = field(default_factory=dict)
    repair: Repair | None = None
    """Set if a finished file lacks something."""
    waiting_for: WaitsFor | None = None
    """Set while the job is postponed, until its next attempt ends."""
    not_before: datetime | None = None
    """When a postponed job continues."""
    queue: str | None = None
    """The queue that it waits in, if that is not, or not always, the one of its kind."""

    @property
    def kind(self) -> str:
        """The name of the job's kind."""
        return self.params.kind

    @property
    def outcome(self) -> dict[str, Any]:
        """``complete``, ``gaps`` and ``notes``, as every API shows them."""
        return reported_outcome(self.report if self.status is Status.COMPLETED else None)

    @property
    def still_to_come(self) -> dict[str, Any]:
        """``repair`` and ``waiting_for`` as JSON values: what the service will still do by itself."""
        repair = self.repair and {"state": self.repair.state.value, "until": utc_text(self.repair.until)}
        waiting_for = None if self.ended or self.waiting_for is None else self.waiting_for.value
        return {"repair": repair, "waiting_for": waiting_for}

    @property
    def active_since(self) -> datetime:
        """When the job started or, before that, when it was requested."""
        return self.started_at or self.queued_at or self.created_at

    @property
    def changed_at(self) -> datetime:
        """When its state last changed."""
        return self.completed_at or self.active_since

    @property
    def waiting(self) -> bool:
        """Whether the job is requested and not started yet."""
        return self.status is Status.PENDING and self.queued_at is not None

    @property
    def repairing(self) -> bool:
        """Whether this is the claim of a completed job whose file is being repaired."""
        return self.status is Status.COMPLETED and self.lease is not None

    @property
    def shown_status(self) -> Status:
        """The state for clients: a job that waits for its stream has been started, although no worker is busy."""
        return Status.PROCESSING if self.status is Status.PENDING and self.waiting_for else self.status

    @property
    def ended(self) -> bool:
        """Whether the job has ended; it changes only if it is started again."""
        return self.status in ENDED
