"""Stores the captured segments of one track on disk: a file for each, and a line that describes it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from src.models.captured import Record
from src.models.time_window import Window
from src.services.live.timeline import Placed, Timeline
from src.utils.moved_file import link_or_copy
from src.utils.whole_file import write_whole

_LIST, _STATE = "segments.jsonl", "timeline.json"
_UNORDERED_SECONDS = 60


class SegmentStore:
    """One folder. A segment counts once its line is written, which happens when its file is complete. Segments may be
    added from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self.added_bytes = 0
        """The bytes of the segments that this object has stored."""
        self._records = {(record.epoch, record.number): record for record in self._read()}
        self._in_order = sorted(self._records.values(), key=_place)
        self.seconds = sum((record.duration for record in self._records.values()), Fraction(0))
        """The length of all segments, as they state it."""

    @property
    def records(self) -> list[Record]:
        """All segments in the order in which they were broadcast."""
        with self._lock:
            return list(self._in_order)

    def around(self, window: Window, beside: int) -> list[Record]:
        """Return the segments of a window, and so many before and after them, in the order of ``records``.

        The work depends on the length of the window and not on the number of segments.
        """
        with self._lock:
            # Times grow with the numbers, but for some seconds: a new broadcast may start before the end of another.
            early, late = window.start - _UNORDERED_SECONDS, window.end + _UNORDERED_SECONDS
            low = bisect_left(self._in_order, early, key=lambda record: record.start)
            high = bisect_right(self._in_order, late, key=lambda record: record.start)
            inside = [place for place in range(low, high) if self._in_order[place].span.overlaps(window)]
            return self._in_order[max(inside[0] - beside, 0) : inside[-1] + 1 + beside] if inside else []

    def __len__(self) -> int:
        return len(self._records)

    def has(self, placed: Placed) -> bool:
        """Return whether this segment is stored."""
        return (placed.epoch, placed.segment.number) in self._records

    def add(self, placed: Placed, content: bytes, init: bytes | None) -> None:
        """Store a segment of a playlist. An ``init`` is stored once for each content."""
        segment = placed.segment
        name = f"{placed.epoch}-{segment.number}"
        self.put(
            Record(placed.epoch, segment.number, segment.group, placed.start, segment.duration, name), content, init
        )

    def put(self, record: Record, content: bytes, init: bytes | None) -> None:
        """Store the content of a segment in the file that ``record`` names, and its ``init`` like ``add``."""
        write_whole(self.folder / record.file, content)
        with self._lock:
            self.added_bytes += len(content)
            self._append(record if init is None else replace(record, init=self._store_init(init)))

    def link(self, record: Record, folder: Path, epoch: int) -> None:
        """Store a segment that another store has in ``folder``, without a copy where the file system can do that.

        Raises:
            OSError: one of the files is gone, or there is no room.
        """
        own = replace(record, epoch=epoch, file=f"{epoch}-{record.number}")
        if record.init is not None:
            link_or_copy(folder / record.init, self.folder / record.init)
        link_or_copy(folder / record.file, self.folder / own.file)
        size = (self.folder / own.file).stat().st_size
        with self._lock:
            self.added_bytes += size
            self._append(own)

    def drop_before(self, moment: Fraction) -> int:
        """Delete the segments that ended before a moment; return how many. The files of initialisations stay."""
        with self._lock:
            old = [record for record in self._records.values() if record.span.end < moment]
            if not old:
                return 0
            for record in old:
                del self._records[record.epoch, record.number]
                self.seconds -= record.duration
            self._in_order = [record for record in self._in_order if _place(record) in self._records]
            lines = (json.dumps(_to_fields(record)) + "\n" for record in self._records.values())
            write_whole(self.folder / _LIST, "".join(lines).encode("ascii"))
        for record in old:
            (self.folder / record.file).unlink(missing_ok=True)
        return len(old)

    def get(self, epoch: int, number: int) -> Record | None:
        """Return the record of a stored segment."""
        return self._records.get((epoch, number))

    def _append(self, record: Record) -> None:
        with (self.folder / _LIST).open("a", encoding="ascii") as file:
            file.write(json.dumps(_to_fields(record)) + "\n")
        known = self._records.get(_place(record))
        if known is None:
            insort(self._in_order, record, key=_place)
            self.seconds += record.duration
        else:
            self._in_order[bisect_left(self._in_order, _place(record), key=_place)] = record
            self.seconds += record.duration - known.duration
        self._records[_place(record)] = record

    def timeline(self) -> Timeline:
        """Return the timeline of earlier attempts, or a new one."""
        try:
            return Timeline.from_fields(json.loads((self.folder / _STATE).read_text("ascii")))
        except (OSError, ValueError, KeyError):
            return Timeline()

    def save_timeline(self, timeline: Timeline) -> None:
        """Store it for later attempts."""
        write_whole(self.folder / _STATE, json.dumps(timeline.to_fields()).encode("ascii"))

    def _store_init(self, init: bytes) -> str:
        name = f"init-{hashlib.sha256(init).hexdigest()[:16]}"
        if not (self.folder / name).exists():
            write_whole(self.folder / name, init)
        return name

    def _read(self) -> Iterator[Record]:
        try:
            lines = (self.folder / _LIST).read_text("ascii").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                record = _from_fields(json.loads(line))
            except (ValueError, KeyError):  # its process died while it was written
                continue
            if (self.folder / record.file).exists():
                yield record
        with (self.folder / _LIST).open("rb+") as file:  # an unfinished line must not absorb the next one
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")


def _place(record: Record) -> tuple[int, int]:
    return record.epoch, record.number


def _to_fields(record: Record) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        "number": record.number,
        "group": record.group,
        "start": str(record.start),
        "duration": str(record.duration),
        "file": record.file,
        "init": record.init,
        "own_clock": record.own_clock,
        "media_at": None if record.media_at is None else str(record.media_at),
    }


def _from_fields(fields: dict[str, Any]) -> Record:
    media_at = fields.get("media_at")
    return Record(
        fields["epoch"],
        fields["number"],
        fields["group"],
        Fraction(fields["start"]),
        Fraction(fields["duration"]),
        fields["file"],
        fields["init"],
        fields.get("own_clock", False),
        None if media_at is None else Fraction(media_at),
    )
