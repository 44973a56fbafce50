"""``/api/sessions/*`` and ``/api/jobs/*``: guests without an account, and what they fetch."""

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
from src.routes.schemas import sessions as said
from src.services.accounts.guests import Tally
from src.services.jobs.view import JobView

bp = Blueprint("sessions", __name__, url_prefix="/api/sessions")
jobs_bp = Blueprint("session_jobs", __name__, url_prefix="/api/jobs")

OF_A_JOB = (errors.NotOwner, errors.JobNotFound)


@bp.post("/", strict_slashes=False)
@endpoint(auth=Auth.GUEST, replies={201: said.GuestSessionInfo}, errors=(errors.TooManySessions,))
def create_session(caller: Caller) -> Reply:
    """Create a guest session: the id in the answer opens it and is told only here."""
    return _info(*services().guests.create(caller.address)), 201


@bp.get("/", strict_slashes=False)
@endpoint(auth=Auth.GUEST, replies={200: said.GuestSessionList})
def list_sessions(caller: Caller) -> Reply:
    """Tell the caller's own session and how many others there are."""
    own = [_info(caller.session_key, caller.session)] if caller.session and caller.session_key else []
    active, places = services().guests.active_sessions(), services().guests.session_limit
    return said.GuestSessionList(sessions=own, total=len(own), active_sessions=active, max_sessions=places), 200


@bp.get("/stats/overview")
@endpoint(auth=Auth.NONE, replies={200: said.SessionOverview})
def sessions_overview() -> Reply:
    """Tell all sessions and jobs in numbers."""
    guests = services().guests
    return said.SessionOverview(
        active_sessions=guests.active_sessions(),
        max_sessions=guests.session_limit,
        max_jobs_per_session=guests.job_limit,
        **_numbers(guests.tally()),
    ), 200


@bp.get("/<session_uuid>")
@endpoint(auth=Auth.NONE, replies={200: said.GuestSessionInfo}, errors=(errors.SessionNotFound,))
def session_info(session_uuid: str) -> Reply:
    """Tell a session and its jobs in numbers."""
    return _info(session_uuid.lower(), services().guests.open(session_uuid, missing=errors.SessionNotFound)), 200


@jobs_bp.post("/", strict_slashes=False)
@endpoint(
    auth=Auth.SESSION,
    limit=Limit.START,
    replies={201: said.GuestJob},
    errors=(errors.UrlInvalid, errors.SessionFull, errors.TooManyPending),
    creates="job_uuid",
)
def create_job(caller: Caller, body: said.CreateJob) -> Reply:
    """Fetch a whole video, its sound, or its captions."""
    downloads = services().downloads
    return _told(downloads.view(downloads.request(caller.owner, body.to_request())), caller), 201


@jobs_bp.get("/", strict_slashes=False)
@endpoint(auth=Auth.SESSION, replies={200: said.GuestJobList})
def list_jobs(caller: Caller, query: said.JobPage) -> Reply:
    """List the caller's jobs, newest first."""
    state = Status(query.status) if query.status else None
    found = services().downloads.page(caller.owner, offset=query.offset, limit=query.limit, state=state)
    return said.GuestJobList.model_validate(found.map(lambda view: _told(view, caller))), 200


@jobs_bp.get("/<job_id>")
@endpoint(auth=Auth.SESSION, replies={200: said.GuestJob}, errors=OF_A_JOB)
def job_status(job_id: str, caller: Caller) -> Reply:
    """Tell how far a job is."""
    return _told(services().downloads.find_view(job_id, caller.owner), caller), 200


@jobs_bp.delete("/<job_id>")
@endpoint(auth=Auth.SESSION, replies={200: said.GuestJob}, errors=OF_A_JOB)
def delete_job(job_id: str, caller: Caller) -> Reply:
    """Cancel a job that goes on; forget one that has ended, with its file."""
    view, forgotten = services().downloads.dismiss(job_id, caller.owner)
    return _told(view, caller).model_copy(update={"deleted": forgotten}), 200


@jobs_bp.post("/<job_id>/retry")
@endpoint(auth=Auth.SESSION, replies={200: said.GuestJob}, errors=OF_A_JOB)
def retry_job(job_id: str, caller: Caller) -> Reply:
    """Start a failed or cancelled job anew."""
    return _told(services().downloads.retry(job_id, caller.owner), caller), 200


@jobs_bp.get("/<job_id>/paths")
@endpoint(auth=Auth.SESSION, replies={200: said.JobPaths}, errors=OF_A_JOB)
def job_paths(job_id: str, caller: Caller) -> Reply:
    """Tell the folders of a job, one for each medium, and its file."""
    told = said.JobPaths.model_validate(services().downloads.find_view(job_id, caller.owner))
    return told.model_copy(update={"session_uuid": caller.session_key}), 200


@jobs_bp.get("/<job_id>/file")
@endpoint(auth=Auth.SESSION, replies={200: File()}, errors=(*OF_A_JOB, errors.FileNotReady, errors.FileGone))
def job_file(job_id: str, caller: Caller) -> Reply:
    """Fetch the finished file, whole or in ranges."""
    job = services().downloads.find(job_id, caller.owner)
    services().jobs.require_success(job)
    if not job.ended:
        raise errors.FileNotReady()
    return file_reply(job)


def _info(key: str, session: GuestSession) -> said.GuestSessionInfo:
    guests = services().guests
    return said.GuestSessionInfo(
        session_uuid=key,
        created_at=session.created_at,
        last_activity=session.last_activity_at,
        expires_at=session.expires_at,
        age_hours=guests.age_hours(session),
        **_numbers(guests.tally(Owner(OwnerKind.SESSION, session.id))),
    )


def _numbers(tally: Tally) -> dict[str, Any]:
    return {name: getattr(tally, name) for name in ("total", "active", "completed", "failed", "file_bytes")}


def _told(view: JobView, caller: Caller) -> said.GuestJob:
    return said.GuestJob.model_validate(view).model_copy(update={"session_uuid": caller.session_key})
