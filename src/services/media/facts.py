"""Converts PyAV's objects and numbers to the values of ``models/media.py``: colours, side data, time stamps."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

import av

from src.models.media import LightLevel, MasteringDisplay, VideoStream

# Numbers of ITU-T H.273; names of the filter setparams. (The option -color_trc has other names for 4 and 5.)
PRIMARIES: Final = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "jedec-p22",
}  # fmt: skip
TRANSFERS: Final = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
MATRICES: Final = {
    0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp",
}  # fmt: skip
RANGES: Final = {1: "tv", 2: "pc"}
FIELD_ORDERS: Final = {1: "progressive", 2: "tt", 3: "bb", 4: "tb", 5: "bt"}
# Names of PyAV's side data.
DYNAMIC: Final = {"DOVI_METADATA": "Dolby Vision", "DOVI_RPU_BUFFER": "Dolby Vision", "DYNAMIC_HDR_PLUS": "HDR10+",
                  "DYNAMIC_HDR_VIVID": "HDR Vivid"}  # fmt: skip
_UNSPECIFIED: Final = 2
_SANE_RATE: Final = 100_000
_SILENCE_SECONDS: Final = 1.0
_MOST_SILENCES: Final = 25_000  # together longer than any silence that is filled


def codec_name(context: Any) -> str:
    """Return the name of the codec, not of its decoder (av1, not libdav1d)."""
    return str(context.codec.canonical_name)


def rate(value: Fraction | None) -> Fraction | None:
    """Return a rate or ratio, or None if the value in the container is impossible."""
    return value if value is not None and 0 < value < _SANE_RATE else None


def stream_seconds(stream: Any, ticks: int | None) -> float | None:
    """Convert ticks of the stream to seconds."""
    return None if ticks is None or stream.time_base is None else float(ticks * stream.time_base)


def tag_text(tag: Any) -> str | None:
    """Return the container's four letters for a codec, if they are printable."""
    text = tag if isinstance(tag, str) else ""
    return text if text.isprintable() and text.strip() else None


def with_frames(known: VideoStream, frames: Sequence[Any]) -> VideoStream:
    """Add the orientation, scan, colours and light levels of the first decoded frames to ``known``."""
    first = frames[0]
    side = {data.type.name: bytes(data) for data in (first.side_data[i] for i in range(len(first.side_data)))}
    rotation, mirrored = orientation(side["DISPLAYMATRIX"]) if "DISPLAYMATRIX" in side else (0, False)
    return dataclasses.replace(
        known,
        width=first.width,
        height=first.height,
        pixel_format=first.format.name,
        rotation_degrees=rotation,
        mirrored=mirrored,
        interlaced=sum(frame.interlaced_frame for frame in frames) * 2 > len(frames),
        color_primaries=named(PRIMARIES, first.color_primaries) or known.color_primaries,
        color_transfer=named(TRANSFERS, first.color_trc) or known.color_transfer,
        color_space=named(MATRICES, first.colorspace) or known.color_space,
        color_range=RANGES.get(first.color_range) or known.color_range,
        light_level=light_level(side.get("CONTENT_LIGHT_LEVEL", b"")),
        mastering=mastering(side.get("MASTERING_DISPLAY_METADATA", b"")),
        alpha=known.alpha or transparent_palette(first),
        dynamic_metadata=tuple(sorted({DYNAMIC[name] for name in side if name in DYNAMIC})),
    )


def transparent_palette(frame: Any) -> bool:
    """Whether a pixel of a frame uses a palette colour that is not opaque; the palette is 32-bit BGRA."""
    if frame.format.name != "pal8" or len(frame.planes) < 2:
        return False
    stored, colors = frame.planes[0], bytes(frame.planes[1])
    pixels, line = bytes(stored), stored.line_size
    used = set[int]().union(*(pixels[begin : begin + frame.width] for begin in range(0, frame.height * line, line)))
    return any(colors[4 * number + 3] < 255 for number in used if 4 * number + 3 < len(colors))


def orientation(matrix: bytes) -> tuple[int, bool]:
    """Read degrees counter-clockwise (0, 90, 180, 270) and whether the frame is mirrored from a display matrix.

    The matrix has nine 32-bit numbers; only the upper left 2 x 2 of the 3 x 3 rotate the frame.
    """
    if len(matrix) < 36:
        return 0, False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, c = -a, -c
    if abs(a) >= abs(b):
        return (0 if a >= 0 else 180), mirrored
    return (270 if b > 0 else 90), mirrored


def named(names: dict[int, str], number: int) -> str | None:
    """Return the name of a colour's number: None if it is unspecified (2), ``reserved`` if it has no name."""
    return names.get(number, None if number in (_UNSPECIFIED, None) else "reserved")


def mastering(data: bytes) -> MasteringDisplay | None:
    """Read an AVMasteringDisplayMetadata: eight coordinates and two luminances as fractions, and which are present."""
    if len(data) < 88:
        return None
    numbers = struct.unpack("=22i", data[:88])
    if not (numbers[20] and numbers[21]) or not all(numbers[place] for place in range(1, 20, 2)):
        return None
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y, least, most = (
        numbers[place] / numbers[place + 1] for place in range(0, 20, 2)
    )
    primaries = ((red_x, red_y), (green_x, green_y), (blue_x, blue_y))
    return MasteringDisplay(primaries, (white_x, white_y), least, most)


def light_level(data: bytes) -> LightLevel | None:
    """Read an AVContentLightMetadata: MaxCLL and MaxFALL."""
    if len(data) < 8:
        return None
    brightest, average = struct.unpack("=2I", data[:8])
    return LightLevel(brightest, average) if brightest or average else None


class Axis:
    """Collects the times of one stream's packets or frames while they are read."""

    def __init__(self, time_base: Fraction | None = None) -> None:
        """``time_base``: that of all packets of the stream, which saves asking each of thousands for it."""
        self.units = self.keyframes = 0
        self._base = time_base
        self._started = False
        self.times: list[float] = []
        self.spans: list[tuple[float, float]] = []
        self.end: float | None = None

    def take(self, units: Iterable[Any]) -> None:
        """Count packets or frames, except empty flush packets and those that an edit list hides."""
        for unit in units:
            packet = isinstance(unit, av.Packet)
            key = bool(unit.is_keyframe if packet else getattr(unit, "key_frame", True))
            if key and not self._started:  # units before the first key frame cannot be shown
                self._started, self.units, self.times, self.spans, self.end = True, 0, [], [], None
            if packet and (unit.size == 0 or unit.is_discard):
                continue
            self.units += 1
            self.keyframes += key
            base = self._base if packet and self._base is not None else unit.time_base
            pts = unit.pts
            if pts is None or base is None:
                continue
            top, bottom = base.numerator, base.denominator
            start = pts * top / bottom  # rounded once, as float(Fraction) does
            length = (unit.duration or 0) * top / bottom
            self.times.append(start)
            self.spans.append((start, start + length))
            self.end = max(self.end or start, start + length)


def silences(spans: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Find gaps of more than a second between the spans, in order; if there are too many, only the first ones."""
    found: list[tuple[float, float]] = []
    end: float | None = None
    for start, stop in sorted(spans):
        if end is not None and start - end > _SILENCE_SECONDS:
            found.append((end, start))
        end = stop if end is None else max(end, stop)
    return tuple(found[:_MOST_SILENCES])
