"""One command, one clip: the id that a repeated request finds again, without any memory but the clips themselves."""

from __future__ import annotations

import hashlib
from datetime import datetime

from src.services.chat.requests import ChatRequest


def request_id(request: ChatRequest, now: datetime) -> str | None:
    """The id of the clip that this request makes, the same for every repetition; None when it is not to be compared.

    With a message's id that decides; otherwise chat, viewer, message and second. 24 hexadecimal digits, an ObjectId:
    its first eight are a time, as everywhere (with a message's id: of the day, so that a repetition has the same).
    """
    who = request.token.id if request.token else request.user_id
    if request.message_id:
        seconds = int(now.timestamp()) // 86_400 * 86_400
        parts = ["message", who, request.message_id]
    elif request.bot:
        seconds = int(now.timestamp())
        parts = ["second", who, str(request.channel or request.stream), request.viewer, request.message]
    else:
        return None
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{seconds & 0xFFFFFFFF:08x}{digest[:16]}"
