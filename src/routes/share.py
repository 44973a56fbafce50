"""Links to clips, the page behind them, and clips whose times are moved."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, request

from src.errors import ClipRangeInvalid, ClipTooLong, FileGone, FileNotReady, NotOwner, ShareNotFound, VideoNotFound
from src.middleware.auth import Auth, Caller
from src.middleware.contract import File, Reply, endpoint
from src.middleware.files import artifact_reply
from src.middleware.preferences import wants_page
from src.middleware.services_of_request import services
from src.models.params import LiveClipParams
from src.models.video import Owner, VideoJob
from src.routes.schemas.share import Moved, MoveTimes, Shared, SharesEnded, ShareVideo
from src.routes.share_page import POLICY, render, render_gone
from src.services.clips.requests import KINDS
from src.services.sharing.share_links import poster_of

bp = Blueprint("share", __name__)


@bp.post("/api/video/share/<video_id>")
@endpoint(
    auth=Auth.PRIVATE,
    replies={201: Shared},
    errors=(NotOwner, VideoNotFound, FileNotReady, FileGone),
)
def share_video(video_id: str, caller: Caller, body: ShareVideo | None = None) -> Reply:
    """Make a link to a small page with the finished clip, for anybody who has it."""
    life = timedelta(seconds=body.expires_in_seconds) if body and body.expires_in_seconds else None
    share, token = services().shares.create(_find(video_id, caller), life=life)
    return Shared.of(share, f"{_base()}/s/{token}", token), 201


@bp.delete("/api/video/share/<video_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: SharesEnded}, errors=(NotOwner, VideoNotFound))
def end_shares(video_id: str, caller: Caller) -> Reply:
    """Take all links to a video back."""
    return SharesEnded(revoked=services().shares.revoke(_find(video_id, caller))), 200


@bp.get("/s/<token>")
@endpoint(auth=Auth.NONE, replies={200: File("text/html")}, errors=(ShareNotFound,))
def share_page(token: str) -> Reply:
    """Show a clip: player, poster, title, download, and until when."""
    try:
        share, job = services().shares.open(token)
        page = Response(render(share, job, _base(), token), content_type="text/html; charset=utf-8")
    except ShareNotFound as error:
        if not wants_page():
            raise
        page = Response(render_gone(error.message), 404, content_type="text/html; charset=utf-8")
    page.headers["Content-Security-Policy"] = POLICY
    page.headers["Cache-Control"] = "private, no-cache"
    page.headers["X-Robots-Tag"] = "noindex"
    return page


@bp.get("/s/<token>/poster.jpg")
@endpoint(auth=Auth.NONE, replies={200: File("image/jpeg")}, errors=(ShareNotFound,))
def share_poster(token: str) -> Reply:
    """Show a picture of the clip."""
    _, job = services().shares.open(token)
    picture = poster_of(job.artifact.path) if job.artifact else None
    if picture is None:
        raise ShareNotFound()
    reply = Response(picture, content_type="image/jpeg")
    reply.headers["Cache-Control"] = "public, max-age=600"
    reply.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return reply


@bp.get("/s/<token>/<name>")
@endpoint(auth=Auth.NONE, replies={200: File()}, errors=(ShareNotFound, FileGone))
def share_media(token: str, name: str) -> Reply:
    """Play the clip, or with ``download=1`` save it; whole or in ranges."""
    _, job = services().shares.open(token)
    if job.artifact is None or name != f"clip{job.artifact.path.suffix}":
        raise ShareNotFound()
    reply = artifact_reply(job.artifact)
    if not request.args.get("download"):
        reply.headers["Content-Disposition"] = "inline"
    reply.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return reply


@bp.patch("/api/video/<video_id>")
@endpoint(
    auth=Auth.PRIVATE,
    replies={202: Moved},
    errors=(NotOwner, VideoNotFound, ClipRangeInvalid, ClipTooLong),
)
def move_times(video_id: str, caller: Caller, body: MoveTimes) -> Reply:
    """Cut a clip anew with other times.

    While its file lasts, it is cut from what was kept beside it, without asking its source, as long as the new times
    lie in there: see ``kept`` in its status. Of a live clip that is whatever was captured.
    """
    job, refetched = services().clips.move(_find(video_id, caller), body.model_dump(exclude_none=True))
    params = job.params
    live = params if isinstance(params, LiveClipParams) else None
    return Moved(
        message="The clip is cut again" + (" from its source" if refetched else " from what was kept"),
        video_id=job.id,
        status=job.status.value,
        start_time=getattr(params, "start_time", None),
        end_time=getattr(params, "end_time", None),
        offset=live.clip_offset if live else None,
        duration=live.clip_duration if live else None,
        refetched=refetched,
    ), 202


def _base() -> str:
    return request.url_root.rstrip("/")


def _find(video_id: str, caller: Caller) -> VideoJob:
    return services().jobs.find(video_id, Owner.user(caller.user_id), KINDS, missing=VideoNotFound)
