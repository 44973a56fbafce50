"""The backend's own document: every endpoint of accounts, videos and encodes, its examples and its errors."""

from __future__ import annotations

import io
import re
from typing import Any

from tests.api.contracts import Example

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ID = re.compile(r"[0-9a-f]{24}")
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
VIDEO = "dQw4w9WgXcQ"
LINK = f"https://youtube.com/watch?v={VIDEO}"
ACCOUNT = {"email": "user@example.com", "password": "SecurePass123!"}
NEW_PASSWORD = "NewSecurePass456!"
NO_ID = "65a0000000000000000000ff"

PRIVATE = {"Authorization": "Bearer {private}"}
PUBLIC = {"Authorization": "Bearer {public}"}
OTHER = {"Authorization": "Bearer {other}"}
AT_ONCE = {"Prefer": "respond-async"}

USER = {"id": "{user}", "email": ACCOUNT["email"]}
RANGE = {"start_time": 60, "end_time": 120}
SAVE = {"url": LINK, **RANGE, "user_id": "{user}", "additional_message": "Optional description", "clip_offset": 30}
LISTED = {
    "video_id": "{video}",
    "url": re.compile(rf"https://(www\.)?youtube\.com/watch\?v={VIDEO}"),
    **RANGE,
    "created_at": TIME,
    "file_available": bool,
}
STATUS = {**LISTED, "available_formats": ["1440p", "1080p", "720p"]}
PROGRESS = {
    "current_phase": "downloading",
    "download_progress": 45.2,
    "encoding_progress": 0,
    "speed": "2.3x",
    "eta": "03:24",
    "fps": 45.2,
}
ENCODE = {
    "encode_id": "{encode}",
    "progress": int,
    "original_filename": "myvideo.avi",
    "video_codec": "h264",
    "quality_preset": "high",
    "created_at": TIME,
    "file_available": bool,
    "file_size_mb": float,
}
CHOICE = {"video_codec": "h264", "quality_preset": "high"}
PRESETS = ["lossless", "high", "medium"]


def error(code: str) -> dict[str, Any]:
    """The body of an error."""
    return {"error": str, "code": code}


