"""Builds the chat message about an ended clip and recognizes the exact addresses of the chat services."""

from __future__ import annotations

import json
import re
from datetime import datetime
from urllib.parse import SplitResult, urlencode, urlsplit

from src.models.video import RepairState, Status, VideoJob
from src.services.events.clip_links import NO_LINKS, ClipLinks, compose
from src.services.events.viewer_sentences import sentence_for
from src.utils.chat_text import echo

NIGHTBOT_HOST, NIGHTBOT_PATH = "api.nightbot.tv", "/1/channel/send/"
DISCORD_HOSTS = frozenset({"discord.com", "canary.discord.com", "ptb.discord.com", "discordapp.com"})
MOST_OF_NIGHTBOT = 399
"""Nightbot shows replies and messages of less than 400 characters."""
_MOST_OF_DISCORD = 400
_DISCORD_PATH = re.compile(r"/api(?:/v\d{1,2})?/webhooks/\d{5,25}/[A-Za-z0-9_-]{20,120}")
_NIGHTBOT_TOKEN = re.compile(r"[A-Za-z0-9_=-]{8,400}")
_MOST_CHARACTERS = 500
_MOST_TITLE = 60


def is_nightbot_address(url: str) -> bool:
    """Whether this is a Nightbot response link: https, exactly its host, and a token below the one path."""
    parts = _split(url)
    if parts is None or parts.scheme != "https" or parts.netloc != NIGHTBOT_HOST or parts.query or parts.fragment:
        return False
    token = parts.path.removeprefix(NIGHTBOT_PATH)
    return token != parts.path and bool(_NIGHTBOT_TOKEN.fullmatch(token))


def is_discord_address(url: str) -> bool:
    """Whether this is a Discord webhook: https, exactly one of its hosts, and a webhook path."""
    parts = _split(url)
    if parts is None or parts.scheme != "https" or parts.netloc.lower() not in DISCORD_HOSTS or parts.fragment:
        return False
    return bool(_DISCORD_PATH.fullmatch(parts.path))


def message_for(url: str, job: VideoJob, now: datetime, links: ClipLinks = NO_LINKS) -> tuple[bytes, str] | None:
    """Return (body, content type) of the chat message about an ended job; ``None`` if the receiver is no chat."""
    if is_nightbot_address(url):
        sentence = sentence_about(job, now, links, most=MOST_OF_NIGHTBOT)
        return urlencode({"message": sentence}).encode(), "application/x-www-form-urlencoded"
    if is_discord_address(url):
        sentence = sentence_about(job, now, links, most=_MOST_OF_DISCORD)
        return json.dumps({"content": sentence, "allowed_mentions": {"parse": []}}).encode(), "application/json"
    return None


def follows_up(url: str, job: VideoJob) -> bool:
    """Whether the receiver gets a second message after a repair: a chat only if the clip is better now."""
    return _is_repaired(job) or not is_discord_address(url)


def sentence_about(job: VideoJob, now: datetime, links: ClipLinks = NO_LINKS, *, most: int) -> str:
    """Describe in one sentence how a job ended, with its links and the title of its source."""
    title = echo(getattr(job.params, "additional_message", None), most=_MOST_TITLE)
    state = "is complete now" if _is_repaired(job) else state_of(job)
    return compose(f"Clip{title} {state}", job, links, now, most=most)


def state_of(job: VideoJob) -> str:
    """Describe the state of a clip for viewers: requested until its file exists, then saved."""
    if job.status is Status.COMPLETED:
        if job.artifact is None:
            return "saved, but its file has expired"
        if job.repair is not None and job.repair.waiting:
            return "saved, and what is missing may follow"
        return "saved, with a part missing" if job.outcome.get("complete") is False else "saved"
    if job.status is Status.CANCELLED:
        return "cancelled"
    if job.status is Status.FAILED and job.failure is not None:
        return "not saved: " + sentence_for(job.failure.code, job.failure.message).rstrip(".")
    return "requested"


def _is_repaired(job: VideoJob) -> bool:
    return job.repair is not None and job.repair.state is RepairState.DONE


def _split(url: str) -> SplitResult | None:
    if not 0 < len(url) <= _MOST_CHARACTERS or not url.isascii() or re.search(r"[\x00-\x20\\]", url):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None
