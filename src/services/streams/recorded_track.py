"""What is known of a stream's tracks: segments, stretches without a break, and the record of both beside the pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.services.hls.playlist import Piece, Segment
from src.services.streams.collector import Wanted
from src.services.streams.sequence import Sequence as Numbers
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
    initialisations apart: the number of each. Numbers go on where a playlist begins to count again."""

    def __init__(self, folder: Path, track: int) -> None:
        self.folder, self.track = folder, track
        self.known: list[Cut] = []
        self.inits: dict[str, int] = {}
        self.numbers = Numbers()

    @property
    def seconds(self) -> float:
        """How much is known."""
        return sum(cut.seconds for cut in self.known)

    def restart(self) -> None:
        """Forget what was listed; the files stay, and are found again when they are listed again."""
        self.known.clear()
        self.numbers = Numbers()

    def add(
        self, segments: list[Segment], *, most_seconds: float | None = None, elapsed_seconds: float | None = None
    ) -> list[Wanted]:
        """Take up new segments, up to the limit; what is to be fetched of all that were taken up.

        Segments that the playlist lists and does not have (``EXT-X-GAP``) are known and never asked for.
        ``elapsed_seconds`` is how long ago the playlist was read before, in a live stream.
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
                cut = Cut(number, float(segment.end - segment.start), group, init)
                self.known.append(cut)
                known_seconds += cut.seconds
            if number >= self.known[0].number and not segment.gap:
                wanted.append(Wanted(segment.piece, self.path_of(number), segment.number, media=True))
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

    def has(self, cut: Cut) -> bool:
        """Whether a segment is on disk, and the initialisation without which it is worth nothing."""
        return self.path_of(cut.number).exists() and (cut.init is None or self.init_path(cut.init).exists())

    def spans(self) -> list[tuple[float, float]]:
        """From when to when each known segment lasts, in seconds since the first one, by the lengths that the playlist
        tells. Segments that left the playlist before it was read are taken to be of average length."""
        mean = self.seconds / len(self.known) if self.known else 0.0
        found: list[tuple[float, float]] = []
        at = 0.0
        for place, cut in enumerate(self.known):
            if place:
                at += (cut.number - self.known[place - 1].number - 1) * mean
            found.append((at, at + cut.seconds))
            at += cut.seconds
        return found

    def stretches(self) -> list[Path]:
        """Playlists of what is on disk, one for each stretch without a break."""
        return [self.playlist(f"stretch-{number}", cuts) for number, cuts in enumerate(self.unbroken())]

    def unbroken(self) -> list[list[Cut]]:
        """What is on disk, in stretches without a break."""
        groups: list[list[Cut]] = []
        for cut in self.known:
            if not self.has(cut):
                continue
            before = groups[-1][-1] if groups else None
            follows = before is not None and before.number + 1 == cut.number
            if before is not None and follows and (before.group, before.init) == (cut.group, cut.init):
                groups[-1].append(cut)
            else:
                groups.append([cut])
        return groups

    def playlist(self, name: str, cuts: Sequence[Cut]) -> Path:
        """A playlist of segments on disk, beside them."""
        longest = max(1, round(max(cut.seconds for cut in cuts) + 0.5))
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{longest}", "#EXT-X-PLAYLIST-TYPE:VOD"]
        if cuts[0].init is not None:
            lines.append(f'#EXT-X-MAP:URI="{self.init_path(cuts[0].init).name}"')
        for cut in cuts:
            lines += [f"#EXTINF:{cut.seconds:.6f},", self.path_of(cut.number).name]
        path = self.folder / f"{self.track}-{name}.m3u8"
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
            tape.numbers = Numbers(shift=told.get("shift", 0))
    else:
        for path in folder.iterdir():
            path.unlink()
    return tapes


def save(folder: Path, tapes: list[Tape], key: str) -> None:
    """Keep what is known for a later attempt. Keys that older versions do not know are beside those that they do."""
    tracks = [
        {"known": [asdict(cut) for cut in tape.known], "inits": tape.inits, "shift": tape.numbers.shift}
        for tape in tapes
    ]
    write_whole(folder / _NAME, json.dumps({"key": key, "tracks": tracks}).encode())