EXAMPLES = (
    # Accounts.
    Example(
        "POST",
        "/api/auth/register",
        {"message": "User registered successfully", "user_id": ID},
        201,
        json=ACCOUNT,
        save={"user": "user_id"},
    ),
    Example("POST", "/api/auth/register", error("EMAIL_TAKEN"), 409, json=ACCOUNT),
    Example("POST", "/api/auth/register", error("EMAIL_INVALID"), 400, json={**ACCOUNT, "email": "nobody"}),
    Example("POST", "/api/auth/register", error("PASSWORD_INVALID"), 400, json={**ACCOUNT, "password": "short"}),
    Example(
        "POST",
        "/api/auth/login",
        {"message": "Login successful", "token": JWT, "user": USER},
        json=ACCOUNT,
        save={"private": "token"},
    ),
    Example("POST", "/api/auth/login", error("REQUEST_INVALID"), 400, json={"email": ACCOUNT["email"]}),
    Example("POST", "/api/auth/login", error("CREDENTIALS_INVALID"), 401, json={**ACCOUNT, "password": "a wrong one"}),
    Example("GET", "/api/auth/token/public", {"token": JWT, "expires_in": 86400}, save={"public": "token"}),
    Example("GET", "/api/auth/me", {"user": USER}, headers=PRIVATE),
    Example("GET", "/api/auth/me", error("TOKEN_MISSING"), 401),
    # Videos.
    Example(
        "POST",
        "/api/video/save",
        {"message": "Video info saved successfully", "video_id": ID},
        201,
        json=SAVE,
        headers=PUBLIC,
        save={"video": "video_id"},
    ),
    Example("POST", "/api/video/save", error("URL_INVALID"), 400, json={**SAVE, "url": "nothing"}, headers=PUBLIC),
    Example("POST", "/api/video/save", error("CLIP_RANGE_INVALID"), 400, json={**SAVE, "end_time": 1}, headers=PUBLIC),
    Example("POST", "/api/video/save", error("REQUEST_INVALID"), 400, json={"url": LINK}, headers=PUBLIC),
    Example(
        "POST", "/api/video/save", error("TOKEN_INVALID"), 401, json=SAVE, headers={"Authorization": "Bearer nothing"}
    ),
    Example("GET", "/api/video/status/{video}", {**STATUS, "status": "pending"}, headers=PRIVATE, after="look up"),
    Example("GET", "/api/video/status/{video}", error("NOT_OWNER"), 403, headers=OTHER, after="another user"),
    Example("POST", "/api/video/download/{video}", error("NOT_OWNER"), 403, headers=OTHER),
    Example(
        "POST",
        "/api/video/download/{video}",
        {"message": "Video is currently being processed", "status": "processing"},
        202,
        json={"format_preference": "mp4", "resolution_preference": "1080p"},
        headers={**PRIVATE, **AT_ONCE},
        after="slow",
    ),
    Example(
        "GET",
        "/api/video/status/{video}",
        {**STATUS, "status": "processing", "file_available": False, "progress": PROGRESS},
        headers=PRIVATE,
        after="progress",
    ),
    Example(
        "POST",
        "/api/video/download/{video}",
        None,
        headers=PRIVATE,
        after="finish",
        reply_headers={
            "Content-Type": "video/mp4",
            "Content-Disposition": re.compile(r"attachment; filename=\"?video_{video}\.mp4\"?.*"),
        },
    ),
    Example(
        "GET",
        "/api/video/list",
        {"videos": [{**LISTED, "status": "completed", "file_available": True}]},
        headers=PRIVATE,
    ),
    *(
        Example(
            "GET",
            f"/api/video/formats/{each}",
            {
                "video_id": VIDEO,
                "resolutions": ["1440p", "1080p", "720p"],
                "extensions": ["mp4", "webm"],
                "formats": {"1440p": ["webm"], "1080p": ["mp4", "webm"], "720p": ["mp4", "webm"]},
            },
            headers=PRIVATE,
        )
        for each in ("{video}", VIDEO)
    ),
    Example(
        "POST",
        "/api/video/resolutions",
        {"video_id": VIDEO, "url": LINK, "resolutions": ["1440p", "1080p", "720p"]},
        json={"url": LINK},
    ),
    Example("POST", "/api/video/resolutions", error("REQUEST_INVALID"), 400, json={}),
    Example("POST", "/api/video/resolutions", error("URL_INVALID"), 400, json={"url": "https://example.com/"}),
    Example("GET", f"/api/video/status/{NO_ID}", error("VIDEO_NOT_FOUND"), 404, headers=PRIVATE),
    Example("POST", f"/api/video/download/{NO_ID}", error("VIDEO_NOT_FOUND"), 404, headers=PRIVATE),
    # Moments of streams; nobody cuts them here.
    *(
        Example(
            method,
            f"/api/video/save/stream/{{public}}/{VIDEO}?user_id={{user}}&message=Great%20moment!&offset=60&duration=120",
            {"message": "Video clip saved successfully", "video_id": ID, "youtube_video_id": VIDEO},
            201,
            after="hold",
        )
        for method in ("GET", "POST")
    ),
    Example("GET", f"/api/video/save/stream/nothing/{VIDEO}?user_id={{user}}", error("TOKEN_INVALID"), 401),
    Example("GET", f"/api/video/save/stream/{{public}}/{VIDEO}", error("REQUEST_INVALID"), 400),
    # Encodes.
    Example("GET", "/api/encode/codecs", {"codecs": {"h264": PRESETS, "h265": PRESETS, "av1": PRESETS}}),
    Example(
        "POST",
        "/api/encode/upload",
        {
            "message": "Video uploaded successfully",
            "encode_id": ID,
            "original_filename": "myvideo.avi",
            "file_size_mb": float,
            "metadata": {"duration": 120, "resolution": "1920x1080", "original_codec": "h264"},
        },
        201,
        form={"video": (io.BytesIO(b"frames"), "myvideo.avi")},
        headers=PRIVATE,
        save={"encode": "encode_id"},
    ),
    Example("POST", "/api/encode/upload", error("UPLOAD_MISSING"), 400, form={}, headers=PRIVATE),
    Example(
        "POST",
        "/api/encode/upload",
        error("UPLOAD_TYPE_UNSUPPORTED"),
        400,
        form={"video": (io.BytesIO(b"text"), "notes.txt")},
        headers=PRIVATE,
    ),
    *(
        Example("POST", "/api/encode/start/{encode}", error("CODEC_UNSUPPORTED"), 400, json=wrong, headers=PRIVATE)
        for wrong in ({**CHOICE, "video_codec": "vp8"}, {**CHOICE, "quality_preset": "low"})
    ),
    Example("POST", "/api/encode/start/{encode}", error("NOT_OWNER"), 403, json=CHOICE, headers=OTHER),
    Example("POST", f"/api/encode/start/{NO_ID}", error("ENCODE_NOT_FOUND"), 404, json=CHOICE, headers=PRIVATE),
    Example(
        "POST",
        "/api/encode/start/{encode}",
        {"message": "Video is currently being encoded", "status": "processing"},
        202,
        json=CHOICE,
        headers={**PRIVATE, **AT_ONCE},
        after="slow",
    ),
    Example(
        "GET",
        "/api/encode/status/{encode}",
        {**ENCODE, "status": "processing", "encoding_started_at": TIME, "file_available": False},
        headers=PRIVATE,
        after="running",
    ),
    Example(
        "POST",
        "/api/encode/download/{encode}",
        {"message": "Video is currently being encoded", "status": "processing"},
        202,
        headers=PRIVATE,
    ),
    Example(
        "POST",
        "/api/encode/start/{encode}",
        {"message": "Video encoded successfully", "encode_id": "{encode}", "file_size_mb": float},
        json=CHOICE,
        headers=PRIVATE,
        after="finish",
    ),
    Example(
        "GET",
        "/api/encode/status/{encode}",
        {**ENCODE, "status": "completed", "progress": 100, "file_available": True},
        headers=PRIVATE,
    ),
    Example(
        "POST",
        "/api/encode/download/{encode}",
        None,
        headers=PRIVATE,
        reply_headers={
            "Content-Type": "video/mp4",
            "Content-Disposition": re.compile(r"attachment; filename=\"?myvideo_h264_high\.mp4\"?.*"),
        },
    ),
    Example("POST", f"/api/encode/download/{NO_ID}", error("ENCODE_NOT_FOUND"), 404, headers=PRIVATE),
    # The end of it.
    Example(
        "POST",
        "/api/auth/change-password",
        error("CURRENT_PASSWORD_WRONG"),
        401,
        json={"current_password": "OldPass123!", "new_password": NEW_PASSWORD},
        headers=PRIVATE,
    ),
    Example(
        "POST",
        "/api/auth/change-password",
        error("PASSWORD_INVALID"),
        400,
        json={"current_password": ACCOUNT["password"], "new_password": "short"},
        headers=PRIVATE,
    ),
    Example(
        "POST",
        "/api/auth/change-password",
        {"message": "Password changed successfully. Please login again."},
        json={"current_password": ACCOUNT["password"], "new_password": NEW_PASSWORD},
        headers=PRIVATE,
    ),
    Example("GET", "/api/auth/me", error("TOKEN_INVALID"), 401, headers=PRIVATE),
    Example(
        "POST",
        "/api/auth/login",
        {"message": "Login successful", "token": JWT, "user": USER},
        json={**ACCOUNT, "password": NEW_PASSWORD},
        save={"private": "token"},
    ),
    Example("POST", "/api/auth/logout", {"message": "Logout successful"}, headers=PRIVATE),
    Example("POST", "/api/auth/logout", error("TOKEN_INVALID"), 401, headers=PRIVATE),
)
