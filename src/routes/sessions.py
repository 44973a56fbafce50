"""Serves ``/api/sessions/*`` and ``/api/jobs/*``: downloads of guests without an account."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from src import errors
from src.middleware.auth import Auth, Caller
from src.middleware.contract import File, Limit, Reply, endpoint
from src.middleware.files import file_reply
from src.middleware.services_of_request import services
from src.models.guest import GuestSession
from src.models.video import Owner, OwnerKind, Status
from src.routes.schemas import sessions as schemas
from src.services.accounts.guests import Tally
from src.services.jobs.view import JobView

bp = Blueprint("sessions", __name__, url_prefix="/api/sessions")
jobs_bp = Blueprint("session_jobs", __name__, url_prefix="/api/jobs")

OF_A_JOB = (errors.NotOwner, errors.JobNotFound)


@bp.post("/", strict_slashes=False)
@endpoint(auth=Auth.GUEST, replies={201: schemas.GuestSessionInfo}, errors=(errors.TooManySessions,))
def create_session(caller: Caller) -> Reply:
    """Create a guest session. The id in the reply is its secret and is shown only here."""
    return _info(*services().guests.create(caller.address)), 201


@bp.get("/", strict_slashes=False)
@endpoint(auth=Auth.GUEST, replies={200: schemas.GuestSessionList})
def list_sessions(caller: Caller) -> Reply:
    """Return the caller's own session and the number of all sessions."""
    own = [_info(caller.session_key, caller.session)] if caller.session and caller.session_key else []
    active, places = services().guests.active_sessions(), services().guests.session_limit
    return schemas.GuestSessionList(sessions=own, total=len(own), active_sessions=active, max_sessions=places), 200


@bp.get("/stats/overview")
@endpoint(auth=Auth.NONE, replies={200: schemas.SessionOverview})
def sessions_overview() -> Reply:
    """Return the numbers of all sessions and jobs."""
    guests = services().guests
    return schemas.SessionOverview(
        active_sessions=guests.active_sessions(),
        max_sessions=guests.session_limit,
        max_jobs_per_session=guests.job_limit,
        **_numbers(guests.tally()),
    ), 200


@bp.get("/<session_uuid>")
@endpoint(auth=Auth.NONE, replies={200: schemas.GuestSessionInfo}, errors=(errors.SessionNotFound,))
def session_info(session_uuid: str) -> Reply:
    """Return a session and the numbers of its jobs."""
    return _info(session_uuid.lower(), services().guests.open(session_uuid, missing=errors.SessionNotFound)), 200


@jobs_bp.post("/", strict_slashes=False)
@endpoint(
    auth=Auth.SESSION,
    limit=Limit.START,
    replies={201: schemas.GuestJob},
    errors=(errors.UrlInvalid, errors.SessionFull, errors.TooManyPending),
    creates="job_uuid",
)
def create_job(caller: Caller, body: schemas.CreateJob) -> Reply:
    """Download a whole video, its audio, or its captions."""
    downloads = services().downloads
    return _shown(downloads.view(downloads.request(caller.owner, body.to_request())), caller), 201


@jobs_bp.get("/", strict_slashes=False)
@endpoint(auth=Auth.SESSION, replies={200: schemas.GuestJobList})
def list_jobs(caller: Caller, query: schemas.JobPage) -> Reply:
    """List the caller's jobs, newest first."""
    state = Status(query.status) if query.status else None
    found = services().downloads.page(caller.owner, offset=query.offset, limit=query.limit, state=state)
    return schemas.GuestJobList.model_validate(found.map(lambda view: _shown(view, caller))), 200


@jobs_bp.get("/<job_id>")
@endpoint(auth=Auth.SESSION, replies={200: schemas.GuestJob}, errors=OF_A_JOB)
def job_status(job_id: str, caller: Caller) -> Reply:
    """Return the progress of a job."""
    return _shown(services().downloads.find_view(job_id, caller.owner), caller), 200


@jobs_bp.delete("/<job_id>")
@endpoint(auth=Auth.SESSION, replies={200: schemas.GuestJob}, errors=OF_A_JOB)
def delete_job(job_id: str, caller: Caller) -> Reply:
    """Cancel a job that is waiting or running; delete one that has ended, with its file."""
    view, forgotten = services().downloads.dismiss(job_id, caller.owner)
    return _shown(view, caller).model_copy(update={"deleted": forgotten}), 200


@jobs_bp.post("/<job_id>/retry")
@endpoint(auth=Auth.SESSION, replies={200: schemas.GuestJob}, errors=OF_A_JOB)
def retry_job(job_id: str, caller: Caller) -> Reply:
    """Start a failed or cancelled job again."""
    return _shown(services().downloads.retry(job_id, caller.owner), caller), 200


@jobs_bp.get("/<job_id>/paths")
@endpoint(auth=Auth.SESSION, replies={200: schemas.JobPaths}, errors=OF_A_JOB)
def job_paths(job_id: str, caller: Caller) -> Reply:
    """Return the folders of a job, one for each medium, and its file."""
    paths = schemas.JobPaths.model_validate(services().downloads.find_view(job_id, caller.owner))
    return paths.model_copy(update={"session_uuid": caller.session_key}), 200


@jobs_bp.get("/<job_id>/file")
@endpoint(auth=Auth.SESSION, replies={200: File()}, errors=(*OF_A_JOB, errors.FileNotReady, errors.FileGone))
def job_file(job_id: str, caller: Caller) -> Reply:
    """Download the finished file, completely or in ranges."""
    job = services().downloads.find(job_id, caller.owner)
    services().jobs.require_success(job)
    if not job.ended:
        raise errors.FileNotReady()
    return file_reply(job)


def _info(key: str, session: GuestSession) -> schemas.GuestSessionInfo:
    guests = services().guests
    return schemas.GuestSessionInfo(
        session_uuid=key,
        created_at=session.created_at,
        last_activity=session.last_activity_at,
        expires_at=session.expires_at,
        age_hours=guests.age_hours(session),
        **_numbers(guests.tally(Owner(OwnerKind.SESSION, session.id))),
    )


def _numbers(tally: Tally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in ("total", "active", "completed", "failed", "file_bytes")}


def _shown(view: JobView, caller: Caller) -> schemas.GuestJob:
    return schemas.GuestJob.model_validate(view).model_copy(update={"session_uuid": caller.session_key})
