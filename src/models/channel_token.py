"""Defines channel tokens, with which chat bots save clips into one account and no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a channel token allows. ``moderate``: also delete and rename clips that were saved with tokens."""

    SAVE = "save"
    MODERATE = "moderate"


@dataclass(frozen=True, slots=True)
class ChannelToken:
    """A token without its secret.

    Times are seconds: ``cooldown_seconds`` between two clips of the channel, ``viewer_cooldown_seconds`` between two of
    one viewer, ``latency_seconds`` between an event and when viewers see it. ``stream`` is the stream to use when a
    bot names none; ``webhook`` is the address to notify when a clip is ready. ``share``: whether replies and messages
    contain a link with which everyone in the chat can watch a finished clip. ``rolling``: the last
    minutes of ``stream`` are captured while it runs; ``rolling_from`` to ``rolling_to`` is what is there now, and
    ``rolling_bytes`` its size.
    """

    id: str
    user_id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    hint: str
    cooldown_seconds: int
    viewer_cooldown_seconds: int
    latency_seconds: float
    offset_seconds: float
    duration_seconds: float
    stream: str | None = None
    webhook: str | None = None
    share: bool = False
    rolling: bool = False
    rolling_from: datetime | None = None
    rolling_to: datetime | None = None
    rolling_bytes: int = 0
    last_used_at: datetime | None = None
    uses: int = 0
