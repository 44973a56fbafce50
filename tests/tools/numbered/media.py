"""Films cut into fragments, from which segments of any length are put together, with the text that states their time.

The shape is that of real segments: the initialisation, the text in an ``emsg`` box, then one or more fragments. The
binary id of the text ends in a letter.
"""

from __future__ import annotations

import bisect
import functools
from dataclasses import dataclass
from fractions import Fraction

from tests.tools.media_kit import Film, cached_film
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
            chosen += [_moved(fragment, units) for _, fragment in parts[first:last]]
        return b"".join(chosen)


def emsg(text: bytes) -> bytes:
    """The box with the text of a segment, version 0."""
    content = bytes(4) + _SCHEME + b"\0" + b"\0" + (1).to_bytes(4, "big") + bytes(8) + b"\x07\x00\x1aV" + text
    return (len(content) + 8).to_bytes(4, "big") + b"emsg" + content


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


def _moved(fragment: bytes, units: int) -> bytes:
    at = fragment.index(b"tfdt") + 8
    return fragment[:at] + (_decode_time(fragment) + units).to_bytes(8, "big") + fragment[at + 8 :]
