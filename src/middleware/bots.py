"""Recognises chat bots, and reads hints from their headers: the channel, the viewer, and where replies may be sent.

Nightbot and Fossabot document their headers; those of StreamElements, Moobot and WizeBot are known from requests that
others have published, and the others send none that is known. Nothing may depend on recognition, so the commands that
we publish contain ``format=text``. Headers can be forged and never grant a permission; therefore Fossabot's token,
which could verify its headers, is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from flask import request
from werkzeug.datastructures import Headers

from src.services.events.chat_replies import MOST_OF_NIGHTBOT
from src.utils.chat_text import MOST_CHARACTERS
from src.utils.stream_names import StreamName, youtube_channel, youtube_channel_of

_MOST_HEADER = 2048
_AGENTS = re.compile(
    r"nightbot|streamelements|fossabot|streamer\.?bot|moobot|streamlabs|botrix|wizebot|botisimo|phantombot|mix ?it ?up"
    r"|firebot",
    re.IGNORECASE,
)
_HEADERS = ("nightbot-", "x-fossabot-", "x-streamelements-", "moobot-", "x-wizebot-")
_TEXT = ("text", "txt", "plain")
_READ = "yt-downloader.hints"


@dataclass(frozen=True, slots=True)
class Hints:
    """Hints in the headers. ``channel`` is the bot's channel if it is on YouTube; ``message_id`` is the chat's id of
    the command; ``most`` is how many characters the bot can show."""

    bot: bool
    most: int = MOST_CHARACTERS
    channel: StreamName | None = None
    viewer: str = ""
    message_id: str = ""
    response_url: str = ""


def hints() -> Hints:
    """Return the hints of the current request, read once; a request with ``format=text`` counts as a bot's."""
    known = request.environ.get(_READ)
    if not isinstance(known, Hints):
        known = request.environ[_READ] = _read()
    return known


def _read() -> Hints:
    head = request.headers
    known = any(name.lower().startswith(_HEADERS) for name in head.keys())  # noqa: SIM118 (not a dictionary)
    known = known or _AGENTS.search(head.get("User-Agent", "")) is not None
    is_nightbot = "nightbot" in head.get("User-Agent", "").lower() or "Nightbot-Channel" in head
    return Hints(
        most=MOST_OF_NIGHTBOT if is_nightbot else MOST_CHARACTERS,
        bot=known or request.args.get("format", "").lower() in _TEXT,
        channel=youtube_channel_of(_text(head, "Nightbot-Channel")) or _fossabot_channel(head),
        viewer=_nightbot_user(_text(head, "Nightbot-User"))
        or _text(head, "X-Fossabot-Message-UserDisplayName")
        or _text(head, "X-Fossabot-SenderName")  # the form of earlier years
        or _text(head, "Moobot-User-Name"),
        message_id=_text(head, "X-Fossabot-Message-Id"),
        response_url=_text(head, "Nightbot-Response-Url"),
    )


def _fossabot_channel(head: Headers) -> StreamName | None:
    return youtube_channel(_text(head, "X-Fossabot-ChannelProvider"), _text(head, "X-Fossabot-ChannelProviderId"))


def _nightbot_user(header: str) -> str:
    try:
        fields = parse_qs(header, max_num_fields=30)
    except ValueError:
        return ""
    return next((fields[name][0] for name in ("displayName", "name") if name in fields), "")


def _text(head: Headers, name: str) -> str:
    return head.get(name, "")[:_MOST_HEADER].strip()
