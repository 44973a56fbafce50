"""Derives the id of a clip from the chat command, so that a repeated request finds the clip of the first."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from src.data.video_data import VideoData
from src.services.chat.requests import ChatRequest

REPEATED_SECONDS = 2
"""A bot that sends the same command again so soon repeats it."""


def request_ids(request: ChatRequest, now: datetime) -> list[str]:
    """Return the id of the clip of this request and, after it, those that it has if it repeats an earlier request.

    The message's id decides if there is one, otherwise chat, viewer, message and second. An id has 24 hexadecimal
    digits like an ObjectId, whose first eight are a time: with a message's id the day, so that a repetition has the
    same. The day before counts too. A program that is no bot and sends no id never repeats a request.
    """
    if not request.message_id and not request.bot:
        return [VideoData.new_id()]
    if request.message_id:
        return [_request_id(request, now - timedelta(days=days)) for days in range(2)]
    return [_request_id(request, now - timedelta(seconds=seconds)) for seconds in range(1 + REPEATED_SECONDS)]


def _request_id(request: ChatRequest, now: datetime) -> str:
    sender = request.token.id if request.token else request.user_id
    if request.message_id:
        seconds = int(now.timestamp()) // 86_400 * 86_400
        parts = ["message", sender, request.message_id]
    else:
        seconds = int(now.timestamp())
        parts = ["second", sender, str(request.channel or request.stream), request.viewer, request.message]
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"{seconds & 0xFFFFFFFF:08x}{digest[:16]}"
