"""Serves ``/api/video/*``: save a time range, start its job, follow its progress, download it."""

from __future__ import annotations

from flask import Blueprint

from src.errors import (
    AnonymousSavesOff,
    ClipRangeInvalid,
    ClipTooLong,
    FileGone,
    FileNotReady,
    FormatRefused,
    NotOwner,
    RequestInvalid,
    TooManyPending,
    TooManyRecordings,
    UrlInvalid,
    UserUnknown,
    VideoIdInvalid,
    VideoNotFound,
)
from src.middleware.auth import Auth, Caller
from src.middleware.base_address import local_address
from src.middleware.contract import File, Limit, Reply, endpoint
from src.middleware.files import file_reply
from src.middleware.posters import poster_address
from src.middleware.request_log import request_age
from src.middleware.services_of_request import services
from src.models.video import Owner, Status, VideoJob
from src.routes.schemas.common import Processing
from src.routes.schemas.video import (
    AnonymousSavesCleared,
    DownloadVideo,
    Formats,
    Resolutions,
    ResolutionsOf,
    SaveVideo,
    VideoList,
    VideoListed,
    VideoPage,
    VideoSaved,
    VideoStarted,
    VideoStatus,
)
from src.services.clips.requests import KINDS

USER_ID_REQUIRED = {"field": "user_id", "problem": "Field required"}

bp = Blueprint("video", __name__, url_prefix="/api/video")


@bp.post("/save")
@endpoint(
    auth=Auth.PUBLIC,
    guests=True,
    limit=Limit.SAVE,
    replies={201: VideoSaved},
    errors=(
        UrlInvalid,
        ClipRangeInvalid,
        ClipTooLong,
        UserUnknown,
        TooManyPending,
        TooManyRecordings,
        AnonymousSavesOff,
        NotOwner,
    ),
    creates="video_id",
)
def save_video(body: SaveVideo, caller: Caller) -> Reply:
    """Save a time range of a video, for the caller or for another user who accepts this.

    Times below 0 count back from now in a running stream; that range is captured at once. A start at 0 or "now" without
    an end records the whole stream.
    """
    if caller.session is not None:
        return VideoSaved(video_id=services().clips.save(caller.owner, body.to_request(request_age())).id), 201
    by = caller.identity.user_id if caller.identity else None
    user_id = by if body.user_id is None else body.user_id
    if user_id is None:
        raise RequestInvalid("user_id: required without a login", fields=[USER_ID_REQUIRED])
    services().anonymous_saves.require_permission(user_id, by=by)
    job = services().clips.save(Owner.user(user_id), body.to_request(request_age()), anonymous=by != user_id)
    return VideoSaved(video_id=job.id), 201


@bp.post("/download/<video_id>")
@endpoint(
    auth=Auth.PRIVATE,
    guests=True,
    limit=Limit.START,
    replies={200: File(), 202: Processing},
    errors=(NotOwner, VideoNotFound, FileGone, FormatRefused),
    creates="video_id",
)
def download_video(video_id: str, caller: Caller, wait_seconds: float, body: DownloadVideo | None = None) -> Reply:
    """Produce the file, if it does not exist yet, and download it.

    Waits for the result up to ``SYNC_WAIT_SECONDS`` (or ``Prefer: wait=N``, ``Prefer: respond-async``), then returns
    202: send the request again. A new request for a failed video tries it again.
    """
    job = services().saved_clips.start(_find(video_id, caller), _choice(body))
    return _delivered(services().jobs.wait(job, wait_seconds))


@bp.post("/start/<video_id>")
@endpoint(
    auth=Auth.PRIVATE,
    guests=True,
    limit=Limit.START,
    replies={200: VideoStarted, 202: VideoStarted},
    errors=(NotOwner, VideoNotFound, FormatRefused),
    creates="video_id",
)
def start_video(video_id: str, caller: Caller, body: DownloadVideo | None = None) -> Reply:
    """Produce the file, and return at once: a failed or cancelled video is tried again, and no bytes are sent.

    A file of this choice that exists already stays as it is (200).
    """
    job = services().saved_clips.start(_find(video_id, caller), _choice(body), always=True)
    started = VideoStarted(video_id=job.id, status=job.shown_status.value)
    if job.artifact is not None:
        return started, 200
    return started, 202, {"Location": local_address(f"/api/video/status/{job.id}"), "Retry-After": "2"}


