"""The same whole service as in ``tests/system/e2e``."""

from __future__ import annotations

from tests.system.e2e.conftest import offline_youtube, offline_youtube_session, origin_port, service, user

__all__ = ["offline_youtube", "offline_youtube_session", "origin_port", "service", "user"]
