"""Remembers when the captured segments of a stream were broadcast, and restores the wall clock of its recording."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from src.errors import StoreUnavailable
from src.models.captured import Record
from src.models.stream_clock import Anchor, StreamClock
from src.services.live.shared.clip_segments import ClipSegments
from src.services.live.state import CaptureState
from src.services.live.store import SegmentStore
from src.utils.clock import Clock

LASTS = timedelta(days=30)
"""How long the times of segments are remembered."""
Places = set[tuple[int, int]]
"""Epochs and numbers of segments."""


class StreamClocks(Protocol):
    """Stores the times of segments. Methods may raise ``StoreUnavailable``."""

    def note(
        self, video_id: str, broadcasts: Collection[str], segments: Mapping[int, Anchor], expires_at: datetime
    ) -> None:
        """Add captured segments by their numbers. ``broadcasts``: the names of those to which they belong."""

    def find(self, video_id: str) -> StreamClock:
        """Return what is known of the wall clock of the recording of this video."""


class CapturedTimes:
    """The times of the segments that jobs have captured. Without a store, each job knows only its own."""

    def __init__(self, clocks: StreamClocks | None, clock: Clock) -> None:
        self._clocks, self._clock = clocks, clock

    def clock_of(self, folder: Path, video_id: str | None = None) -> StreamClock:
        """Return the wall clock of a recording, as far as segments state it: those in a folder, and those that other
        jobs captured of this video."""
        own = _clock_in(folder)
        if self._clocks is None or video_id is None:
            return own
        with suppress(StoreUnavailable):
            return StreamClock([*own.anchors, *self._clocks.find(video_id).anchors])
        return own

    def note(self, folder: Path, state: CaptureState, known: Places) -> None:
        """Remember the segments in a folder, except those that were ``known`` before."""
        if self._clocks is None:
            return
        segments = ClipSegments(folder, state.tracks)
        names = segments.broadcasts
        anchors: dict[int, Anchor] = {}
        broadcasts: set[str] = set()
        for record in _main_records(segments):
            anchor = _anchor_of(record)
            if anchor is not None and (record.epoch, record.number) not in known and record.epoch < len(names):
                anchors[record.number] = anchor
                broadcasts.add(names[record.epoch])
        if anchors:
            with suppress(StoreUnavailable):  # then times are only less exact
                self._clocks.note(state.video_id, broadcasts, anchors, self._clock.now() + LASTS)


def places_in(folder: Path, state: CaptureState) -> Places:
    """Return which segments a folder has."""
    return {(record.epoch, record.number) for record in _main_records(ClipSegments(folder, state.tracks))}


def _main_records(segments: ClipSegments) -> list[Record]:
    captured = segments.captured()
    return captured.records[captured.main.name]


def _clock_in(folder: Path) -> StreamClock:
    state = CaptureState.load(folder)
    for track in state.tracks if state is not None else ():
        records = SegmentStore(folder / track.name).records
        anchors = [anchor for record in records if (anchor := _anchor_of(record)) is not None]
        # Media times restart with each broadcast, and nobody knows where the next one starts in the recording.
        if anchors and len({record.epoch for record in records}) == 1:
            return StreamClock(anchors)
    return StreamClock(())


def _anchor_of(record: Record) -> Anchor | None:
    if not record.own_clock or record.media_at is None:
        return None
    return Anchor(record.start, record.duration, record.media_at)
