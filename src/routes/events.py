"""Serves ``/api/jobs/{id}/events``, ``/api/events`` and ``/ws``: progress as it happens."""

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
@endpoint(auth=Auth.SESSION, cookie=True, replies=STREAM, errors=(JobNotFound, NotOwner, *FULL))
def job_events(job_id: str, caller: Caller) -> Reply:
    """Send the state of a job and every change as server-sent events until it has ended.

    ``Last-Event-ID`` continues an earlier stream; 204 when no more events will come.
    """
    job = services().jobs.find(job_id, caller.owner, JobParams.kinds(), missing=JobNotFound)
    received = last_event_id()
    if services().events.has_received_all(job, received):
        return Response(status=204)
    return event_stream(services().events.of_job(job.id, received, allowed=caller.still_counts, holder=caller.holder))


@bp.get("/api/events")
@endpoint(auth=Auth.SESSION, cookie=True, replies=STREAM, errors=FULL)
def all_events(caller: Caller) -> Reply:
    """Send the state of all jobs of the caller and every change as server-sent events while the login is valid."""
    return event_stream(
        services().events.of_owner(caller.owner, last_event_id(), allowed=caller.still_counts, holder=caller.holder)
    )


@bp.get("/ws", websocket=True)
@endpoint(auth=Auth.ANY, replies={200: File("application/json")}, errors=SOCKET)
def progress_socket(caller: Caller) -> Reply:
    """Send the same events as WebSocket messages: ``{"event": "download_progress", "progress": 45, ...}``.

    A browser, whose WebSocket sends no headers, offers two protocols: ``bearer`` and its token, or ``session`` and the
    id of its guest session.
    """
    listener = services().events.of_owner(caller.owner, allowed=caller.still_counts, holder=caller.holder)
    return web_socket(listener, caller.holder)
