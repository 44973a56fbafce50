"""Finds the links of a clip for a chat: its page, if the channel token allows that, and its moment on the site."""

from __future__ import annotations

import logging
import threading

from src.data.channel_token_data import ChannelTokenData
from src.errors import FileGone, FileNotReady
from src.models.params import LiveClipParams
from src.models.video import VideoJob
from src.services.events.clip_links import NO_LINKS, ClipLinks, moment_link
from src.services.sharing.share_links import ShareService

log = logging.getLogger(__name__)


class ChatLinks:
    """Finds links. Every method may raise ``StoreUnavailable``."""

    def __init__(self, tokens: ChannelTokenData, shares: ShareService, *, public_url: str) -> None:
        """Set the services. ``public_url``: the setting, or empty."""
        self._tokens, self._shares, self._public_url = tokens, shares, public_url.rstrip("/")
        self._warned = threading.Lock()

    def for_answer(self, job: VideoJob, base: str) -> ClipLinks:
        """Return the links for a reply; ``base`` is the address of this service."""
        link = ClipLinks(moment=moment_link(job))
        if not self._may_share(job):
            return link
        try:
            share, token = self._shares.for_chat(job)
        except (FileGone, FileNotReady):  # since the job was read
            return link
        return ClipLinks(f"{base}/s/{token}", share.expires_at, link.moment)

    def for_message(self, job: VideoJob) -> ClipLinks:
        """Return the links for a message that no request caused: none without ``PUBLIC_URL``, which is logged once."""
        if self._public_url:
            return self.for_answer(job, self._public_url)
        if self._warned.acquire(blocking=False):  # and never released
            log.warning("messages to chats contain no links: PUBLIC_URL is not set")
        return NO_LINKS

    def _may_share(self, job: VideoJob) -> bool:
        token_id = job.params.saved_with if isinstance(job.params, LiveClipParams) else None
        if token_id is None or job.artifact is None:
            return False
        token = self._tokens.find(token_id)
        return token is not None and token.share
