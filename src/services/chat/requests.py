"""Defines a chat command as the route parsed it, and the reply."""

from __future__ import annotations

from dataclasses import dataclass

from src.models.channel_token import ChannelToken
from src.models.video import VideoJob
from src.utils.chat_text import MOST_CHARACTERS
from src.utils.stream_names import StreamName


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One command in a chat. All fields except ``user_id`` and ``token`` are unverified.

    ``stream``: the bot's name of the stream; ``channel``: the channel that the bot reports; ``message_id``: the chat's
    id of the message; ``bot``: whether a chat bot sends the request, which repeats requests and shows sentences.
    ``base``: the address of this service, for links; ``most``: the longest answer. ``dry_run``: check and answer as if
    it were executed, but save and change nothing.
    Seconds that are ``None`` are taken from the token or the defaults; ``waited``: how long ago the command was sent.
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
    base: str = ""
    dry_run: bool = False
    most: int = MOST_CHARACTERS


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The sentence for the chat, its clip, and the links that may stand in the sentence."""

    text: str
    job: VideoJob | None = None
    links: tuple[str, ...] = ()
