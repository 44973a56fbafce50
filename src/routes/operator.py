"""``/api/diagnostics`` and ``/api/admin/jobs``: what the operators of an instance may see."""

from __future__ import annotations

from flask import Blueprint

from src.middleware.auth import Auth
from src.middleware.contract import Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.routes.schemas.operator import AllJobs, AllJobsQuery, Diagnostics

bp = Blueprint("operator", __name__, url_prefix="/api")


@bp.get("/diagnostics")
@endpoint(auth=Auth.OPERATOR, limit=Limit.LOOK_UP, replies={200: Diagnostics})
def diagnostics() -> Reply:
    """Tell what this instance is made of, and try its parts.

    For the accounts of ADMIN_EMAILS; while that names nobody, for everybody who is signed in. Answers within 20
    seconds, whatever hangs; an answer may be 10 seconds old.
    """
    return Diagnostics.of(services().diagnostics.diagnose()), 200


@bp.get("/admin/jobs")
@endpoint(auth=Auth.ADMIN, replies={200: AllJobs})
def all_jobs(query: AllJobsQuery) -> Reply:
    """List everybody's jobs, newest first, and what waits in the queues. For the accounts of ADMIN_EMAILS."""
    jobs = services().jobs
    found, total = jobs.page_of_all(page=query.page, per_page=query.per_page, kind=query.kind, status=query.status)
    return AllJobs.of(found, total, query, jobs.queues()), 200
