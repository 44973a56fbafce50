"""Serves what a link leads to, before anything is saved: title, chapters, resolutions and a storyboard."""

from __future__ import annotations

from flask import Blueprint, Response

from src.errors import StoryboardNotFound, UrlInvalid, VideoIdInvalid
from src.middleware.auth import Auth
from src.middleware.contract import File, Limit, Reply, endpoint
from src.middleware.services_of_request import services
from src.routes.schemas.link_info import InfoOf, LinkInfo

bp = Blueprint("link_info", __name__, url_prefix="/api/video")


@bp.post("/info")
@endpoint(auth=Auth.NONE, limit=Limit.LOOK_UP, replies={200: LinkInfo}, errors=(UrlInvalid, VideoIdInvalid))
def link_info(body: InfoOf) -> Reply:
    """Return what a link leads to: title, author, duration, chapters, resolutions and the sizes of the storyboard."""
    info, table = services().metadata.facts(body.url)
    return LinkInfo.of(info, table, body.url), 200


@bp.get("/storyboard/<video_id>/<level>/<sheet>")
@endpoint(
    auth=Auth.NONE,
    limit=Limit.IMAGE,
    replies={200: File("image/jpeg")},
    errors=(VideoIdInvalid, StoryboardNotFound),
)
def storyboard_sheet(video_id: str, level: str, sheet: str) -> Reply:
    """Return one sheet of still pictures of a video that was looked up in the last hours; sheets count from 0."""
    found = services().storyboards.sheet(video_id, level, sheet)
    reply = Response(found.content, content_type=found.mime)
    reply.headers["Cache-Control"] = "private, max-age=3600"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return reply
