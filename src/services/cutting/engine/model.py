"""Defines the order for a cut, what is retained of its source, and the report about a finished clip."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from src.models.captured import Captured
from src.models.media_source import ClipSource, Mode, NetworkSettings, SourceUnreadable, TimeRange
from src.models.outcome import Note

Method = Literal["smart", "copy", "reencode"]
Call = Literal["clip", "clips", "parts", "whole", "runs", "copies"]
"""What the engine can be asked to do with an order; see ``cutting/engine/engine.py``."""


class Discontinuous(SourceUnreadable):
    """The format of its video changes within the clip: it can only be cut in parts."""


class SmartImpossible(Exception):
    """Frames of this stream cannot be copied next to new ones; the clip has to be encoded as a whole."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Where a call leaves what it fetched and finds what an earlier one left: a folder for these formats only.

    ``padding`` is how many seconds beside the range are wanted, as far as they cost few bytes; nothing is left of a
    source of which more than ``most_bytes`` would have to be kept.
    """

    folder: Path
    padding: Fraction = Fraction(0)
    most_bytes: int = 1 << 40

    @property
    def spool(self) -> Path:
        """The bytes that are retained."""
        return self.folder / "fetched"


@dataclass(frozen=True, slots=True)
class Sharing:
    """Where a call finds what other jobs fetched of its tracks, and where it leaves its own for them.

    ``folders``: one for each track, which the call only reads. ``leaves`` is a folder of its own.
    """

    folders: tuple[Path, ...]
    leaves: Path

    @property
    def list_file(self) -> Path:
        """The list of what the call leaves, written when it succeeds."""
        return self.leaves / "fetched.json"

    @property
    def spool(self) -> Path:
        """The bytes, unless they are retained (``Keep.spool``)."""
        return self.leaves / "fetched"


@dataclass(frozen=True, slots=True)
class CutOrder:
    """One request to the engine, built by the use case that chose the formats and passed on unchanged.

    ``ranges`` and ``outputs`` belong together; the suffix of an output (.mp4, .webm) is its container. The ranges of
    captured segments are wall clock time (seconds since 1970). ``work_dir`` is an existing folder for temporary files.
    ``mode``: ``exact`` copies what it can and encodes the edges; ``keyframe`` encodes nothing and may show more;
    ``reencode`` encodes everything. ``ffmpeg`` is the program for frames that the linked encoders do not support (VP9
    of more than 8 bits). ``from_key_frame``: with ``keyframe``, an MP4 also shows the frames before the range.
    """

    source: ClipSource | Captured
    ranges: tuple[TimeRange, ...]
    outputs: tuple[Path, ...]
    work_dir: Path
    network: NetworkSettings
    mode: Mode = "exact"
    ffmpeg: Path | None = None
    keep: Keep | None = None
    share: Sharing | None = None
    from_key_frame: bool = False

    @property
    def range(self) -> TimeRange:
        """The only range."""
        (only,) = self.ranges
        return only

    @property
    def output(self) -> Path:
        """The only output."""
        (only,) = self.outputs
        return only

    def part(self, number: int) -> Path:
        """Where a part of the only output is written, before all of them are joined."""
        return self.output.with_name(f"part{number}{self.output.suffix}")

    @property
    def reads(self) -> tuple[Path, ...]:
        """The folders that the engine reads."""
        captured = (self.source.folder,) if isinstance(self.source, Captured) else ()
        return captured if self.share is None else (*captured, *self.share.folders)

    @property
    def writes(self) -> tuple[Path, ...]:
        """The folders that the engine writes to."""
        folders = [self.work_dir, *(output.parent for output in self.outputs)]
        if self.keep is not None:
            folders.append(self.keep.folder)
        if self.share is not None:
            folders.append(self.share.leaves)
        return tuple(dict.fromkeys(folders))


@dataclass(frozen=True, slots=True)
class ClipReport:
    """A finished clip, as the engine describes it. ``actual`` is from the first frame to the end of the last one, in
    time of the source. ``seconds`` is the length of the file, where that time is a wall clock, which may differ from it
    by some hundredths of a second.

    ``bytes_fetched`` counts everything that arrived since the previous clip of the same call, indexes included.
    ``sound`` is where the clip has sound, in seconds of the clip; None: nowhere.
    ``kept``: any clip inside of it can be cut from what was left (see ``Keep``) without another byte.
    """

    requested: TimeRange
    actual: TimeRange
    method: Method
    bytes_fetched: int
    encoded_frames: int
    copied_frames: int
    notes: tuple[Note, ...] = ()
    sound: TimeRange | None = None
    kept: TimeRange | None = None
    seconds: Fraction | None = None

    @property
    def length(self) -> Fraction:
        """The length of the clip in seconds."""
        return self.actual.end - self.actual.start if self.seconds is None else self.seconds
