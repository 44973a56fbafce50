"""Lists the segments of a stream's tracks, groups them into unbroken stretches, and stores the list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.services.hls.playlist import Piece, Segment
from src.services.streams.collector import Wanted
from src.services.streams.sequence import SequenceNumbers
from src.utils.whole_file import write_whole

_NAME = "tape.json"


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment: its number in the playlist, length in seconds, group, and the number of its initialisation.

    ``group`` counts the breaks since the first segment of the track; a playlist that moves on counts from 0 again.
    """

    number: int
    seconds: float
    group: int
    init: int | None


class RecordedTrack:
    """The segments of one track, in order. ``known`` also lists segments that are not on disk; ``inits`` numbers the
    initialisations. Numbers continue where a playlist starts to count again."""

    def __init__(self, folder: Path, track: int) -> None:
        self.folder, self.track = folder, track
        self.known: list[ListedSegment] = []
        self.inits: dict[str, int] = {}
        self.numbers = SequenceNumbers()

    @property
    def seconds(self) -> float:
        """The length of all known segments."""
        return sum(segment.seconds for segment in self.known)

    def restart(self) -> None:
        """Forget the list. The files remain and are used when they are listed again."""
        self.known.clear()
        self.numbers = SequenceNumbers()

    def add(
        self, segments: list[Segment], *, most_seconds: float | None = None, elapsed_seconds: float | None = None
    ) -> list[Wanted]:
        """Add new segments, up to the limit. Returns the pieces to fetch for the listed segments.

        Segments that the playlist marks as missing (``EXT-X-GAP``) are known but never fetched. ``elapsed_seconds``:
        the time since the playlist of a live stream was last read.
        """
        newest = self.known[-1].number if self.known else None
        length = float(segments[-1].end - segments[0].start) / len(segments)
        again = self.numbers.follow(segments, newest, length, elapsed_seconds)
        if again is None:
            return []
        wanted: list[Wanted] = []
        before: Segment | None = None
        known_seconds = self.seconds
        for segment in segments:
            previous, before = before, segment
            number = segment.number + self.numbers.shift
            init = None if segment.gap else self._init(segment.init, wanted)
            if not self.known or number > self.known[-1].number:
                if most_seconds is not None and known_seconds >= most_seconds:
                    break
                group = self._group(segment, previous) + again
                again = False
                seconds = float(segment.end - segment.start)
                self.known.append(ListedSegment(number, seconds, group, init))
                known_seconds += seconds
            if number >= self.known[0].number and not segment.gap:
                wanted.append(Wanted(segment.piece, self.path_of(number), segment.number, media=True))
        return wanted

    def _group(self, segment: Segment, previous: Segment | None) -> int:
        """Return the group of the last segment, plus one if the playlist has a break between them."""
        if not self.known:
            return 0
        return self.known[-1].group + (segment.group != (0 if previous is None else previous.group))

    def path_of(self, number: int) -> Path:
        """Return the file of a segment."""
        return self.folder / f"{self.track}-{number:09}.seg"

    def init_path(self, number: int) -> Path:
        """Return the file of an initialisation."""
        return self.folder / f"{self.track}-init-{number}.seg"

    def init_of(self, segment: ListedSegment) -> Path | None:
        """Return the file of a segment's initialisation, if it has one."""
        return None if segment.init is None else self.init_path(segment.init)

    def has(self, segment: ListedSegment) -> bool:
        """Whether a segment is on disk together with its initialisation."""
        init = self.init_of(segment)
        return self.path_of(segment.number).exists() and (init is None or init.exists())

    def spans(self) -> list[tuple[float, float]]:
        """Return (start, end) of each known segment in seconds since the first one, by the lengths in the playlist.
        Segments that left the playlist before it was read count with the average length."""
        mean = self.seconds / len(self.known) if self.known else 0.0
        found: list[tuple[float, float]] = []
        at = 0.0
        for place, segment in enumerate(self.known):
            if place:
                at += (segment.number - self.known[place - 1].number - 1) * mean
            found.append((at, at + segment.seconds))
            at += segment.seconds
        return found

    def stretches(self) -> list[Path]:
        """Write a playlist for each unbroken stretch of segments on disk."""
        return [self.playlist(f"stretch-{number}", listed) for number, listed in enumerate(self.unbroken())]

    def unbroken(self) -> list[list[ListedSegment]]:
        """Return the segments on disk in unbroken stretches."""
        groups: list[list[ListedSegment]] = []
        for segment in self.known:
            if not self.has(segment):
                continue
            before = groups[-1][-1] if groups else None
            follows = before is not None and before.number + 1 == segment.number
            if before is not None and follows and (before.group, before.init) == (segment.group, segment.init):
                groups[-1].append(segment)
            else:
                groups.append([segment])
        return groups

    def playlist(self, name: str, listed: Sequence[ListedSegment]) -> Path:
        """Write a playlist of segments on disk, next to them."""
        longest = max(1, round(max(segment.seconds for segment in listed) + 0.5))
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{longest}", "#EXT-X-PLAYLIST-TYPE:VOD"]
        if listed[0].init is not None:
            lines.append(f'#EXT-X-MAP:URI="{self.init_path(listed[0].init).name}"')
        for segment in listed:
            lines += [f"#EXTINF:{segment.seconds:.6f},", self.path_of(segment.number).name]
        path = self.folder / f"{self.track}-{name}.m3u8"
        path.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
        return path

    def _init(self, piece: Piece | None, wanted: list[Wanted]) -> int | None:
        if piece is None:
            return None
        number = self.inits.setdefault(f"{piece.url} {piece.range} {piece.key}", len(self.inits))
        wanted.append(Wanted(piece, self.init_path(number), is_init=True))
        return number


def load(folder: Path, count: int, key: str) -> list[RecordedTrack]:
    """Load the tracks of an earlier attempt at the same stream (``key``), or empty the folder and create new ones."""
    tracks = [RecordedTrack(folder, track) for track in range(count)]
    stored: dict[str, Any] = {}
    record = folder / _NAME
    if record.is_file():
        stored = json.loads(record.read_text())
    if stored.get("key") == key and len(stored["tracks"]) == count:
        for track, fields in zip(tracks, stored["tracks"], strict=True):
            track.known, track.inits = [ListedSegment(**segment) for segment in fields["known"]], fields["inits"]
            track.numbers = SequenceNumbers(shift=fields.get("shift", 0))
    else:
        for path in folder.iterdir():
            path.unlink()
    return tracks


def save(folder: Path, tracks: list[RecordedTrack], key: str) -> None:
    """Store the tracks for a later attempt. New keys are only added, so that older versions can read the file."""
    fields = [
        {"known": [asdict(segment) for segment in track.known], "inits": track.inits, "shift": track.numbers.shift}
        for track in tracks
    ]
    write_whole(folder / _NAME, json.dumps({"key": key, "tracks": fields}).encode())
