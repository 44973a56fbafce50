"""The four archive services: every documented endpoint."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from tests.api.contracts import Example, Maybe

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
VIDEO = "dQw4w9WgXcQ"
TITLE = "Rick Astley - Never Gonna Give You Up"


def ok(data: Any) -> dict[str, Any]:
    """The envelope of a success."""
    return {"status": "success", "data": data, "timestamp": TIME}


HEALTH = {"status": "healthy", "service": str, "timestamp": TIME}
JOB = {"job_id": str, "video_id": VIDEO, "status": str, "created_at": TIME}
METADATA = {
    "video_id": VIDEO,
    "title": TITLE,
    "description": str,
    "duration": 212,
    "published_at": "2009-10-25T06:57:33Z",
    "channel": {"id": str, "title": "Rick Astley", "subscriber_count": int},
    "statistics": {"view_count": int, "like_count": int, "comment_count": int},
    "thumbnails": {
        "default": f"https://i.ytimg.com/vi/{VIDEO}/default.jpg",
        "medium": f"https://i.ytimg.com/vi/{VIDEO}/mqdefault.jpg",
        "high": f"https://i.ytimg.com/vi/{VIDEO}/hqdefault.jpg",
    },
    "formats": [{"format_id": str, "quality": re.compile(r"\d+p|audio"), "container": str, "filesize": int}],
    "cached": bool,
    "cache_expires_at": TIME,
}
STORED = {"video_id": VIDEO, "title": TITLE, "duration": 212, "stored_at": TIME, "file_size": int}

EXAMPLES = [
    Example("GET", "/health", HEALTH),
    # Jobs.
    Example(
        "POST",
        "/jobs",
        ok({**JOB, "status": "queued", "estimated_completion": TIME}),
        201,
        json={"video_id": VIDEO, "quality": "720p", "output_path": "/downloads", "metadata_requested": True},
        save={"job": "data.job_id"},
    ),
    Example(
        "GET",
        "/jobs/{job}",
        ok(
            {
                **JOB,
                "status": "completed",
                "progress": 100,
                "updated_at": TIME,
                "metadata": {"title": TITLE, "duration": 212},
                "download_path": re.compile(r"/downloads/.+\.mp4"),
            }
        ),
        after="finish",
    ),
    Example(
        "GET", "/jobs?status=completed", ok({"jobs": [{**JOB, "status": "completed"}], "total": 1, "has_more": False})
    ),
    Example("GET", "/jobs?status=downloading&limit=50&offset=0", ok({"jobs": [], "total": 0, "has_more": False})),
    Example(
        "POST",
        "/jobs",
        ok(JOB),
        201,
        json={"video_id": VIDEO, "quality": "720p"},
        after="slow",
        save={"slow": "data.job_id"},
    ),
    Example(
        "GET",
        "/download",
        ok(
            {
                "downloads": [{"download_id": "{slow}", "video_id": VIDEO, "status": "downloading", "progress": int}],
                "active_count": 1,
                "queue_count": 0,
            }
        ),
        after="running",
    ),
    Example("DELETE", "/jobs/{slow}", ok({"job_id": "{slow}", "status": "cancelled", "cancelled_at": TIME})),
    # Metadata.
    Example("GET", f"/metadata/{VIDEO}", ok({**METADATA, "cached": True})),
    Example(
        "POST",
        "/metadata/batch",
        ok(
            {
                "metadata": {VIDEO: {**METADATA, "formats": []}, "jNQXAC9IVRw": {}},
                "failed": [],
                "cached_count": 1,
                "api_calls_used": 1,
            }
        ),
        json={"video_ids": [VIDEO, "jNQXAC9IVRw"], "include_formats": False},
    ),
    Example(
        "GET",
        "/metadata/playlist/PLFgquLnL59alCl_2TQvOiD5Vgm1hCaGSI?include_videos=false&limit=1",
        ok(
            {
                "playlist_id": "PLFgquLnL59alCl_2TQvOiD5Vgm1hCaGSI",
                "title": "My Playlist",
                "description": str,
                "channel": {"id": str, "title": "Channel Name"},
                "video_count": int,
                "videos": [{"video_id": VIDEO, "title": str, "position": 1}],
            }
        ),
    ),
    Example("DELETE", f"/metadata/cache?video_id={VIDEO}", ok({"cleared_count": 1})),
    Example("GET", f"/metadata/{VIDEO}", ok({**METADATA, "cached": False})),
    Example("DELETE", "/metadata/cache?expired_only=true", ok({"cleared_count": 0})),
    Example("DELETE", "/metadata/cache", ok({"cleared_count": 2})),
    # Downloads.
    Example(
        "POST",
        "/download",
        ok(
            {
                "download_id": str,
                "video_id": VIDEO,
                "status": "queued",
                "progress": 0,
                "estimated_size": int,
                "output_path": f"/downloads/{TITLE} [{VIDEO}].mp4",
                "started_at": TIME,
            }
        ),
        201,
        json={
            "video_id": VIDEO,
            "quality": "720p",
            "output_path": "/downloads",
            "format_selection": "best[height<=720]",
            "extract_audio": False,
        },
        save={"download": "data.download_id"},
        after="quick",
    ),
    Example(
        "GET",
        "/download/{download}",
        ok(
            {
                "download_id": "{download}",
                "video_id": VIDEO,
                "status": "completed",
                "progress": 100,
                "downloaded_bytes": int,
                "total_bytes": int,
                "speed": re.compile(r"\d+\.\d+MB/s"),
                "eta": "00:00",
                "output_path": re.compile(r"/downloads/.+\.mp4"),
                "started_at": TIME,
                "completed_at": TIME,
            }
        ),
        after="finish",
    ),
    Example(
        "POST",
        "/download",
        ok({"download_id": "{job}", "status": "completed"}),
        201,
        json={"video_id": VIDEO, "quality": "720p", "output_path": "/downloads", "job_id": "{job}"},
    ),
    Example(
        "POST",
        "/download",
        ok({"download_id": str}),
        201,
        json={"video_id": VIDEO},
        after="slow",
        save={"slow": "data.download_id"},
    ),
    Example("DELETE", "/download/{slow}", ok({"download_id": "{slow}", "status": "cancelled"}), after="running"),
    # Storage.
    Example(
        "POST",
        "/storage/metadata",
        ok(STORED),
        201,
        json={
            "video_id": VIDEO,
            "metadata": {"title": TITLE, "duration": 212, "published_at": "2009-10-25T06:57:33Z"},
            "file_path": "/downloads/video.mp4",
            "file_size": 52428800,
        },
        after="quick",
    ),
    Example(
        "POST",
        "/storage/video",
        ok({**STORED, "file_size": 6}),
        201,
        form={
            "video_id": VIDEO,
            "file": (io.BytesIO(b"frames"), "video.mp4"),
            "metadata": json.dumps({"title": TITLE, "duration": 212}),
        },
    ),
    Example(
        "GET",
        f"/storage/videos/{VIDEO}",
        ok({**STORED, "file_path": "/downloads/video.mp4", "metadata": {"title": TITLE}}),
    ),
    Example(
        "GET",
        "/storage/videos?limit=50&offset=0&search=astley&sort=title&order=asc",
        ok({"videos": [STORED], "total": 1, "has_more": False}),
    ),
    Example("GET", "/storage/search?q=never&type=title&limit=20", ok({"videos": [STORED], "total": 1})),
    Example(
        "GET",
        "/storage/stats",
        ok(
            {
                "total_videos": 1,
                "total_size": int,
                "total_duration": 212,
                "oldest_video": TIME,
                "newest_video": TIME,
                "storage_breakdown": {
                    "videos": {"count": 1, "size": 6},
                    "metadata": {"count": 1, "size": int},
                    "thumbnails": {"count": int, "size": int},
                },
            }
        ),
    ),
    Example("GET", "/stats", ok({"total_videos": 1})),
    Example(
        "POST",
        "/storage/workplan",
        ok(
            {
                "id": str,
                "video_ids": [VIDEO],
                "reason": "download_failed",
                "status": "pending",
                "created_at": TIME,
                "retry_count": 1,
            }
        ),
        201,
        json={
            "video_ids": [VIDEO],
            "reason": "download_failed",
            "metadata": {"error": "Network timeout", "retry_count": 1},
        },
        save={"plan": "data.id"},
    ),
    Example(
        "GET",
        "/storage/workplan",
        ok(
            {
                "work_plans": [
                    {
                        "id": "{plan}",
                        "video_ids": [VIDEO],
                        "reason": "download_failed",
                        "status": "pending",
                        "created_at": TIME,
                        "retry_count": 1,
                    }
                ],
                "total": 1,
            }
        ),
    ),
    Example("POST", "/storage/workplan/{plan}/retry", ok({"status": "processing", "retry_count": 2})),
    Example(
        "GET",
        "/storage/workplan",
        ok({"work_plans": [{"status": "completed", "retry_count": 2}], "total": 1}),
        after="finish",
    ),
    # Errors.
    Example(
        "GET",
        "/jobs/job_12345",
        {
            "status": "error",
            "error": {"code": "JOB_NOT_FOUND", "message": str, "details": {}},
            "timestamp": TIME,
        },
        404,
    ),
    Example("GET", "/metadata/short", {"status": "error", "error": {"code": "INVALID_VIDEO_ID"}}, 400),
    Example(
        "GET",
        "/jobs?status=nonsense",
        {"status": "error", "error": {"code": "REQUEST_INVALID", "details": Maybe(dict)}},
        400,
    ),
]
