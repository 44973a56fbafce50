"""Serves ``/api/video/batch``: several time ranges of one video, from one download of its source."""

from __future__ import annotations

from flask import Blueprint

from src import errors
from src.middleware.auth import Auth, Caller
from src.middleware.base_address import local_address
from src.middleware.contract import File, Reply, endpoint
from src.middleware.files import file_reply
from src.middleware.services_of_request import services
from src.models.params import BatchParams
from src.models.video import Owner, VideoJob
from src.routes.schemas.batch import Batch, BatchList, SaveBatch
from src.routes.schemas.video import JobPage

bp = Blueprint("batch", __name__, url_prefix="/api/video/batch")

OF_A_BATCH = (errors.NotOwner, errors.VideoNotFound)


@bp.post("")
@endpoint(
    auth=Auth.PRIVATE,
    replies={202: Batch},
    errors=(errors.UrlInvalid, errors.ClipRangeInvalid, errors.ClipTooLong, errors.TooManyPending, errors.DiskFull),
    creates="video_id",
)
def save_batch(body: SaveBatch, caller: Caller) -> Reply:
    """Cut several time ranges of one video: a ZIP of clips, or one video of all."""
    job = services().clips.save_batch(
        caller.user_id,
        body.to_requests(),
        joined=body.join,
        container=body.format_preference,
        resolution=body.resolution_preference,
    )
    return Batch.of(job, None), 202, {"Location": local_address(f"/api/video/batch/{job.id}"), "Retry-After": "2"}


@bp.get("/list")
@endpoint(auth=Auth.PRIVATE, replies={200: BatchList})
def list_batches(caller: Caller, query: JobPage) -> Reply:
    """List the caller's batches, newest first; all, or those in one state."""
    owner, kinds = Owner.user(caller.user_id), (BatchParams.kind,)
    found, total = services().jobs.page(owner, kinds, page=query.page, per_page=query.per_page, status=query.status)
    listed = [Batch.of(job, services().jobs.progress(job)) for job in found]
    return BatchList(batches=listed, page=query.page, per_page=query.per_page, total=total), 200


@bp.get("/<video_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: Batch}, errors=OF_A_BATCH)
def batch_status(video_id: str, caller: Caller) -> Reply:
    """Return the progress of a batch."""
    job = _find(video_id, caller)
    return Batch.of(job, services().jobs.progress(job)), 200


@bp.get("/<video_id>/file")
@endpoint(
    auth=Auth.PRIVATE,
    replies={200: File("application/zip")},
    errors=(*OF_A_BATCH, errors.FileNotReady, errors.FileGone),
)
def batch_file(video_id: str, caller: Caller) -> Reply:
    """Download the file of a batch, completely or in ranges."""
    job = _find(video_id, caller)
    services().jobs.require_success(job)
    if not job.ended:
        raise errors.FileNotReady()
    return file_reply(job)


def _find(video_id: str, caller: Caller) -> VideoJob:
    kinds = (BatchParams.kind,)
    return services().jobs.find(video_id, Owner.user(caller.user_id), kinds, missing=errors.VideoNotFound)
