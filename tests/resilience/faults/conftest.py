"""The offline YouTube of the whole service."""

from __future__ import annotations

from tests.tools.offline_youtube.fixtures import offline_youtube, offline_youtube_session

__all__ = ["offline_youtube", "offline_youtube_session"]
