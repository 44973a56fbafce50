"""Sessions and jobs: every documented endpoint."""

from __future__ import annotations

import re

from tests.api.contracts import Example, Maybe

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SECRET = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
WITH_SESSION = {"X-Session-ID": "{session}"}
LINK = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"

SESSION = {
    "session_uuid": SECRET,
    "created_at": TIME,
    "last_activity": TIME,
    "is_active": bool,
    "total_jobs": int,
    "active_jobs": int,
    "completed_jobs": int,
    "failed_jobs": int,
    "storage_used_bytes": int,
    "age_hours": float,
}
NEW_JOB = {
    "job_uuid": str,
    "session_uuid": SECRET,
    "job_url": LINK,
    "media_type": "video",
    "status": "pending",
    "created_at": TIME,
    "progress_percent": None,
    "error_message": None,
    "output_path": None,
    "file_size_bytes": None,
}
DONE_JOB = {
    **NEW_JOB,
    "status": "completed",
    "progress_percent": 100.0,
    "output_path": re.compile(r"downloads/[0-9a-f]{32}/[0-9a-f]{24}/video/[0-9a-f.]+mp4"),
    "file_size_bytes": int,
}
METRICS = {
    "sessions": {"active": int, "max": 100},
    "jobs": {"total": int, "active": int, "completed": int, "failed": int},
    "storage_used_bytes": int,
    "system": {"cpu_percent": Maybe(float), "memory_percent": Maybe(float), "disk_percent": float},
    "uptime_seconds": float,
}

EXAMPLES = [
    Example(
        "POST", "/api/sessions/", {**SESSION, "age_hours": 0.0, "total_jobs": 0}, 201, save={"session": "session_uuid"}
    ),
    Example("GET", "/api/sessions/{session}", SESSION),
    Example(
        "GET",
        "/api/sessions/",
        {"sessions": [SESSION], "total": 1, "active_sessions": 1, "max_sessions": 100},
        headers=WITH_SESSION,
    ),
    Example("GET", "/api/sessions/stats/overview", {"active_sessions": 1, "max_sessions": 100, "total_jobs": 0}),
    Example(
        "POST",
        "/api/jobs/",
        NEW_JOB,
        201,
        json={"url": LINK, "media_type": "video", "quality": "best", "output_format": "mp4"},
        headers=WITH_SESSION,
        save={"job": "job_uuid"},
    ),
    Example("GET", "/api/jobs/{job}", DONE_JOB, headers=WITH_SESSION, after="finish"),
    Example("GET", "/api/jobs/", {"jobs": [DONE_JOB], "total": 1}, headers=WITH_SESSION),
    Example(
        "GET",
        "/api/jobs/{job}/paths",
        {
            "job_uuid": str,
            "base_path": re.compile(r"downloads/[0-9a-f]{32}/[0-9a-f]{24}"),
            "video_path": re.compile(r"downloads/[0-9a-f]{32}/[0-9a-f]{24}/video"),
            "audio_path": re.compile(r"downloads/[0-9a-f]{32}/[0-9a-f]{24}/audio"),
            "transcripts_path": re.compile(r"downloads/[0-9a-f]{32}/[0-9a-f]{24}/transcripts"),
        },
        headers=WITH_SESSION,
    ),
    Example("GET", "/api/jobs/{job}/file", None, headers=WITH_SESSION, reply_headers={"Content-Type": "video/mp4"}),
    Example("GET", "/api/health", {"status": "healthy", "reasons": []}),
    Example("GET", "/api/health/simple", {"status": "ok"}),
    Example("GET", "/api/metrics", METRICS),
    Example("GET", "/api/status", {**METRICS, "status": "healthy", "version": str, "limits": {"max_sessions": 100}}),
    # The examples for curl spell a body without a format, and a session without a body.
    Example(
        "POST",
        "/api/sessions/",
        SESSION,
        201,
        headers={"Content-Type": "application/json"},
        save={"other": "session_uuid"},
    ),
    Example(
        "POST",
        "/api/jobs/",
        NEW_JOB,
        201,
        json={"url": LINK, "media_type": "video", "quality": "best"},
        headers={"X-Session-ID": "{other}"},
    ),
    # Without the slash as well: nobody is sent elsewhere.
    Example("POST", "/api/sessions", SESSION, 201),
    Example("GET", "/api/sessions", {"sessions": [], "active_sessions": 3}),
    Example("POST", "/api/jobs", NEW_JOB, 201, json={"url": LINK}, headers=WITH_SESSION),
    Example("GET", "/api/jobs", {"jobs": [{"status": str}], "total": 2}, headers=WITH_SESSION),
    # A job ends when its owner says so, and is then as any other.
    Example(
        "POST",
        "/api/jobs/",
        NEW_JOB,
        201,
        json={"url": LINK, "media_type": "video"},
        headers=WITH_SESSION,
        after="hold",
        save={"last": "job_uuid"},
    ),
    Example(
        "DELETE",
        "/api/jobs/{last}",
        {**NEW_JOB, "status": "cancelled", "progress_percent": Maybe(float)},
        headers=WITH_SESSION,
    ),
]
