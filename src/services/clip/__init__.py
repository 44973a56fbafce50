"""The clip engine: frame-exact clips and whole videos from remote media, fetched with parallel range requests."""

from __future__ import annotations

from src.services.clip.engine import fetch_whole, make_clip, make_clips, make_parts
from src.services.clip.source import (
    ClipReport,
    ClipSource,
    Discontinuous,
    Fragment,
    Keep,
    Method,
    Mode,
    Network,
    SourceUnreadable,
    TimeRange,
    Track,
)
from src.services.clip.verify import ClipFacts, Expected, verify

__all__ = [
    "ClipFacts",
    "ClipReport",
    "ClipSource",
    "Discontinuous",
    "Expected",
    "Fragment",
    "Keep",
    "Method",
    "Mode",
    "Network",
    "SourceUnreadable",
    "TimeRange",
    "Track",
    "fetch_whole",
    "make_clip",
    "make_clips",
    "make_parts",
    "verify",
]
