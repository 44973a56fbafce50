"""The stream downloader's document: its four endpoints, its job with every field and state."""

from __future__ import annotations

import re
from typing import Any

from tests.api.contracts import Example, Maybe

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
STATE = re.compile("PENDING|PROCESSING|COMPLETED|FAILED|CANCELLED")
NUMBER = (int, float)

RESULT: dict[str, Any] = {
    "status": str,
    "output_path": str,
    "resolution": "320x180",
    "video_name": str,
    "original_url": str,
    "file_size_mb": NUMBER,
}
JOB: dict[str, Any] = {
    "job_id": str,
    "status": STATE,
    "created_at": TIME,
    "started_at": Maybe(TIME),
    "completed_at": Maybe(TIME),
    "result": Maybe(RESULT),
    "error": Maybe(str),
    "progress": NUMBER,
    "total_segments": int,
    "downloaded_segments": int,
}
DONE = {
    **JOB,
    "status": "COMPLETED",
    "started_at": TIME,
    "completed_at": TIME,
    "result": RESULT,
    "error": None,
    "progress": 100,
}
REFUSED = {"detail": str, "code": str}

EXAMPLES = (
    Example(
        "POST",
        "/download/",
        JOB,
        json={
            "url": "{site}film.m3u8",
            "resolution": "1920x1080",
            "use_multithreading": True,
            "proxy": None,
            "video_name": "my_video",
        },
        save={"stream": "job_id"},
    ),
    Example("GET", "/job/{stream}", {**DONE, "total_segments": 8, "downloaded_segments": 8}, after="finish"),
    Example(
        "POST",
        "/download/mp4",
        JOB,
        json={"url": "{site}film.mp4", "video_name": "my_video", "type": "mp4"},
        save={"file": "job_id"},
    ),
    Example("GET", "/job/{file}", {**DONE, "result": {**RESULT, "video_name": "my_video.mp4"}}, after="finish"),
    Example("POST", "/download/", JOB, json={"url": "{site}missing.m3u8"}, save={"missing": "job_id"}, after="hold"),
    Example("DELETE", "/job/{missing}", {**JOB, "status": "CANCELLED"}),
    Example("GET", "/job/{missing}", {**JOB, "status": "CANCELLED", "completed_at": TIME}),
    Example("GET", "/job/unknown", {**REFUSED, "code": "JOB_NOT_FOUND"}, status=404),
    Example("POST", "/download/", {**REFUSED, "code": "REQUEST_INVALID"}, status=400, json={}),
    Example("POST", "/download/mp4", {**REFUSED, "code": "URL_INVALID"}, status=400, json={"url": "no link"}),
    Example("GET", "/download/", {**REFUSED, "code": "METHOD_NOT_ALLOWED"}, status=405),
)
