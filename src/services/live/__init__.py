"""Clips of running streams, by the clock: the stream's segments are captured at once and cut exactly afterwards."""

from __future__ import annotations

from src.services.live.capture import Capture, Captured, StreamSilent, TailToCome
from src.services.live.cutting import LiveCut, cut_captured
from src.services.live.tracks import LiveTrack
from src.services.live.window import Window, to_datetime, to_seconds

__all__ = [
    "Capture",
    "Captured",
    "LiveCut",
    "LiveTrack",
    "StreamSilent",
    "TailToCome",
    "Window",
    "cut_captured",
    "to_datetime",
    "to_seconds",
]
