"""Serves ``/api/diagnostics`` and ``/api/admin/jobs`` for the operators of an instance."""

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
    """Return the components of this instance and the results of their tests.

    For the accounts of ADMIN_EMAILS or, while that is empty, for all signed-in users. Answers within 20 seconds, even
    when a component hangs; the answer may be 10 seconds old.
    """
    return Diagnostics.of(services().diagnostics.diagnose()), 200


@bp.get("/admin/jobs")
@endpoint(auth=Auth.ADMIN, replies={200: AllJobs})
def all_jobs(query: AllJobsQuery) -> Reply:
    """List the jobs of all users, newest first, and the queues. For the accounts of ADMIN_EMAILS."""
    jobs = services().jobs
    found, total = jobs.page_of_all(page=query.page, per_page=query.per_page, kind=query.kind, status=query.status)
    return AllJobs.of(found, total, query, jobs.queues()), 200
