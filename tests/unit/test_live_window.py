"""A moment by the clock is a range of the recording, or a reason why not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from src.errors import AppError
from src.models.params import LiveClipParams
from src.models.source import LiveStatus, VideoInfo
from src.services.live.recording import placement_in_recording

RELEASED = datetime(2026, 1, 18, 10, 0, tzinfo=UTC)


def window(*, after: float, offset: float = 60, duration: float = 120, **info: object) -> tuple[float, float]:
    params = LiveClipParams(
        url="https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        youtube_video_id="dQw4w9WgXcQ",
        event_at=RELEASED + timedelta(seconds=after),
        clip_offset=offset,
        clip_duration=duration,
    )
    facts: dict[str, object] = {"live_status": LiveStatus.WAS_LIVE, "release_at": RELEASED, "duration_seconds": 7200.0}
    video = VideoInfo("dQw4w9WgXcQ", "A stream", "", **{**facts, **info})  # type: ignore[arg-type]
    placed = placement_in_recording(params, video)
    return float(placed.start), float(placed.end)


@pytest.mark.parametrize(
    ("after", "offset", "duration", "expected"),
    [
        (600, 60, 120, (540, 660)),
        (30, 60, 120, (-30, 90)),
        (600.5, 10, 5, (590.5, 595.5)),
        (7230, 60, 120, (7170, 7290)),
    ],
)
def test_the_window(after: float, offset: float, duration: float, expected: tuple[float, float]) -> None:
    assert window(after=after, offset=offset, duration=duration) == expected


@pytest.mark.parametrize(
    ("info", "after", "code"),
    [
        ({"live_status": LiveStatus.IS_UPCOMING}, 600, "LIVE_NOT_STARTED"),
        ({"live_status": LiveStatus.POST_LIVE}, 600, "LIVE_ENDED_NOT_READY"),
        ({"live_status": LiveStatus.IS_LIVE}, 600, "LIVE_ENDED_NOT_READY"),
        ({"live_status": LiveStatus.NOT_LIVE}, 600, "CLIP_RANGE_INVALID"),
        ({"release_at": None}, 600, "CLIP_RANGE_INVALID"),
        ({}, -100, "CLIP_RANGE_INVALID"),
        ({}, 8000, "CLIP_RANGE_INVALID"),
    ],
)
def test_no_window(info: dict[str, Any], after: float, code: str) -> None:
    with pytest.raises(AppError) as caught:
        window(after=after, **info)
    assert caught.value.code == code
