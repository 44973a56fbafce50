"""Defines the query strings and JSON of clips from a chat."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BaseModel, Field

from src.models.params import LiveClipParams
from src.models.video import VideoJob
from src.routes.schemas.common import MESSAGE_LENGTH, RequestBody
from src.utils.latency import latency_seconds

_NAMES = ("stream", "video", "video_id", "channel", "chat", "chatid", "chat_id", "broadcast")


def _latency(text: str | None) -> str | None:
    if text is not None:
        latency_seconds(text)
    return text


class ChatQuery(RequestBody):
    """A command in a chat; all fields are optional. ``latency`` is a preset or seconds."""

    stream: str = Field(default="", max_length=2000, validation_alias=AliasChoices(*_NAMES))
    message: str = Field(default="", validation_alias=AliasChoices("message", "title", "q", "text"))
    viewer: str = Field(default="", validation_alias=AliasChoices("user", "viewer", "sender"))
    message_id: str = Field(default="", max_length=200, validation_alias=AliasChoices("message_id", "id"))
    offset: float | None = Field(default=None, ge=0, le=43_200)
    duration: float | None = Field(default=None, gt=0, le=43_200)
    latency: Annotated[str | None, AfterValidator(_latency)] = Field(default=None, max_length=20)
    format: str = ""
    dry_run: bool = Field(default=False, description="Check everything and answer as in the chat, but save nothing.")


class StreamClipQuery(ChatQuery):
    """Which part of a running stream to save, starting ``offset`` seconds ago.

    ``user_id`` is the owner of the clip; a channel token implies it.
    """

    user_id: str | None = Field(default=None, max_length=64)
    message: str = Field(default="", max_length=MESSAGE_LENGTH)


class StreamClipSaved(BaseModel):
    """A moment of a stream was saved. The YouTube id is null while only the channel is known."""

    message: str = "Video clip saved successfully"
    video_id: str
    youtube_video_id: str | None

    @classmethod
    def of(cls, job: VideoJob) -> StreamClipSaved:
        """Return the reply for a saved moment."""
        assert isinstance(job.params, LiveClipParams)
        return cls(video_id=job.id, youtube_video_id=job.params.youtube_video_id)


class ChatAnswered(BaseModel):
    """The result of a command that saves no clip."""

    message: str
    video_id: str | None = None
