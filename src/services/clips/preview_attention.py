"""Remembers for some seconds that a client asked for a preview, so that work for a closed page ends."""

from __future__ import annotations

from src.services.cache_service import CacheService, CacheUnavailable

ATTENTION_SECONDS = 10.0


class PreviewAttention:
    """Uses ``preview:{id}`` in Redis. While Redis is unavailable, every preview counts as watched."""

    def __init__(self, cache: CacheService) -> None:
        self._cache = cache

    def note(self, job_id: str) -> None:
        """Note that a client asks for this preview."""
        self._cache.set(f"preview:{job_id}", 1, ttl_seconds=ATTENTION_SECONDS)

    def is_lost(self, job_id: str) -> bool:
        """Whether no client has asked for it for ``ATTENTION_SECONDS``."""
        try:
            return not self._cache.attempt(lambda client: client.exists(f"preview:{job_id}"))
        except CacheUnavailable:
            return False
