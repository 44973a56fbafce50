"""A channel token: what a chat bot holds to save clips into one account, and into no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """What a channel token may do. ``moderate``: also delete and rename the clips that were saved with tokens."""

    SAVE = "save"
    MODERATE = "moderate"


@dataclass(frozen=True, slots=True)
class ChannelToken:
    """One token without its secret. Seconds: ``cooldown_seconds`` between two clips of the channel,
    ``viewer_cooldown_seconds`` between two of one viewer, ``latency_seconds`` how late viewers see the stream.

    ``stream`` is the name of the stream that is meant when a bot names none; ``webhook`` is told when a clip is
    ready.
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
    last_used_at: datetime | None = None
    uses: int = 0
