"""The auto download's document: its endpoint with every field, and its texts of errors."""

from __future__ import annotations

import re
from typing import Any

from tests.api.contracts import Example

LINK = "https://youtube.com/watch?v=XNNjYas8Xo8"
PATH = "/audio_dl/api/auto-download/"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

DONE: dict[str, Any] = {
    "success": True,
    "file_path": re.compile(r"/media/downloads/[^/]+/[^/]+/[^/?]+\.(mp3|wav|flac)"),
    "download_url": re.compile(r"https?://[^/]+/media/downloads/[^/]+/[^/]+/[^/]+"),
    "title": str,
    "artist": str,
    "file_size": int,
    "duration": re.compile(r"\d\d:\d\d:\d\d"),
    "quality": "best",
    "format": "mp3",
    "session_id": UUID,
    "job_id": str,
    "database_session_id": UUID,
    "database_download_id": str,
}


def refused(text: str) -> dict[str, Any]:
    """The body of an error."""
    return {"success": False, "error": text}


EXAMPLES = (
    Example("POST", PATH, DONE, json={"url": LINK}),
    Example("POST", PATH, DONE, json={"url": LINK, "quality": "best", "format": "mp3"}),
    *(
        Example(
            "POST",
            PATH,
            {**DONE, "quality": quality, "format": each},
            json={"url": LINK, "quality": quality, "format": each},
        )
        for quality, each in (("worst", "wav"), ("128k", "flac"), ("192k", "mp3"), ("320k", "mp3"))
    ),
    Example("POST", PATH, {**DONE, "linked_to_user": "{username}"}, json={"url": LINK, "username": "{username}"}),
    Example("POST", PATH, refused("URL is required"), status=400, json={}),
    Example(
        "POST", PATH, refused("Only YouTube URLs are supported"), status=400, json={"url": "https://example.com/a"}
    ),
    Example("POST", PATH, refused("Invalid JSON in request body"), status=400),
    Example("POST", PATH, refused("Download failed"), status=500, json={"url": LINK}, after="fail"),
)
