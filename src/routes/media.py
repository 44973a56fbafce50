"""Serves ``/media/*``: finished files for everyone with a link to them."""

from __future__ import annotations

from flask import Blueprint, Response

from src.errors import FileGone, LinkExpired
from src.middleware.auth import Auth
from src.middleware.contract import File, Reply, endpoint
from src.middleware.files import artifact_reply
from src.middleware.services_of_request import services
from src.middleware.zip_reply import zip_reply
from src.routes.schemas.media import LinkQuery
from src.services.sharing.share_links import poster_of

bp = Blueprint("media", __name__, url_prefix="/media")

OF_A_LINK = (LinkExpired, FileGone)


@bp.get("/downloads/<folder>/<job_id>/<filename>")
@endpoint(auth=Auth.NONE, replies={200: File("application/octet-stream")}, errors=OF_A_LINK)
def media_file(folder: str, job_id: str, filename: str, query: LinkQuery) -> Reply:
    """Download a file by its link, completely or in ranges."""
    return artifact_reply(services().file_links.open(folder, job_id, filename, query.expires, query.signature))


@bp.get("/inline/<job_id>/<filename>")
@endpoint(auth=Auth.NONE, replies={200: File()}, errors=OF_A_LINK)
def shown_file(job_id: str, filename: str, query: LinkQuery) -> Reply:
    """Show a file on a page, completely or in ranges; its link is valid for about an hour."""
    links = services().file_links
    reply = artifact_reply(links.open_shown(job_id, filename, query.expires, query.signature))
    if (reply.mimetype or "").startswith(("video/", "audio/")):  # anything else is only downloaded
        reply.headers["Content-Disposition"] = "inline"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return reply


@bp.get("/zip/<ids>")
@endpoint(auth=Auth.NONE, replies={200: File("application/zip")}, errors=OF_A_LINK)
def zipped_files(ids: str, query: LinkQuery) -> Reply:
    """Download several files as one ZIP file by their link, which is valid for about an hour."""
    return zip_reply(services().file_links.open_zipped(ids, query.expires, query.signature), "clips.zip")


@bp.get("/posters/<job_id>/<filename>")
@endpoint(auth=Auth.NONE, replies={200: File("image/jpeg")}, errors=OF_A_LINK)
def poster(job_id: str, filename: str, query: LinkQuery) -> Reply:
    """Return a still image of a file; its link is valid for about an hour."""
    links = services().file_links
    artifact = links.open_shown(job_id, filename, query.expires, query.signature, poster=True)
    image = poster_of(artifact.path) if artifact is not None and artifact.path.is_file() else None
    if image is None:
        raise FileGone()
    reply = Response(image, content_type="image/jpeg")
    reply.headers["Cache-Control"] = "private, max-age=600"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return reply
