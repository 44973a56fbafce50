"""Remembers the answers to commands that change or describe clips, so that a repeated command gets the first answer.

Without this, a bot that repeats ``delete`` because the first answer was late would delete a second clip. Clips that are
saved need no memory: their id is derived from the command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from src.services.cache_service import CacheService
from src.services.chat.identity import REPEATED_SECONDS
from src.services.chat.requests import ChatReply, ChatRequest
from src.services.jobs.jobs import JobService

_KEPT_SECONDS = 600  # with a message's id
_IN_WORK = "This command is being carried out."


class Answers:
    """Stores answers in Redis; while Redis is unavailable, every command counts as new."""

    def __init__(self, cache: CacheService, jobs: JobService) -> None:
        self._cache, self._jobs = cache, jobs

    def once(self, request: ChatRequest, command: Callable[[], ChatReply]) -> ChatReply:
        """Carry out a command, or return the answer to it if this request repeats an earlier one."""
        if not request.message_id and not request.bot:
            return command()
        seconds = _KEPT_SECONDS if request.message_id else REPEATED_SECONDS
        key = _key(request)
        if not self._cache.add(key, {"text": _IN_WORK}, ttl_seconds=seconds):
            known = self._cache.get(key)
            if known is not None:
                job = self._jobs.peek(known["job_id"]) if known.get("job_id") else None
                return ChatReply(known["text"], job, tuple(known.get("links", ())))
        try:
            reply = command()
        except BaseException:
            self._cache.delete(key)
            raise
        kept = {"text": reply.text, "links": reply.links, "job_id": reply.job and reply.job.id}
        self._cache.set(key, kept, ttl_seconds=seconds)
        return reply


def _key(request: ChatRequest) -> str:
    sender = request.token.id if request.token else request.user_id
    parts = [sender, request.message_id or f"{request.viewer}\0{request.message}"]
    return "chat-answer:" + hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
