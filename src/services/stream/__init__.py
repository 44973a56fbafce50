"""The stream engine: HLS playlists and direct files of any site, fetched in pieces that outlive a dead worker."""

from __future__ import annotations

from src.services.stream.recorder import StreamReport, StreamSource, record

__all__ = ["StreamReport", "StreamSource", "record"]
