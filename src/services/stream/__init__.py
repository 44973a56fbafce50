"""The stream engine: HLS playlists and direct files of any site, fetched in pieces that outlive a dead worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from src.services.stream.recorder import StreamReport, StreamSource, record

__all__ = ["StreamReport", "StreamSource", "record"]


def __getattr__(name: str) -> Any:
    """The engine when it is first asked for: child processes that only look into files start faster without it."""
    if name not in __all__:
        raise AttributeError(name)
    from src.services.stream import recorder

    return getattr(recorder, name)
