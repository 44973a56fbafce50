"""Films cut into fragments, from which segments of any length are put together, with the text that states their time.

The shape is that of real segments: the initialisation, the text in an ``emsg`` box, then one or more fragments. The
binary id of the text ends in a letter.
"""

from __future__ import annotations

import bisect
import functools
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.tools.media_kit import FFMPEG, Film, cached_file, cached_film
from tests.tools.media_kit.boxes import boxes

GROUP_SECONDS = Fraction(2, 5)
FPS = 25
_SCHEME = b"http://youtube.com/streaming/metadata/segment/102015"


@dataclass(frozen=True)
class NumberedTrack:
    """One format: a film whose fragments can be repeated without end. ``seconds`` is the length of the film."""

    itag: int
    film: Film
    suffix: str
    mime: str

    @property
    def has_video(self) -> bool:
        """Whether it is the picture."""
        return self.film.codec is not None

    @functools.cached_property
    def _parts(self) -> tuple[bytes, list[tuple[Fraction, bytes]]]:
        init, found, pending = b"", [], b""
        scale = 1
        for kind, box in boxes(cached_film(self.film, self.suffix).read_bytes()):
            if kind in (b"ftyp", b"moov"):
                init += box
                scale = _time_scale(box) if kind == b"moov" else scale
            elif kind == b"moof":
                pending = box
            elif kind == b"mdat":
                found.append((Fraction(_decode_time(pending), scale), pending + box))
        return init, found

    @property
    def init(self) -> bytes:
        """The initialisation section."""
        return self._parts[0]

    @functools.cached_property
    def scale(self) -> int:
        """Units of a second."""
        return next(_time_scale(box) for kind, box in boxes(self.init) if kind == b"moov")

    def media(self, start: Fraction, end: Fraction, offset: Fraction) -> bytes:
        """The fragments that start in [start, end) of the endless film; ``offset`` is added to their times."""
        length, chosen = self.film.seconds, []
        for turn in range(int(start // length), int(-(-end // length))):
            moved = turn * length
            parts = self._parts[1]
            first = bisect.bisect_left(parts, start - moved, key=lambda part: part[0])
            last = bisect.bisect_left(parts, end - moved, key=lambda part: part[0])
            units = round((moved + offset) * self.scale)
            chosen += [self._moved(fragment, units) for _, fragment in parts[first:last]]
        return b"".join(chosen)

    def head(self, text: bytes, *, init: bool) -> bytes:
        """What comes before the media of a segment."""
        return (self.init if init else b"") + emsg(text)

    def _moved(self, fragment: bytes, units: int) -> bytes:
        at = fragment.index(b"tfdt") + 8
        return fragment[:at] + (_decode_time(fragment) + units).to_bytes(8, "big") + fragment[at + 8 :]


def emsg(text: bytes) -> bytes:
    """The box with the text of a segment, version 0."""
    content = bytes(4) + _SCHEME + b"\0" + b"\0" + (1).to_bytes(4, "big") + bytes(8) + b"\x07\x00\x1aV" + text
    return (len(content) + 8).to_bytes(4, "big") + b"emsg" + content


@dataclass(frozen=True)
class WebmTrack(NumberedTrack):
    """The same in WebM: the text is a tag, and every group of pictures a cluster with an absolute time."""

    @functools.cached_property
    def _parts(self) -> tuple[bytes, list[tuple[Fraction, bytes]]]:
        package = cached_file(f"webm chunks 1 {self.film!r}", ".zip", self._cut)
        with zipfile.ZipFile(package) as archive:
            init = archive.read("init")
            chunks = [archive.read(name) for name in sorted(archive.namelist()) if name != "init"]
        return init, [(Fraction(_cluster_time(chunk)[0], 1000), chunk) for chunk in chunks]

    @property
    def scale(self) -> int:
        """Units of a second."""
        return 1000

    def head(self, text: bytes, *, init: bool) -> bytes:
        """The initialisation with the text in it."""
        assert init
        names = _element(b"\x45\xa3", _SCHEME) + _element(b"\x44\x87", text)
        tags = _element(b"\x12\x54\xc3\x67", _element(b"\x73\x73", _element(b"\x67\xc8", names)))
        at = self.init.index(b"\x18\x53\x80\x67") + 12
        return self.init[:at] + tags + self.init[at:]

    def _moved(self, fragment: bytes, units: int) -> bytes:
        time, rest = _cluster_time(fragment)
        unknown = b"\x01" + b"\xff" * 7
        return b"\x1f\x43\xb6\x75" + unknown + _element(b"\xe7", (time + units).to_bytes(8, "big")) + rest

    def _cut(self, package: Path) -> None:
        with tempfile.TemporaryDirectory() as place:
            source = cached_film(self.film, self.suffix)
            command = [
                FFMPEG,
                "-v",
                "error",
                "-nostdin",
                "-i",
                str(source),
                "-map",
                "0:v",
                "-c",
                "copy",
                "-f",
                "webm_chunk",
            ]
            command += ["-header", "init", "-chunk_start_index", "0", "chunk-%05d"]
            subprocess.run(command, check=True, cwd=place)
            with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(Path(place).iterdir()):
                    archive.write(path, path.name)


def avc_track(
    seconds: int, *, itag: int = 160, size: tuple[int, int] = (256, 144), first_frame: int = 0
) -> NumberedTrack:
    """Video in H.264, with a key frame every 0.4 s."""
    film = Film(
        size=size,
        seconds=Fraction(seconds),
        gop_frames=int(GROUP_SECONDS * FPS),
        crf=38,
        audio=None,
        first_frame_number=first_frame,
        fragmented="plain",
        extra=("-movflags", "+empty_moov+default_base_moof+frag_keyframe"),
    )
    return NumberedTrack(itag, film, ".mp4", 'video/mp4; codecs="avc1.64000C"')


def vp9_track(seconds: int, *, itag: int = 278, size: tuple[int, int] = (256, 144)) -> NumberedTrack:
    """Video in VP9, with a key frame every 0.4 s."""
    gop = int(GROUP_SECONDS * FPS)
    film = Film(codec="vp9", size=size, seconds=Fraction(seconds), gop_frames=gop, crf=50, audio=None)
    return WebmTrack(itag, film, ".webm", 'video/webm; codecs="vp9"')


def aac_track(seconds: int, *, itag: int = 140, first_frame: int = 0) -> NumberedTrack:
    """Audio in AAC, one fragment for each packet."""
    film = Film(
        codec=None,
        audio_bitrate="32k",
        seconds=Fraction(seconds),
        first_frame_number=first_frame,
        fragmented="plain",
        extra=("-movflags", "+empty_moov+default_base_moof", "-frag_duration", "1"),
    )
    return NumberedTrack(itag, film, ".m4a", 'audio/mp4; codecs="mp4a.40.2"')


def _time_scale(moov: bytes) -> int:
    at = moov.index(b"mdhd") + 4
    return int.from_bytes(moov[at + 12 : at + 16] if moov[at] == 0 else moov[at + 20 : at + 24], "big")


def _decode_time(moof: bytes) -> int:
    at = moof.index(b"tfdt") + 4
    assert moof[at] == 1
    return int.from_bytes(moof[at + 4 : at + 12], "big")


def _cluster_time(cluster: bytes) -> tuple[int, bytes]:
    """(the absolute time of a cluster in ms, what follows it)."""
    at = cluster.index(b"\xe7", 4)
    end = at + 2 + (cluster[at + 1] & 0x7F)
    return int.from_bytes(cluster[at + 2 : end], "big"), cluster[end:]


def _element(name: bytes, content: bytes) -> bytes:
    return name + (len(content) | 1 << 28).to_bytes(4, "big") + content
