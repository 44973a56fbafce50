"""Serves ``/download/``, ``/download/mp4`` and ``/job/*``: playlists and video files of any site."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from src.errors import AppError, DiskFull, JobNotFound, QueueFull, TooManyPending, UrlInvalid
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.models.video import VideoJob
from src.routes.schemas.streams import DownloadFile, DownloadStream, StreamJob
from src.services.streams.requests import StreamRequest

bp = Blueprint("streams", __name__)

REFUSALS = (UrlInvalid, TooManyPending, QueueFull, DiskFull)


def detail_body(error: AppError) -> dict[str, Any]:
    """Return ``{"detail", "code"}``: the form of this API's errors."""
    return {"detail": error.message, "code": error.code}


@bp.post("/download/", strict_slashes=True)
@endpoint(auth=Auth.NONE, limit=Limit.START, replies={200: StreamJob}, errors=REFUSALS, creates="job_id")
def download_stream(body: DownloadStream, caller: Caller) -> Reply:
    """Download an HLS stream (m3u8)."""
    return _start(caller, body.to_request())


@bp.post("/download/mp4")
@endpoint(auth=Auth.NONE, limit=Limit.START, replies={200: StreamJob}, errors=REFUSALS, creates="job_id")
def download_file(body: DownloadFile, caller: Caller) -> Reply:
    """Download a video file."""
    return _start(caller, body.to_request())


@bp.get("/job/<job_id>")
@endpoint(auth=Auth.NONE, replies={200: StreamJob}, errors=(JobNotFound,))
def stream_job(job_id: str) -> Reply:
    """Return the progress of a download."""
    return _shown(services().streams.find(job_id)), 200


@bp.delete("/job/<job_id>")
@endpoint(auth=Auth.NONE, replies={200: StreamJob}, errors=(JobNotFound,))
def cancel_stream(job_id: str) -> Reply:
    """Cancel a download that is waiting or running; delete one that has ended, with its file."""
    return _shown(services().streams.cancel(services().streams.find(job_id))), 200


def _start(caller: Caller, request: StreamRequest) -> Reply:
    return _shown(services().streams.request(caller.address, request)), 200


def _shown(job: VideoJob) -> StreamJob:
    return StreamJob.model_validate(services().streams.view(job))
