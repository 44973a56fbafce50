"""Records with sensible defaults, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from src.data.video_data import VideoData
from src.models.params import ClipParams, EncodeParams, JobParams
from src.models.video import Owner, Status, VideoJob

ANNA = Owner.user("65a000000000000000000001")
BERT = Owner.user("65a000000000000000000002")


def make_clip(owner: Owner = ANNA, **changes: Any) -> VideoJob:
    """A saved clip of a minute; ``changes`` are fields of the job or of its parameters."""
    params = ClipParams(
        url="https://www.youtube.com/watch?v=dQw4w9WgXcQ", youtube_video_id="dQw4w9WgXcQ", start_time=60, end_time=120
    )
    return _job(owner, params, changes)


def make_encode(owner: Owner = ANNA, **changes: Any) -> VideoJob:
    """An upload that was not started yet."""
    return _job(owner, EncodeParams(original_filename="film.avi", input_file_path="/nowhere/film.avi"), changes)


def _job(owner: Owner, params: JobParams, changes: dict[str, Any]) -> VideoJob:
    of_params = {name: value for name, value in changes.items() if name in type(params).model_fields}
    of_job = {name: value for name, value in changes.items() if name not in of_params}
    fields: dict[str, Any] = {
        "id": VideoData.new_id(),
        "owner": owner,
        "params": params.model_copy(update=of_params),
        "status": Status.PENDING,
        "created_at": datetime(2026, 1, 18, 10, 0, tzinfo=UTC),
    }
    return VideoJob(**{**fields, **of_job})
