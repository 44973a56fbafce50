"""Stores when the segments of running streams were broadcast: the ``stream_clocks`` collection, a document per video.

Each document lists captured segments by their number. Later clips of the recording report exact times from them.
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


class StreamClockData:
    """The ``stream_clocks`` collection. Every method may raise ``StoreUnavailable``."""

    COLLECTION = "stream_clocks"
    INDEXES = (IndexModel([("expires_at", ASCENDING)], name="expires_at", expireAfterSeconds=60),)

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._clocks = database[self.COLLECTION]

    def note(
        self, video_id: str, broadcasts: Collection[str], segments: Mapping[int, Anchor], expires_at: datetime
    ) -> None:
        """Add captured segments by their numbers. ``broadcasts``: the names of those to which they belong."""
        times = {f"segments.{number}": _to_fields(anchor) for number, anchor in segments.items()}
        change = {"$set": {**times, "expires_at": expires_at}, "$addToSet": {"broadcasts": {"$each": [*broadcasts]}}}
        with translated():
            self._clocks.update_one({"_id": video_id}, change, upsert=True)

    def find(self, video_id: str) -> StreamClock:
        """Return the wall clock of the recording of a stream; one without segments if none was captured.

        The numbers and the media times restart with each broadcast, and nobody knows where a later one starts in the
        recording: of a video with several, no segment counts.
        """
        with translated():
            document = self._clocks.find_one({"_id": video_id})
        if document is None or len(document["broadcasts"]) != 1:
            return StreamClock(())
        return StreamClock(_from_fields(fields) for fields in document["segments"].values())


def _to_fields(anchor: Anchor) -> list[int]:
    return [round(seconds * _MICROSECONDS) for seconds in (anchor.start, anchor.duration, anchor.media_at)]


def _from_fields(fields: list[int]) -> Anchor:
    start, duration, media_at = (Fraction(value, _MICROSECONDS) for value in fields)
    return Anchor(start, duration, media_at)
