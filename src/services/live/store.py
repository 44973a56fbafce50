"""What was captured of one track, on disk: a file for each segment and a line about it. Survives its process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from src.models.captured import Record
from src.services.live.timeline import Placed, Timeline
from src.utils.whole_file import write_whole

_LIST, _STATE = "segments.jsonl", "timeline.json"


class SegmentStore:
    """One folder. A segment counts when its line is written, and its line is written when its file is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._records = {(record.epoch, record.number): record for record in self._read()}

    @property
    def records(self) -> list[Record]:
        """All segments in the order in which they were on air."""
        return sorted(self._records.values(), key=lambda record: (record.epoch, record.number))

    def has(self, placed: Placed) -> bool:
        """Whether this segment is there."""
        return (placed.epoch, placed.segment.number) in self._records

    def add(self, placed: Placed, content: bytes, init: bytes | None) -> None:
        """Keep a segment. ``init`` is stored once for each content."""
        segment = placed.segment
        name = f"{placed.epoch}-{segment.number}"
        init_name = None if init is None else self._keep_init(init)
        write_whole(self.folder / name, content)
        record = Record(placed.epoch, segment.number, segment.group, placed.start, segment.duration, name, init_name)
        with (self.folder / _LIST).open("a", encoding="ascii") as file:
            file.write(json.dumps(_to_fields(record)) + "\n")
        self._records[(record.epoch, record.number)] = record

    def timeline(self) -> Timeline:
        """How far earlier attempts had followed the stream."""
        try:
            return Timeline.from_fields(json.loads((self.folder / _STATE).read_text("ascii")))
        except (OSError, ValueError, KeyError):
            return Timeline()

    def keep_timeline(self, timeline: Timeline) -> None:
        """Remember it for later attempts."""
        write_whole(self.folder / _STATE, json.dumps(timeline.to_fields()).encode("ascii"))

    def _keep_init(self, init: bytes) -> str:
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
            except (ValueError, KeyError):  # cut off by the death of its process
                continue
            if (self.folder / record.file).exists():
                yield record
        with (self.folder / _LIST).open("rb+") as file:  # an unfinished line must not swallow the next one
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")


def _to_fields(record: Record) -> dict[str, Any]:
    return {
        "epoch": record.epoch,
        "number": record.number,
        "group": record.group,
        "start": str(record.start),
        "duration": str(record.duration),
        "file": record.file,
        "init": record.init,
    }


def _from_fields(fields: dict[str, Any]) -> Record:
    return Record(
        fields["epoch"],
        fields["number"],
        fields["group"],
        Fraction(fields["start"]),
        Fraction(fields["duration"]),
        fields["file"],
        fields["init"],
    )
