"""Defines the JSON of ``/api/diagnostics`` and ``/api/admin/jobs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import BaseModel, Field

from src.bootstrap.kinds import KINDS
from src.models.video import Status, VideoJob
from src.routes.schemas.common import RequestBody, UtcTime
from src.routes.schemas.metrics import QueueReading, SystemLoad
from src.services.accounts.administrators import MAKE_ADMIN
from src.services.encoding_service import HardwareReading
from src.services.jobs.queues import Queue
from src.services.operations.diagnostics import Diagnosis, Program
from src.utils.cli_command import cli_command


class Part(BaseModel):
    """The result of testing one component."""

    ok: bool
    milliseconds: int
    problem: str | None


class FfmpegProgram(BaseModel):
    """An FFmpeg of this machine, and its failed trials; null before they ran. They limit what it is used for."""

    path: str
    origin: Literal["configured", "bundled", "installed"]
    version: str | None
    problems: dict[str, str] | None


class HardwareEncoder(BaseModel):
    """A hardware encoder that works, and the program that has it."""

    encoder: str
    program: str

    @classmethod
    def of(cls, found: HardwareReading | None) -> Self | None:
        """Return the reply for what was found."""
        return None if found is None else cls(encoder=found.encoder, program=str(found.program))


class Ffmpeg(BaseModel):
    """The FFmpeg that does all work in software, the reason for the choice, and its encoders that the service uses.

    ``hardware`` is null where HARDWARE_ENCODING is off.
    """

    path: str
    reason: str
    version: str | None
    encoders: list[str]
    programs: list[FfmpegProgram]
    hardware: dict[str, HardwareEncoder | None] | None

    @classmethod
    def of(cls, found: Program) -> Self:
        """Return the reply for what was found."""
        hardware: dict[str, HardwareEncoder | None] | None = None
        if found.hardware is not None:
            hardware = {codec: HardwareEncoder.of(one) for codec, one in found.hardware.items()}
        return cls(
            path=str(found.path),
            reason=found.reason,
            version=found.version,
            encoders=list(found.encoders),
            programs=[
                FfmpegProgram(path=str(one.path), origin=one.origin, version=one.version, problems=one.problems)
                for one in found.programs
            ],
            hardware=hardware,
        )


class Sandbox(BaseModel):
    """How programs are isolated from files and the network; ``reasons`` explain why it is not better."""

    files: Literal["landlock", "none"]
    network: Literal["namespace", "landlock", "none"]
    reasons: list[str]


class Diagnostics(BaseModel):
    """The components of an instance. Null where a component did not respond in time."""

    ok: bool
    at: UtcTime
    python: str
    packages: dict[str, str | None]
    ytdlp_age_days: int | None
    ffmpeg: Ffmpeg | None
    js_runtime: str | None
    sandbox: Sandbox
    stores: dict[Literal["mongodb", "redis"], str | None]
    system: SystemLoad | None
    disk_floor_bytes: int
    queues: dict[str, QueueReading] | None
    reasons: list[str]
    admins_without_effect: list[str] | None = Field(
        description="Addresses in ADMIN_EMAILS that make no account an administrator; see `make_admin`."
    )
    make_admin: str | None = Field(description="The command to run while an address has no effect.")
    self_test: dict[str, Part]

    @classmethod
    def of(cls, found: Diagnosis) -> Self:
        """Return the reply for a diagnosis."""
        make_admin = cli_command(MAKE_ADMIN) if found.admins_without_effect else None
        return cls.model_validate(
            {
                "ok": found.ok,
                "at": found.at,
                "python": found.python,
                "packages": found.packages,
                "ytdlp_age_days": found.ytdlp_age_days,
                "ffmpeg": found.ffmpeg and Ffmpeg.of(found.ffmpeg),
                "js_runtime": found.js_runtime,
                "sandbox": {
                    "files": found.sandbox.files,
                    "network": found.sandbox.network,
                    "reasons": list(found.sandbox.reasons),
                },
                "stores": {"mongodb": found.mongodb, "redis": found.redis},
                "system": found.disk and SystemLoad.model_validate(found.disk),
                "disk_floor_bytes": found.disk_floor_bytes,
                "queues": None if found.queues is None else QueueReading.by_name(found.queues),
                "reasons": list(found.reasons),
                "admins_without_effect": _listed(found.admins_without_effect),
                "make_admin": make_admin,
                "self_test": {
                    part.name: {"ok": part.ok, "milliseconds": part.milliseconds, "problem": part.problem}
                    for part in found.self_test
                },
            }
        )


def _listed(found: Sequence[str] | None) -> list[str] | None:
    return None if found is None else list(found)


class AllJobsQuery(RequestBody):
    """Which jobs to list."""

    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(20, ge=1, le=100)
    kind: Literal[tuple(sorted(KINDS.names()))] | None = None  # type: ignore[valid-type]
    status: Literal[tuple(each.value for each in Status)] | None = None  # type: ignore[valid-type]


class AnyJob(BaseModel):
    """A job of any user. Its parameters are private: links and messages are not shown."""

    job_id: str
    kind: str
    queue: str
    owner_kind: str
    owner_id: str
    status: str
    attempts: int
    worker: str | None
    error_code: str | None
    created_at: UtcTime
    queued_at: UtcTime | None
    started_at: UtcTime | None
    completed_at: UtcTime | None

    @classmethod
    def of(cls, job: VideoJob) -> Self:
        """Return the entry for a job."""
        worker = job.lease.worker if job.lease else None
        return cls(
            job_id=job.id,
            kind=job.kind,
            queue=KINDS.queue_of(job),
            owner_kind=job.owner.kind.value,
            owner_id=job.owner.id,
            status=job.status.value,
            attempts=job.attempts,
            worker=worker,
            error_code=job.failure.code if job.failure else None,
            created_at=job.created_at,
            queued_at=job.queued_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
        )


class AllJobs(BaseModel):
    """A page of the jobs of all users, newest first, and the queues."""

    jobs: list[AnyJob]
    page: int
    per_page: int
    total: int
    queues: dict[str, QueueReading]

    @classmethod
    def of(cls, jobs: Sequence[VideoJob], total: int, query: AllJobsQuery, queues: Sequence[Queue]) -> Self:
        """Return the reply for a page of jobs."""
        return cls(
            jobs=[AnyJob.of(job) for job in jobs],
            page=query.page,
            per_page=query.per_page,
            total=total,
            queues=QueueReading.by_name(queues),
        )
