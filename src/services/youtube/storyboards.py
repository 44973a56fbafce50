"""Reads what helps to find a moment of a video: its chapters and its storyboard, still pictures of the whole video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from src.models.source import Chapter, StoryboardLevel
from src.services.youtube.media_hosts import is_image_address

MOST_CHAPTERS = 500
MOST_SHEETS = 2000  # of one level; a day of video with a picture every 10 s needs 350
_MOST_LEVELS = 8
_MOST_TITLE = 300  # characters; the site allows 100
_FORMAT_ID = "sb"


def read_chapters(raw: Mapping[str, Any]) -> tuple[Chapter, ...]:
    """Return the chapters in yt-dlp's description of a video; invalid ones are left out."""
    found = []
    for entry in (raw.get("chapters") or ())[:MOST_CHAPTERS]:
        start, end = _number(entry.get("start_time")), _number(entry.get("end_time"))
        if start is not None and end is not None and 0 <= start < end:
            found.append(Chapter(str(entry.get("title") or "")[:_MOST_TITLE], start, end))
    return tuple(found)


def read_storyboard(raw: Mapping[str, Any]) -> tuple[StoryboardLevel, ...]:
    """Return the levels of the storyboard in yt-dlp's description of a video, the largest size first."""
    levels = [_level(entry) for entry in raw.get("formats") or () if str(entry.get("format_id")).startswith(_FORMAT_ID)]
    return tuple(sorted((level for level in levels if level is not None), key=lambda each: each.level)[:_MOST_LEVELS])


def _level(raw: Mapping[str, Any]) -> StoryboardLevel | None:
    number = str(raw.get("format_id")).removeprefix(_FORMAT_ID)
    sizes = [raw.get(name) for name in ("width", "height", "rows", "columns")]
    fps, sheets, url = _number(raw.get("fps")), len(raw.get("fragments") or ()), str(raw.get("url") or "")
    if not (number.isascii() and number.isdigit() and fps and 0 < sheets <= MOST_SHEETS and is_image_address(url)):
        return None
    if not all(isinstance(size, int) and 0 < size <= 10_000 for size in sizes):
        return None
    width, height, rows, columns = (int(size) for size in sizes if size is not None)
    return StoryboardLevel(int(number), width, height, rows, columns, sheets, 1 / fps, url)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
