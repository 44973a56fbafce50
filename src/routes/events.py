"""``/api/jobs/{id}/events``, ``/api/events``, ``/ws``: progress as it happens."""

from __future__ import annotations

from flask import Blueprint, Response

from src.errors import (
    JobNotFound,
    NotOwner,
    TooManyListeners,
    TooManyOwnListeners,
    WebSocketInvalid,
    WebSocketVersionUnsupported,
)
from src.middleware.auth import Auth, Caller
from src.middleware.contract import File, Reply, endpoint
from src.middleware.push import event_stream, last_event_id, web_socket
from src.middleware.services_of_request import services
from src.models.params import JobParams

bp = Blueprint("events", __name__)

STREAM = {200: File("text/event-stream")}
FULL = (TooManyListeners, TooManyOwnListeners)
SOCKET = (*FULL, WebSocketInvalid, WebSocketVersionUnsupported)


@bp.get("/api/jobs/<job_id>/events")
@endpoint(auth=Auth.SESSION, replies=STREAM, errors=(JobNotFound, NotOwner, *FULL))
def job_events(job_id: str, caller: Caller) -> Reply:
    """Tell how a job stands and every change, as server-sent events, until it has ended.

    ``Last-Event-ID`` goes on where an earlier stream stopped; 204 when there is nothing to come any more.
    """
    job = services().jobs.find(job_id, caller.owner, JobParams.kinds(), missing=JobNotFound)
    heard = last_event_id()
    if services().events.has_received_all(job, heard):
        return Response(status=204)
    return event_stream(services().events.of_job(job.id, heard, allowed=caller.still_counts, holder=caller.holder))


@bp.get("/api/events")
@endpoint(auth=Auth.SESSION, replies=STREAM, errors=FULL)
def all_events(caller: Caller) -> Reply:
    """Tell how all jobs of the caller stand and every change, as server-sent events, for as long as the login lasts."""
    return event_stream(
        services().events.of_owner(caller.owner, last_event_id(), allowed=caller.still_counts, holder=caller.holder)
    )


@bp.get("/ws", websocket=True)
@endpoint(auth=Auth.ANY, replies={200: File("application/json")}, errors=SOCKET)
def progress_socket(caller: Caller) -> Reply:
    """Tell the same as WebSocket messages: ``{"event": "download_progress", "progress": 45, ...}``.

    A browser, whose WebSocket sends no headers, offers two protocols: ``bearer`` and its token, or ``session`` and the
    id of its guest session.
    """
    listener = services().events.of_owner(caller.owner, allowed=caller.still_counts, holder=caller.holder)
    return web_socket(listener, caller.holder)
