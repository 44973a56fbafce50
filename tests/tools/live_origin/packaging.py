"""How a film goes on air: as MPEG-TS or fragmented MP4, with the sound inside or in a playlist of its own."""

from __future__ import annotations

import functools
import itertools
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.tools.media_kit import FFMPEG, Film, cached_file, make_film

SEGMENT_SECONDS = 2
FPS = 25
TURN_SECONDS = Fraction(2**33, 90_000)
"""After so many seconds the clock of MPEG-TS begins anew."""
_TRACKS = {False: {"both": "0"}, True: {"picture": "0:v", "sound": "0:a"}}


@dataclass(frozen=True)
class Track:
    """One playlist of a film: its initialisation, its segments, and the length of each in seconds."""

    init: bytes | None
    segments: list[bytes]
    lengths: list[Fraction]

    @functools.cached_property
    def starts(self) -> list[Fraction]:
        """When each segment begins, in seconds of the film."""
        return [Fraction(0), *itertools.accumulate(self.lengths)][:-1]


@dataclass(frozen=True)
class Programme:
    """A film, and how it is packaged. ``first_time`` is the presentation time at which it begins, in seconds: not at 0,
    where pictures that are decoded earlier than shown, and sound that is heard before, would be moved to fit."""

    film: Film
    fragmented: bool = False
    sound_apart: bool = False
    first_time: Fraction = Fraction(10)

    @functools.cached_property
    def tracks(self) -> dict[str, Track]:
        """``both``, or ``picture`` and ``sound``."""
        package = cached_file(f"live 1 {self!r}", ".zip", self._pack)
        with zipfile.ZipFile(package) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        return {name: _track(files, name) for name in _TRACKS[self.sound_apart]}

    def _pack(self, package: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            whole = make_film(folder / "whole.ts", self.film)
            command = [FFMPEG, "-v", "error", "-nostdin", "-i", str(whole)]
            for name, streams in _TRACKS[self.sound_apart].items():
                command += ["-map", streams, "-c", "copy", "-output_ts_offset", str(float(self.first_time))]
                command += ["-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_list_size", "0"]
                if self.fragmented:
                    command += ["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", f"{name}-init"]
                    command += [] if name == "picture" else ["-bsf:a", "aac_adtstoasc"]
                suffix = "m4s" if self.fragmented else "ts"
                command += ["-hls_segment_filename", f"{name}-%05d.{suffix}", f"{name}.m3u8"]
            subprocess.run(command, check=True, cwd=folder)
            whole.unlink()
            # MPEG-TS of small pictures is mostly stuffing.
            with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(folder.iterdir()):
                    archive.write(path, path.name)


def _track(files: dict[str, bytes], name: str) -> Track:
    lines = files[f"{name}.m3u8"].decode().splitlines()
    lengths = [Fraction(line.removeprefix("#EXTINF:").rstrip(",")) for line in lines if line.startswith("#EXTINF:")]
    names = [line for line in lines if line and not line.startswith("#")]
    return Track(files.get(f"{name}-init"), [files[each] for each in names], lengths)


def programme(
    seconds: int,
    *,
    size: tuple[int, int] = (256, 144),
    first_frame_number: int = 0,
    bframes: int = 0,
    fragmented: bool = False,
    sound_apart: bool = False,
    first_time: Fraction = Fraction(10),
) -> Programme:
    """A film whose frames are numbered on from ``first_frame_number``, in segments of two seconds."""
    film = Film(
        size=size,
        seconds=Fraction(seconds),
        gop_frames=SEGMENT_SECONDS * FPS,
        bframes=bframes,
        crf=38,
        audio_bitrate="32k",
        first_frame_number=first_frame_number,
    )
    return Programme(film, fragmented, sound_apart, first_time)
