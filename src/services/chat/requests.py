"""What a chat asked for, as the route read it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass

from src.models.channel_token import ChannelToken
from src.models.video import VideoJob
from src.utils.stream_names import StreamName


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One command in a chat. Everything but ``user_id`` and ``token`` is a hint that anybody may have made up.

    ``stream`` is what the bot calls the stream, ``channel`` the channel in which it says it speaks; ``message_id`` the
    chat's own id of the message; ``bot`` whether a chat bot asks, who repeats requests and reads sentences. Seconds
    that are None are those of the token, or the usual ones; ``waited`` is how long ago the command was sent.
    """

    user_id: str
    token: ChannelToken | None = None
    stream: str = ""
    channel: StreamName | None = None
    message: str = ""
    viewer: str = ""
    message_id: str = ""
    offset: float | None = None
    duration: float | None = None
    latency: float | None = None
    waited: float = 0
    bot: bool = True
    response_url: str = ""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The sentence for the chat, and the clip that it is about."""

    text: str
    job: VideoJob | None = None
