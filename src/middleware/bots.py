"""Which chat bot asks, and what its headers hint at: who speaks in which chat, and where a later word may go.

Nightbot and Fossabot document their headers; those of StreamElements, Moobot and WizeBot are known from what others
have received, and Streamer.bot sends none. So nothing may depend on being recognised: the commands that we hand out
say ``format=text``. What headers say is a hint that anybody can make up, and never a permission; therefore Fossabot's
token, with which its headers could be checked, is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from flask import request
from werkzeug.datastructures import Headers

from src.utils.stream_names import StreamName, youtube_channel, youtube_channel_of

_MOST_HEADER = 2048
_AGENTS = re.compile(r"nightbot|streamelements|fossabot|streamer\.?bot|moobot|streamlabs|botrix|wizebot", re.IGNORECASE)
_HEADERS = ("nightbot-", "x-fossabot-", "x-streamelements-", "moobot-", "x-wizebot-")
_TEXT = ("text", "txt", "plain")


@dataclass(frozen=True, slots=True)
class Hints:
    """What the headers say. ``channel`` is where the bot speaks, if that is on YouTube; ``message_id`` the chat's own
    id of the command."""

    bot: bool
    channel: StreamName | None = None
    viewer: str = ""
    message_id: str = ""
    response_url: str = ""


def hints() -> Hints:
    """Return who seems to ask the current request; whoever sends ``format=text`` is a bot."""
    head = request.headers
    known = any(name.lower().startswith(_HEADERS) for name in head.keys())  # noqa: SIM118 (not a dictionary)
    known = known or _AGENTS.search(head.get("User-Agent", "")) is not None
    return Hints(
        bot=known or request.args.get("format", "").lower() in _TEXT,
        channel=youtube_channel_of(_text(head, "Nightbot-Channel")) or _fossabot_channel(head),
        viewer=_nightbot_user(_text(head, "Nightbot-User"))
        or _text(head, "X-Fossabot-Message-UserDisplayName")
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
