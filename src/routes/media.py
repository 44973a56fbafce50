"""Serves ``/media/downloads/*``: finished files for everyone with a link to them."""

from __future__ import annotations

from flask import Blueprint

from src.errors import FileGone, LinkExpired
from src.middleware.auth import Auth
from src.middleware.contract import File, Reply, endpoint
from src.middleware.files import artifact_reply
from src.middleware.services_of_request import services
from src.routes.schemas.media import LinkQuery

bp = Blueprint("media", __name__, url_prefix="/media/downloads")


@bp.get("/<folder>/<job_id>/<filename>")
@endpoint(auth=Auth.NONE, replies={200: File("application/octet-stream")}, errors=(LinkExpired, FileGone))
def media_file(folder: str, job_id: str, filename: str, query: LinkQuery) -> Reply:
    """Download a file by its link, completely or in ranges."""
    return artifact_reply(services().file_links.open(folder, job_id, filename, query.expires, query.signature))