@bp.get("/download/<video_id>")
@endpoint(
    auth=Auth.PRIVATE,
    guests=True,
    replies={200: File(), 202: Processing},
    errors=(NotOwner, VideoNotFound, FileNotReady, FileGone),
)
def fetch_video(video_id: str, caller: Caller) -> Reply:
    """Download a finished file, completely or in ranges; starts nothing."""
    job = _find(video_id, caller)
    if job.status is Status.PENDING and not job.waiting:
        raise FileNotReady()
    return _delivered(job)


@bp.get("/status/<video_id>")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideoStatus}, errors=(NotOwner, VideoNotFound))
def video_status(video_id: str, caller: Caller) -> Reply:
    """Return the progress of a video, what was requested and what was produced."""
    job = _find(video_id, caller)
    return VideoStatus.of_job(job, services().jobs.progress(job)), 200


@bp.delete("/anonymous")
@endpoint(auth=Auth.PRIVATE, replies={200: AnonymousSavesCleared})
def clear_anonymous_saves(caller: Caller) -> Reply:
    """Delete all clips that others saved for the caller with a public token and that were never started."""
    return AnonymousSavesCleared(deleted=services().jobs.clear_anonymous(_owner(caller))), 200


@bp.get("/list")
@endpoint(auth=Auth.PRIVATE, guests=True, replies={200: VideoList})
def list_videos(caller: Caller, query: VideoPage) -> Reply:
    """List the caller's videos, newest first; all, or those of one kind or state."""
    kinds = KINDS if query.kind is None else (query.kind,)
    found, total = services().jobs.page(
        _owner(caller), kinds, page=query.page, per_page=query.per_page, status=query.status
    )
    listed = [VideoListed.of(job, poster_address(job)) for job in found]
    return VideoList(videos=listed, page=query.page, per_page=query.per_page, total=total), 200


@bp.get("/formats/<video_id>")
@endpoint(
    auth=Auth.PRIVATE, limit=Limit.LOOK_UP, replies={200: Formats}, errors=(NotOwner, VideoNotFound, VideoIdInvalid)
)
def video_formats(video_id: str, caller: Caller) -> Reply:
    """Return the formats in which a saved video, or any YouTube id, is available."""
    youtube_id, table = services().metadata.formats(video_id, _owner(caller))
    return Formats(
        video_id=youtube_id, resolutions=table.resolutions, extensions=table.extensions, formats=table.formats
    ), 200


@bp.post("/resolutions")
@endpoint(auth=Auth.NONE, limit=Limit.LOOK_UP, replies={200: Resolutions}, errors=(UrlInvalid,))
def resolutions(body: ResolutionsOf) -> Reply:
    """Return the resolutions in which a link is available, without a login."""
    youtube_id, found = services().metadata.resolutions(body.url)
    return Resolutions(video_id=youtube_id, url=body.url, resolutions=found), 200


def _owner(caller: Caller) -> Owner:
    return caller.clip_owner


def _find(video_id: str, caller: Caller) -> VideoJob:
    return services().jobs.find(video_id, _owner(caller), KINDS, missing=VideoNotFound)


def _choice(body: DownloadVideo | None) -> dict[str, object]:
    return {} if body is None else body.changes()


def _delivered(job: VideoJob) -> Reply:
    services().jobs.require_success(job)
    if job.status is Status.COMPLETED:
        return file_reply(job)
    again = {"Location": local_address(f"/api/video/status/{job.id}"), "Retry-After": "2"}
    return Processing(message="Video is currently being processed", status="processing"), 202, again
