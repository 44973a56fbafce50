"""Serves ``DELETE``, ``cancel`` and ``retry`` of ``/api/video`` and ``/api/encode``, and the webhook secret."""

from __future__ import annotations

from flask import Blueprint

from src.errors import DiskFull, EncodeNotFound, FileGone, FileNotReady, FormatRefused, NotOwner, VideoNotFound
from src.middleware.auth import Auth, Caller
from src.middleware.contract import Reply, endpoint
from src.middleware.services_of_request import services
from src.models.params import EncodeParams
from src.models.video import Owner, VideoJob
from src.routes.schemas.control import (
    EncodeControlled,
    FileLinked,
    FilesZipped,
    VideoControlled,
    WebhookSecret,
    ZipVideos,
)
from src.routes.schemas.video import DeleteVideos, VideosDeleted

bp = Blueprint("control", __name__, url_prefix="/api")

OF_A_VIDEO = (NotOwner, VideoNotFound)
OF_AN_ENCODE = (NotOwner, EncodeNotFound)


@bp.delete("/video/<video_id>")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideoControlled}, errors=OF_A_VIDEO)
def delete_video(video_id: str, caller: Caller) -> Reply:
    """Cancel a video that is waiting or running, otherwise delete it with its file."""
    return VideoControlled.of(*services().saved_clips.dismiss(_video(video_id, caller))), 200


@bp.post("/video/delete")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideosDeleted})
def delete_videos(caller: Caller, body: DeleteVideos) -> Reply:
    """Delete up to 200 videos with their files, as with DELETE; those that are waiting or running are cancelled."""
    return VideosDeleted.of(services().saved_clips.dismiss_all(body.ids, caller.clip_owner)), 200


@bp.post("/video/zip")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: FilesZipped}, errors=(FileGone,))
def zip_videos(caller: Caller, body: ZipVideos) -> Reply:
    """Get a link to one ZIP file with the files of up to 100 videos, valid for about an hour."""
    found = services().saved_clips.with_files(body.ids, caller.clip_owner)
    return FilesZipped.of(body.ids, found, services().file_links.zipped(found)), 200


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
    return VideoControlled.of(services().saved_clips.retry(_video(video_id, caller)), False), 200


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
    return EncodeControlled.of(*services().jobs.dismiss(_encode(encode_id, caller))), 200


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
    return services().saved_clips.find(video_id, caller.clip_owner)


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
