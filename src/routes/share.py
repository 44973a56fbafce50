"""Serves links to clips, the page behind them, and new times for clips."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, request

from src.errors import ClipRangeInvalid, ClipTooLong, FileGone, FileNotReady, NotOwner, ShareNotFound, VideoNotFound
from src.middleware.auth import Auth, Caller
from src.middleware.base_address import address, base_address, local_address
from src.middleware.contract import File, Reply, endpoint
from src.middleware.files import artifact_reply
from src.middleware.preferences import wants_page
from src.middleware.services_of_request import services
from src.models.video import VideoJob
from src.routes.schemas.share import Moved, MoveTimes, Shared, SharesEnded, ShareVideo
from src.routes.share_page import POLICY, render, render_gone
from src.routes.share_texts import LANGUAGES, texts_in
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
    """Create a link with which anyone can watch the finished clip on a small page."""
    life = timedelta(seconds=body.expires_in_seconds) if body and body.expires_in_seconds else None
    share, token = services().shares.create(_find(video_id, caller), life=life)
    return Shared.of(share, address(f"/s/{token}"), token), 201


@bp.delete("/api/video/share/<video_id>")
@endpoint(auth=Auth.PRIVATE, replies={200: SharesEnded}, errors=(NotOwner, VideoNotFound))
def end_shares(video_id: str, caller: Caller) -> Reply:
    """Revoke all links to a video."""
    return SharesEnded(revoked=services().shares.revoke(_find(video_id, caller))), 200


@bp.get("/s/<token>")
@endpoint(auth=Auth.NONE, replies={200: File("text/html")}, errors=(ShareNotFound,))
def share_page(token: str) -> Reply:
    """Show a clip: player, poster, title, download, and the expiry of the link."""
    words = texts_in(request.accept_languages.best_match(LANGUAGES))
    try:
        share, job = services().shares.open(token)
        page = Response(
            render(share, job, base_address(), local_address(""), token, words), content_type="text/html; charset=utf-8"
        )
    except ShareNotFound:
        if not wants_page():
            raise
        page = Response(render_gone(words), 404, content_type="text/html; charset=utf-8")
    page.headers["Vary"] = "Accept, Accept-Language"
    page.headers["Content-Security-Policy"] = POLICY
    page.headers["Cache-Control"] = "private, no-cache"
    page.headers["X-Robots-Tag"] = "noindex"
    return page


@bp.get("/s/<token>/poster.jpg")
@endpoint(auth=Auth.NONE, replies={200: File("image/jpeg")}, errors=(ShareNotFound,))
def share_poster(token: str) -> Reply:
    """Return a still image of the clip."""
    _, job = services().shares.open(token)
    poster = poster_of(job.artifact.path) if job.artifact else None
    if poster is None:
        raise ShareNotFound()
    reply = Response(poster, content_type="image/jpeg")
    reply.headers["Cache-Control"] = "private, max-age=600"  # a shared cache would outlive a revoked link
    reply.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return reply


@bp.get("/s/<token>/<name>")
@endpoint(auth=Auth.NONE, replies={200: File()}, errors=(ShareNotFound, FileGone))
def share_media(token: str, name: str) -> Reply:
    """Play the clip, or with ``download=1`` download it; completely or in ranges."""
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
    guests=True,
    replies={202: Moved},
    errors=(NotOwner, VideoNotFound, ClipRangeInvalid, ClipTooLong),
)
def move_times(video_id: str, caller: Caller, body: MoveTimes) -> Reply:
    """Cut a clip again with other times.

    While its file exists, it is cut from the retained part of its source if the new times lie within that: see ``kept``
    in its status. For a live clip, this is everything that was captured.
    """
    return Moved.of(*services().clips.move(_find(video_id, caller), body.model_dump(exclude_none=True))), 202


def _find(video_id: str, caller: Caller) -> VideoJob:
    return services().jobs.find(video_id, caller.clip_owner, KINDS, missing=VideoNotFound)
