"""Serves ``/api/video/preview``: a small copy of a part of a video, in which everyone can choose a moment."""

from __future__ import annotations

from flask import Blueprint

from src import errors
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.routes.schemas.previews import PreviewStarted, PreviewStatus, StartPreview

bp = Blueprint("preview", __name__, url_prefix="/api/video/preview")


@bp.post("")
@endpoint(
    auth=Auth.VISITOR,
    cookie=True,
    limit=Limit.PREVIEW,
    replies={202: PreviewStarted},
    errors=(errors.UrlInvalid, errors.VideoIdInvalid, errors.ClipRangeInvalid, errors.DiskFull, errors.QueueFull),
)
def start_preview(body: StartPreview, caller: Caller) -> Reply:
    """Start a small copy of a part of a video; needs no token. A newer one cancels the older ones, except the last.

    It belongs to the account, the guest session or the network address of the caller, expires after ten minutes, and is
    cancelled when its status has not been requested for ten seconds.
    """
    preview_id = services().previews.start(
        caller.visitor,
        body.url,
        body.at,
        body.seconds,
        container=body.format_preference,
        resolution=body.resolution_preference,
    )
    return PreviewStarted(preview_id=preview_id), 202


@bp.get("/<preview_id>")
@endpoint(auth=Auth.VISITOR, cookie=True, replies={200: PreviewStatus}, errors=(errors.PreviewNotFound,))
def preview_status(preview_id: str, caller: Caller) -> Reply:
    """Return the progress of a preview, and then the times of all its frames and a link to its file."""
    job = services().previews.find(preview_id, caller.visitor)
    link = services().file_links.shown(job)
    return PreviewStatus.of(preview_id, job, services().jobs.progress(job), None if link is None else link.address), 200
