"""Builds the chat message about an ended clip and recognizes the exact addresses of the chat services."""

from __future__ import annotations

import json
import re
from urllib.parse import SplitResult, urlencode, urlsplit

from src.models.video import RepairState, Status, VideoJob
from src.utils.chat_text import echo, one_line

NIGHTBOT_HOST, NIGHTBOT_PATH = "api.nightbot.tv", "/1/channel/send/"
DISCORD_HOSTS = frozenset({"discord.com", "canary.discord.com", "ptb.discord.com", "discordapp.com"})
_DISCORD_PATH = re.compile(r"/api(?:/v\d{1,2})?/webhooks/\d{5,25}/[A-Za-z0-9_-]{20,120}")
_NIGHTBOT_TOKEN = re.compile(r"[A-Za-z0-9_=-]{8,400}")
_MOST_CHARACTERS = 500


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


def message_for(url: str, job: VideoJob) -> tuple[bytes, str] | None:
    """Return (body, content type) of the chat message about an ended job; ``None`` if the receiver is no chat."""
    if is_nightbot_address(url):
        return urlencode({"message": sentence_about(job)}).encode(), "application/x-www-form-urlencoded"
    if is_discord_address(url):
        content = {"content": sentence_about(job), "allowed_mentions": {"parse": []}}
        return json.dumps(content).encode(), "application/json"
    return None


def follows_up(url: str, job: VideoJob) -> bool:
    """Whether the receiver gets a second message after a repair: a chat only if the clip is better now."""
    repaired = job.repair is not None and job.repair.state is RepairState.DONE
    return repaired or not is_discord_address(url)


def sentence_about(job: VideoJob) -> str:
    """Describe in one sentence how a job ended."""
    title = echo(getattr(job.params, "additional_message", None))
    if job.repair is not None and job.repair.state is RepairState.DONE:
        return one_line(f"The clip{title} is complete now.")
    if job.status is Status.COMPLETED:
        return one_line(f"The clip{title} is ready.")
    reason = job.failure.message if job.failure and job.status is Status.FAILED else "it was cancelled."
    return one_line(f"The clip{title} could not be made: {reason}")


def _split(url: str) -> SplitResult | None:
    if not 0 < len(url) <= _MOST_CHARACTERS or not url.isascii() or re.search(r"[\x00-\x20\\]", url):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None
