"""Stores when the segments of running streams were broadcast: the ``stream_clocks`` collection.

Each document lists captured segments of one video by their numbers, at most a thousand of them, because a stream may
run for years. Later clips of the recording take exact times from them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from src.data.translated import translated
from src.models.stream_clock import Anchor, StreamClock

_MICROSECONDS = 1_000_000
_NUMBERS = 1000  # per document, which then has 60 kB; MongoDB allows 16 MB


class StreamClockData:
    """The ``stream_clocks`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "stream_clocks"
    INDEXES = (
        IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=60),
        IndexModel([("video_id", ASCENDING)], name="video_id"),
    )

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._clocks = database[self.COLLECTION]

    def note(
        self, video_id: str, broadcasts: Collection[str], segments: Mapping[int, Anchor], expires_at: datetime
    ) -> None:
        """Add captured segments by their numbers. ``broadcasts``: the names of the broadcasts to which they belong."""
        by_document: dict[int, dict[str, list[int]]] = {}
        for number, anchor in segments.items():
            by_document.setdefault(number // _NUMBERS, {})[f"segments.{number}"] = _to_fields(anchor)
        for place, times in by_document.items():
            change = {
                "$set": {"video_id": video_id, "expires_at": expires_at, **times},
                "$addToSet": {"broadcasts": {"$each": [*broadcasts]}},
            }
            with translated():
                self._clocks.update_one({"_id": f"{video_id} {place}"}, change, upsert=True)

    def find(self, video_id: str) -> StreamClock:
        """Return the wall clock of the recording of a stream; one without segments if none was captured.

        Numbers and media times restart with each broadcast, and where a later broadcast starts in the recording is
        unknown. The segments of a video with several broadcasts are therefore ignored.
        """
        with translated():
            documents = list(self._clocks.find({"video_id": video_id}))
        if len({name for document in documents for name in document["broadcasts"]}) != 1:
            return StreamClock(())
        return StreamClock(_from_fields(fields) for document in documents for fields in document["segments"].values())


def _to_fields(anchor: Anchor) -> list[int]:
    return [round(seconds * _MICROSECONDS) for seconds in (anchor.start, anchor.duration, anchor.media_at)]


def _from_fields(fields: list[int]) -> Anchor:
    start, duration, media_at = (Fraction(value, _MICROSECONDS) for value in fields)
    return Anchor(start, duration, media_at)
