"""Defines the JSON of ``/api/video/info``."""

from __future__ import annotations

from pydantic import BaseModel, Field, StrictStr

from src.models.source import FormatTable, VideoInfo
from src.routes.schemas.common import RequestBody, Seconds
from src.utils.timecode import time_in_url


class InfoOf(RequestBody):
    """The link to look up."""

    url: StrictStr = Field(max_length=2000, examples=["https://youtube.com/watch?v=dQw4w9WgXcQ&t=43"])


class ChapterShown(BaseModel):
    """A part of the video that its author named."""

    title: str
    start_time: Seconds
    end_time: Seconds


class StoryboardSize(BaseModel):
    """Still pictures of the whole video in one size, on sheets of rows and columns, in reading order."""

    level: int = Field(description="0 has the largest pictures.")
    width: int = Field(description="Of one picture, in pixels.")
    height: int
    rows: int
    columns: int
    sheets: int = Field(description="They count from 0; the last one may have fewer pictures.")
    interval_seconds: Seconds = Field(description="The time between two pictures.")


class Storyboard(BaseModel):
    """The sizes in which the site has still pictures: see GET /api/video/storyboard."""

    levels: list[StoryboardSize]


class LinkInfo(BaseModel):
    """What a link leads to."""

    video_id: str
    title: str
    author: str | None
    duration: Seconds | None = Field(description="Null while a stream runs.")
    live_status: str = Field(description="not_live, is_upcoming, is_live, post_live or was_live.")
    chapters: list[ChapterShown]
    resolutions: list[str] = Field(description="Highest first.")
    formats: dict[str, tuple[str, ...]] = Field(description="The containers of each resolution.")
    start_time: Seconds | None = Field(description="The time in the link (t=), if it has one.")
    storyboard: Storyboard | None

    @classmethod
    def of(cls, info: VideoInfo, table: FormatTable, url: str) -> LinkInfo:
        """Return the reply for the facts of a video."""
        start = time_in_url(url)
        start_time = None if start is None else float(start)
        names = StoryboardSize.model_fields
        levels = [StoryboardSize(**{name: getattr(each, name) for name in names}) for each in info.storyboard]
        return cls(
            video_id=info.id,
            title=info.title,
            author=info.uploader,
            duration=info.duration_seconds or None,
            live_status=info.live_status.value,
            chapters=[
                ChapterShown(title=each.title, start_time=each.start_time, end_time=each.end_time)
                for each in info.chapters
            ],
            resolutions=list(table.resolutions),
            formats=table.formats,
            start_time=start_time,
            storyboard=Storyboard(levels=levels) if levels else None,
        )
