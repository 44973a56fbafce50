"""Sends files as replies: with names that are valid in headers, with ranges, and through nginx where configured."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, request, send_file

from src.errors import FileGone
from src.middleware.services_of_request import services
from src.models.video import Artifact, VideoJob
from src.utils.filenames import content_disposition


def file_reply(job: VideoJob) -> Response:
    """Return the finished file of a job: see ``artifact_reply``."""
    return artifact_reply(job.artifact)


def text_reply(text: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """Return text for programs that do not want JSON."""
    return Response(text, content_type=content_type)


def artifact_reply(artifact: Artifact | None) -> Response:
    """Return a finished file as an attachment, with ``ETag``, ``Range``, ``If-Range`` and ``HEAD``.

    With ``X_ACCEL_PREFIX`` nginx sends the bytes, and this process is free at once.

    Raises:
        FileGone: the file was deleted in the meantime.
    """
    if artifact is None or not artifact.path.is_file():
        raise FileGone()
    ranged = request.range if request.method == "GET" else None  # other methods have no ranges
    if ranged is None or ranged.units != "bytes" or len(ranged.ranges) != 1:
        request.environ.pop("HTTP_RANGE", None)  # RFC 9110, 14.2: unsupported ranges are ignored
    prefix = services().settings.x_accel_prefix
    if prefix:
        relative = artifact.path.relative_to(services().files.downloads)
        response = Response(status=200, mimetype=artifact.mime)
        response.headers["X-Accel-Redirect"] = prefix.rstrip("/") + "/" + quote(str(relative))
        response.headers["Content-Disposition"] = content_disposition(artifact.download_name)
    else:
        try:
            response = send_file(
                artifact.path, mimetype=artifact.mime, conditional=True, etag=artifact.path.stem, max_age=0
            )
        except FileNotFoundError:
            raise FileGone() from None
        response.headers["Content-Disposition"] = content_disposition(artifact.download_name)
        if request.method == "HEAD":
            response.headers.setdefault("Accept-Ranges", "bytes")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
