"""What is known of a stream's tracks: segments, stretches without a break, and the record of both beside the pieces."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.services.clip.hls_playlist import Piece, Segment
from src.services.stream.collector import Wanted
from src.utils.whole_file import write_whole

_NAME = "tape.json"


@dataclass(frozen=True, slots=True)
class Cut:
    """A segment: its place in the count of its playlist, length in seconds, stretch, and initialisation.

    ``group`` counts the breaks since the first segment of the tape: a playlist that moves on counts anew.
    """

    number: int
    seconds: float
    group: int
    init: int | None


class Tape:
    """The segments of one track, in order. ``known`` may be longer than what is on disk; ``inits`` tells the
    initialisations apart: the number of each."""

    def __init__(self, folder: Path, track: int) -> None:
        self.folder, self.track = folder, track
        self.known: list[Cut] = []
        self.inits: dict[str, int] = {}

    @property
    def seconds(self) -> float:
        """How much is known."""
        return sum(cut.seconds for cut in self.known)

    def add(self, segments: list[Segment], *, most_seconds: float | None = None) -> list[Wanted]:
        """Take up new segments, up to the limit; what is to be fetched of all that were taken up."""
        wanted: list[Wanted] = []
        before: Segment | None = None
        known_seconds = self.seconds
        for segment in segments:
            previous, before = before, segment
            if segment.gap:
                continue
            init = self._init(segment.init, wanted)
            if not self.known or segment.number > self.known[-1].number:
                if most_seconds is not None and known_seconds >= most_seconds:
                    break
                group = self._group(segment, previous)
                cut = Cut(segment.number, float(segment.end - segment.start), group, init)
                self.known.append(cut)
                known_seconds += cut.seconds
            if segment.number >= self.known[0].number:
                wanted.append(Wanted(segment.piece, self.path_of(segment.number), segment.number))
        return wanted

    def _group(self, segment: Segment, previous: Segment | None) -> int:
        """One more than that of the last segment, if the playlist has a break between them."""
        if not self.known:
            return 0
        return self.known[-1].group + (segment.group != (0 if previous is None else previous.group))

    def path_of(self, number: int) -> Path:
        """The file of a segment."""
        return self.folder / f"{self.track}-{number:09}.seg"

    def init_path(self, number: int) -> Path:
        """The file of an initialisation."""
        return self.folder / f"{self.track}-init-{number}.seg"

    def stretches(self) -> list[Path]:
        """Playlists of what is on disk, one for each stretch without a break."""
        groups: list[list[Cut]] = []
        for cut in self.known:
            if not self.path_of(cut.number).exists():
                continue
            before = groups[-1][-1] if groups else None
            follows = before is not None and before.number + 1 == cut.number
            if before is not None and follows and (before.group, before.init) == (cut.group, cut.init):
                groups[-1].append(cut)
            else:
                groups.append([cut])
        return [self._playlist(number, cuts) for number, cuts in enumerate(groups)]

    def _playlist(self, number: int, cuts: list[Cut]) -> Path:
        longest = max(1, round(max(cut.seconds for cut in cuts) + 0.5))
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{longest}", "#EXT-X-PLAYLIST-TYPE:VOD"]
        if cuts[0].init is not None:
            lines.append(f'#EXT-X-MAP:URI="{self.init_path(cuts[0].init).name}"')
        for cut in cuts:
            lines += [f"#EXTINF:{cut.seconds:.6f},", self.path_of(cut.number).name]
        path = self.folder / f"{self.track}-stretch-{number}.m3u8"
        path.write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
        return path

    def _init(self, piece: Piece | None, wanted: list[Wanted]) -> int | None:
        if piece is None:
            return None
        number = self.inits.setdefault(f"{piece.url} {piece.range} {piece.key}", len(self.inits))
        wanted.append(Wanted(piece, self.init_path(number), is_init=True))
        return number


def load(folder: Path, tracks: int, key: str) -> list[Tape]:
    """The tapes of an earlier attempt at the same stream (``key``); new ones, in an empty folder, if there are none."""
    tapes = [Tape(folder, track) for track in range(tracks)]
    stored: dict[str, Any] = {}
    record = folder / _NAME
    if record.is_file():
        stored = json.loads(record.read_text())
    if stored.get("key") == key and len(stored["tracks"]) == tracks:
        for tape, told in zip(tapes, stored["tracks"], strict=True):
            tape.known, tape.inits = [Cut(**cut) for cut in told["known"]], told["inits"]
    else:
        for path in folder.iterdir():
            path.unlink()
    return tapes


def save(folder: Path, tapes: list[Tape], key: str) -> None:
    """Keep what is known for a later attempt."""
    tracks = [{"known": [asdict(cut) for cut in tape.known], "inits": tape.inits} for tape in tapes]
    write_whole(folder / _NAME, json.dumps({"key": key, "tracks": tracks}).encode())
