"""Serves ``DELETE``, ``cancel`` and ``retry`` of ``/api/video`` and ``/api/encode``, and the webhook secret."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint

from src.errors import DiskFull, EncodeNotFound, FileGone, FileNotReady, FormatRefused, NotOwner, VideoNotFound
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Reply, endpoint
from src.middleware.services_of_request import services
from src.models.params import BatchParams, EncodeParams
from src.models.video import Owner, Status, VideoJob
from src.routes.schemas.control import (
    EncodeControlled,
    FileLinked,
    FilesZipped,
    VideoControlled,
    WebhookSecret,
    ZipVideos,
)
from src.routes.schemas.video import DeleteVideos, VideosDeleted
from src.services.clips.choices import require_possible
from src.services.clips.requests import KINDS as CLIP_KINDS

bp = Blueprint("control", __name__, url_prefix="/api")

VIDEO_KINDS = (*CLIP_KINDS, BatchParams.kind)
OF_A_VIDEO = (NotOwner, VideoNotFound)
OF_AN_ENCODE = (NotOwner, EncodeNotFound)


@bp.delete("/video/<video_id>")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideoControlled}, errors=OF_A_VIDEO)
def delete_video(video_id: str, caller: Caller) -> Reply:
    """Cancel a video that is waiting or running, otherwise delete it with its file."""
    return VideoControlled.of(*_dismissed(_video(video_id, caller))), 200


@bp.post("/video/delete")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideosDeleted})
def delete_videos(caller: Caller, body: DeleteVideos) -> Reply:
    """Delete up to 200 videos with their files, as with DELETE; those that are waiting or running are cancelled."""
    told = VideosDeleted(deleted=[], cancelled=[], missing=[])
    for video_id in dict.fromkeys(body.ids):
        try:
            _, deleted = _dismissed(_video(video_id, caller))
        except (VideoNotFound, NotOwner):  # nobody learns which videos others have
            told.missing.append(video_id)
            continue
        (told.deleted if deleted else told.cancelled).append(video_id)
    return told, 200


@bp.post("/video/zip")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: FilesZipped}, errors=(FileGone,))
def zip_videos(caller: Caller, body: ZipVideos) -> Reply:
    """Get a link to one ZIP file with the files of up to 100 videos, valid for about an hour."""
    found: list[VideoJob] = []
    for video_id in dict.fromkeys(body.ids):
        with suppress(VideoNotFound, NotOwner):  # nobody learns which videos others have
            found.append(_video(video_id, caller))
    found = [job for job in found if job.status is Status.COMPLETED and job.artifact is not None]
    missing = [video_id for video_id in body.ids if video_id not in {job.id for job in found}]
    if not found:
        raise FileGone()
    link = services().file_links.zipped(found)
    return FilesZipped(url=link.address, files=len(found), missing=missing, expires_at=link.expires_at), 200


@bp.post("/video/<video_id>/cancel")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideoControlled}, errors=OF_A_VIDEO)
def cancel_video(video_id: str, caller: Caller) -> Reply:
    """Stop a video that is waiting or running; one that has ended stays as it is.

    The recording of a whole stream ends early, with the file of what was recorded so far.
    """
    return VideoControlled.of(services().jobs.cancel(_video(video_id, caller)), False), 200


@bp.post("/video/<video_id>/retry")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideoControlled}, errors=(*OF_A_VIDEO, DiskFull, FormatRefused))
def retry_video(video_id: str, caller: Caller) -> Reply:
    """Start a failed or cancelled video again; others stay as they are."""
    job = _video(video_id, caller)
    if job.status in (Status.FAILED, Status.CANCELLED):
        require_possible(job, {}, services().encoder)
    return VideoControlled.of(services().jobs.retry(job), False), 200


@bp.post("/video/link/<video_id>")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: FileLinked}, errors=(*OF_A_VIDEO, FileNotReady, FileGone))
def link_video(video_id: str, caller: Caller) -> Reply:
    """Get links with which a page shows the file and a still image of it, for about an hour; call again to renew."""
    return _linked(_video(video_id, caller)), 200


@bp.post("/encode/link/<encode_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: FileLinked}, errors=(*OF_AN_ENCODE, FileNotReady, FileGone))
def link_encode(encode_id: str, caller: Caller) -> Reply:
    """Get links with which a page shows the file and a still image of it, for about an hour; call again to renew."""
    return _linked(_encode(encode_id, caller)), 200


@bp.delete("/encode/<encode_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: EncodeControlled}, errors=OF_AN_ENCODE)
def delete_encode(encode_id: str, caller: Caller) -> Reply:
    """Cancel an encode that is waiting or running, otherwise delete it with its upload and its file."""
    return EncodeControlled.of(*_dismissed(_encode(encode_id, caller))), 200


@bp.post("/encode/<encode_id>/cancel")
@endpoint(auth=Auth.PRIVATE, replies={200: EncodeControlled}, errors=OF_AN_ENCODE)
def cancel_encode(encode_id: str, caller: Caller) -> Reply:
    """Stop an encode that is waiting or running; one that has ended stays as it is."""
    return EncodeControlled.of(services().jobs.cancel(_encode(encode_id, caller)), False), 200


@bp.post("/encode/<encode_id>/retry")
@endpoint(auth=Auth.PRIVATE, replies={200: EncodeControlled}, errors=(*OF_AN_ENCODE, DiskFull, FileGone, FormatRefused))
def retry_encode(encode_id: str, caller: Caller) -> Reply:
    """Start a failed or cancelled encode again; others stay as they are."""
    return EncodeControlled.of(services().uploads.retry(_encode(encode_id, caller)), False), 200


@bp.get("/webhooks/secret")
@endpoint(auth=Auth.SESSION, cookie=True, replies={200: WebhookSecret})
def webhook_secret(caller: Caller) -> Reply:
    """Return the secret with which webhooks about the caller's jobs are signed."""
    return WebhookSecret(secret=services().webhooks.secret_of(caller.owner)), 200


def _video(video_id: str, caller: Caller) -> VideoJob:
    return services().jobs.find(video_id, caller.clip_owner, VIDEO_KINDS, missing=VideoNotFound)


def _encode(encode_id: str, caller: Caller) -> VideoJob:
    kinds = (EncodeParams.kind,)
    return services().jobs.find(encode_id, Owner.user(caller.user_id), kinds, missing=EncodeNotFound)


def _linked(job: VideoJob) -> FileLinked:
    services().jobs.require_success(job)
    if not job.ended:
        raise FileNotReady()
    links = services().file_links
    file, poster = links.shown(job), links.shown(job, poster=True)
    if file is None or poster is None:
        raise FileGone()
    return FileLinked(file_url=file.address, poster_url=poster.address, expires_at=file.expires_at)


def _dismissed(job: VideoJob) -> tuple[VideoJob, bool]:
    if job.ended or job.queued_at is not None:
        dismissed, deleted = services().jobs.dismiss(job)
    else:
        dismissed, deleted = job, services().jobs.forget(job)  # a job that is only saved needs no cancelling
    if deleted:
        services().guests.release(job.owner, job.id)
    return dismissed, deleted
