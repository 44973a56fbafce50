"""Reads every form in which chat bots name a stream, without network access."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs, unquote, urlsplit

from src.errors import AppError, VideoIdInvalid
from src.utils.protobuf_texts import texts_in
from src.utils.validators import WATCH_HOSTS, canonical_url, parse_video_id_from_url

WHAT_TO_SEND = "This names no stream: send the id of a video or a channel, a link, or a handle."
_MAX_CHARACTERS = 2048
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_CHANNEL_ID = re.compile(r"UC[A-Za-z0-9_-]{22}")
# Letters of any script, digits, and . - _ and the middle dot; 3 to 30 characters.
_HANDLE = re.compile(r"@[\w.\-\u00b7]{3,30}")
_BASE64 = re.compile(r"[A-Za-z0-9_-]{20,400}")
# What bots send when they cannot fill a variable: $(chatid), ${channel}, {{id}}, %broadcastId%, null.
_TEMPLATE = re.compile(r"\$\(|\$\{|\{\{|^%\w+%$|^<.*>$|^\{\w+\}$")
_NOTHING = frozenset({"null", "undefined", "none", "nil", "nan", "false", "n/a", "unknown", "error"})
# Placeholders for a name: the stream is then that of the channel in the bot's own header.
_HERE = frozenset({"", "live", "now", "here", "this", "auto", "-", "clip"})
_DEEPEST = 4  # messages inside messages; a live-chat id has two


class NameKind(StrEnum):
    """What a name refers to."""

    VIDEO = "video"
    CHANNEL = "channel"
    HANDLE = "handle"


@dataclass(frozen=True, slots=True)
class StreamName:
    """A stream, by the id of its video, the id of its channel, or the handle of its channel with the ``@``."""

    kind: NameKind
    value: str

    @property
    def url(self) -> str:
        """The link for the extractor, built from checked parts."""
        if self.kind is NameKind.VIDEO:
            return canonical_url(self.value)
        middle = f"channel/{self.value}" if self.kind is NameKind.CHANNEL else self.value
        return f"https://www.youtube.com/{middle}/live"

    def __str__(self) -> str:
        return self.value


def read_stream_name(text: str) -> StreamName | None:
    """Return the stream that ``text`` names; None when it only refers to the current one.

    Understood: an id of 11 characters, a link to a video or a channel, a live-chat id (a protobuf message in base64url
    that contains the video's id), a channel's id ``UC...``, a handle ``@...``.

    Raises:
        VideoIdInvalid: a variable that the bot did not fill, or none of the above; the message is for the chat.
    """
    name = unquote(text).strip() if len(text) <= _MAX_CHARACTERS else text
    if name.lower() in _HERE:
        return None
    if name.lower() in _NOTHING or _TEMPLATE.search(name):
        raise VideoIdInvalid("The bot did not fill in the stream: is this chat connected to a YouTube stream?")
    found = _plain(name) or _link(name) or _chat_id(name)
    if found is None:
        raise VideoIdInvalid(WHAT_TO_SEND)
    return found


def name_of_video(video_id: str) -> StreamName:
    """Return the name for a checked video id."""
    return StreamName(NameKind.VIDEO, video_id)


def youtube_channel_of(header: str) -> StreamName | None:
    """Return the channel in a bot's header ``name=...&provider=youtube&providerId=UC...``; None if there is none."""
    try:
        fields = {name: values[0] for name, values in parse_qs(header[:_MAX_CHARACTERS], max_num_fields=30).items()}
    except ValueError:
        return None
    return youtube_channel(fields.get("provider", ""), fields.get("providerId", ""))


def youtube_channel(provider: str, channel_id: str) -> StreamName | None:
    """Return the channel with this id on the platform of a bot; None when that is not YouTube."""
    if provider.lower() != "youtube" or not _CHANNEL_ID.fullmatch(channel_id):
        return None
    return StreamName(NameKind.CHANNEL, channel_id)


def _plain(name: str) -> StreamName | None:
    if _VIDEO_ID.fullmatch(name):
        return StreamName(NameKind.VIDEO, name)
    if _CHANNEL_ID.fullmatch(name):
        return StreamName(NameKind.CHANNEL, name)
    if _HANDLE.fullmatch(name):
        return StreamName(NameKind.HANDLE, name.lower())
    return None


def _link(name: str) -> StreamName | None:
    if "/" not in name and "." not in name:
        return None
    try:
        return StreamName(NameKind.VIDEO, parse_video_id_from_url(name))
    except AppError:
        pass
    try:
        parts = urlsplit(name if "://" in name else f"https://{name}")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.netloc.lower() not in WATCH_HOSTS:
        return None
    first, *rest = unquote(parts.path).strip("/").split("/")
    found = _plain(rest[0]) if first == "channel" and rest else _plain(first)
    return found if found is not None and found.kind is not NameKind.VIDEO else None


def _chat_id(name: str) -> StreamName | None:
    """Return the video, or otherwise the channel, in a live-chat id."""
    if not _BASE64.fullmatch(text := name.rstrip("=")):
        return None
    try:
        message = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    inside = list(texts_in(message, _DEEPEST))
    for kind, pattern in ((NameKind.VIDEO, _VIDEO_ID), (NameKind.CHANNEL, _CHANNEL_ID)):
        found = next((each for each in inside if pattern.fullmatch(each)), None)
        if found is not None:
            return StreamName(kind, found)
    return None
