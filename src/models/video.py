"""VideoJob: the one record of everything slow that the service does, and the closed set of its states."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from src.models.outcome import reported_outcome
from src.models.params import JobParams


class Status(StrEnum):
    """Where a job is in its life. A failed or cancelled job may be started again."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


ARCHIVE_ID = "archive"
"""Of the address that owns the archive of all callers who need no token: the operator's (ADR 9)."""


class OwnerKind(StrEnum):
    """Who a job can belong to."""

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
        """Whether no account stands behind it, and it is not the operator's own archive."""
        return self.kind is not OwnerKind.USER and (self.kind, self.id) != (OwnerKind.ADDRESS, ARCHIVE_ID)

    @staticmethod
    def user(user_id: str) -> Owner:
        """The owner that a signed-in user is."""
        return Owner(OwnerKind.USER, user_id)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job: who has it, its number (only the highest may write), and until when."""

    worker: str
    fence: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Artifact:
    """The finished file of a job. ``download_name`` is what a browser should call it."""

    path: Path
    size_bytes: int
    mime: str
    download_name: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a code of ``errors/`` and the sentence for the user.

    ``told``: whether whoever asked for the file has had this answer. The next request after that starts anew.
    """

    code: str
    message: str
    told: bool = False


@dataclass(frozen=True, slots=True)
class VideoJob:
    """One job. All times are UTC-aware.

    ``pending`` with ``queued_at`` is waiting for a worker; ``pending`` without it was only saved.
    ``facts`` holds what was learnt about the source (``available_formats``, ``title``, ``source_duration``), and
    under ``request`` the caller's own words, for surfaces that repeat them;
    ``report`` what the finished file really is, beside what was asked.
    """

    id: str
    owner: Owner
    params: JobParams
    status: Status
    created_at: datetime
    attempts: int = 0
    retries: int = 0
    """Those of the attempts that ended with an error that may pass by itself; the others died with their worker."""
    lease: Lease | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    keep_seconds: float | None = None
    """How long the finished file stays: ``None`` as long as all files, ``math.inf`` until somebody deletes it."""
    cancel_requested: bool = False
    artifact: Artifact | None = None
    made_bytes: int | None = None
    """The size of the finished file, told after it was deleted, too."""
    failure: Failure | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    anonymous: bool = False
    """Whether another client than the owner saved it, with a public token or with none."""
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The name of the job's kind, as its parameters say it."""
        return self.params.kind

    @property
    def outcome(self) -> dict[str, Any]:
        """``complete``, ``gaps`` and ``notes``, as every surface shows them."""
        return reported_outcome(self.report if self.status is Status.COMPLETED else None)

    @property
    def begun_at(self) -> datetime:
        """When work began, or when it was asked for."""
        return self.started_at or self.queued_at or self.created_at

    @property
    def changed_at(self) -> datetime:
        """When its state changed last."""
        return self.completed_at or self.begun_at

    @property
    def waiting(self) -> bool:
        """Asked for and not yet begun."""
        return self.status is Status.PENDING and self.queued_at is not None

    @property
    def ended(self) -> bool:
        """Nothing will happen any more unless it is started again."""
        return self.status in ENDED
