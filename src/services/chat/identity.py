"""Derives the id of a clip from the chat command, so that a repeated request finds the clip of the first."""

from __future__ import annotations

import hashlib
from datetime import datetime

from src.services.chat.requests import ChatRequest


def request_id(request: ChatRequest, now: datetime) -> str | None:
    """Return the id of the clip of this request, the same for every repetition; ``None`` if repetitions are not
    detected.

    The message's id decides if there is one, otherwise chat, viewer, message and second. The result has 24 hexadecimal
    digits like an ObjectId, whose first eight are a time: with a message's id the day, so that a repetition has the
    same.
    """
    sender = request.token.id if request.token else request.user_id
    if request.message_id:
        seconds = int(now.timestamp()) // 86_400 * 86_400
        parts = ["message", sender, request.message_id]
    elif request.bot:
        seconds = int(now.timestamp())
        parts = ["second", sender, str(request.channel or request.stream), request.viewer, request.message]
    else:
        return None
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{seconds & 0xFFFFFFFF:08x}{digest[:16]}"
