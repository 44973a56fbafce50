"""Plans the frame size of the file: rotated, even if necessary, and not too small for the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from src.models.encode_plan import Filter, Options
from src.models.media import FrameSize, VideoStream
from src.models.outcome import Note, NoteCode
from src.models.params import Codec
from src.services.encoding.pixel_formats import layout

SMALLEST: Final[dict[Codec, int]] = {"h264": 2, "h265": 16, "av1": 2}  # libx265 refuses less than 16 pixels

_NAMED: Final = 5
PAD_PLANES: Final = "pad_planes"  # stands for several filters of FFmpeg: see ``arguments.filtered``
PLANE_SIZES: Final = ("w", "h", "full_w", "full_h", "chroma_w", "chroma_h", "full_chroma_w", "full_chroma_h")


@dataclass(frozen=True, slots=True)
class Geometry:
    """The stored size in pixels, the filters that produce it, and notes about it."""

    width: int
    height: int
    filters: tuple[Filter, ...] = ()
    notes: tuple[Note, ...] = ()


def plan_geometry(
    source: VideoStream,
    codec: Codec,
    pixel_format: str,
    *,
    lossless: bool,
    convert: Options = (),
    sizes: Sequence[FrameSize] | None = None,
) -> Geometry:
    """Plan the frame size: lossy videos are rotated and cropped to even sizes; lossless ones keep all pixels and are
    padded if necessary.

    ``sizes``: those of the source's frames, empty if unknown, None if they do not change. Of several, the largest is
    written, and the other frames keep their shape between bars. ``scale`` also converts the pixel format, with the
    options ``convert``.
    """
    largest = max(sizes or (), key=lambda size: size.width * size.height, default=None)
    first = FrameSize(source.width, source.height, source.sample_aspect)
    largest = largest if sizes and len(sizes) > 1 and largest is not None else first
    width, height, aspect = largest.width, largest.height, largest.sample_aspect
    if not lossless and source.rotation_degrees % 180:
        width, height, aspect = height, width, 1 / aspect
    wide, high = _steps(codec, pixel_format, lossless=lossless)
    # ``pad`` rounds to the source's chroma samples and does not support all formats, so exact sizes cannot rely on it.
    plain = max(layout(source.pixel_format).chroma) < 2 and not lossless
    unknown = plain and not (width % 2 or height % 2 or min(width, height) < SMALLEST[codec])
    if sizes is not None and (len(sizes) > 1 or (not sizes and unknown)):
        return _fitted((width, height), aspect, sizes, codec, convert)
    filters: list[Filter] = []
    notes: list[Note] = []
    even_width, even_height = width - width % wide, height - height % high
    if not lossless and (even_width, even_height) != (width, height) and even_width and even_height:
        size = (("w", str(even_width)), ("h", str(even_height)), ("x", "0"), ("y", "0"), ("exact", "1"))
        filters.append(Filter("crop", size))
        notes.append(Note(NoteCode.CROPPED, f"{width}x{height} became {even_width}x{even_height}: sizes must be even"))
        width, height = even_width, even_height
    filters.append(Filter("scale", (("w", str(width)), ("h", str(height)), *convert)))
    least = SMALLEST[codec]
    full_width = max(width + -width % wide, least)
    full_height = max(height + -height % high, least)
    if (full_width, full_height) != (width, height):
        filters += _padding((width, height), (full_width, full_height), pixel_format)
        text = f"{width}x{height} became {full_width}x{full_height} by repeating edge pixels, as the codec requires"
        notes.append(Note(NoteCode.PADDED, text))
    return Geometry(full_width, full_height, tuple(filters), tuple(notes))


def _fitted(
    largest: tuple[int, int], aspect: Fraction, sizes: Sequence[FrameSize], codec: Codec, convert: Options
) -> Geometry:
    """Fit frames of any size into one size: FFmpeg rebuilds the filters when the size changes."""
    least = SMALLEST[codec]
    width, height = (max(length - length % 2, 2, least) for length in largest)
    shape = f"iw*sar/ih/({aspect.numerator}/{aspect.denominator})"  # of a frame, in pixels of the result
    whole = f"eq(iw,{largest[0]})*eq(ih,{largest[1]})"
    fit_width = f"if({whole},{width},min({width},max(2,2*round({height}*({shape})/2))))"
    fit_height = f"if({whole},{height},min({height},max(2,2*round({width}/({shape})/2))))"
    bars = (("w", str(width)), ("h", str(height)), ("x", "2*floor((ow-iw)/4)"), ("y", "2*floor((oh-ih)/4)"))
    filters = (
        Filter("scale", (("w", fit_width), ("h", fit_height), *convert)),
        Filter("pad", bars),
        Filter("setsar", (("sar", f"{aspect.numerator}/{aspect.denominator}"),)),
    )
    notes: tuple[Note, ...] = ()
    if len(sizes) > 1:
        listed = ", ".join(f"{size.width}x{size.height}" for size in sizes[:_NAMED])
        listed += ", ..." if len(sizes) > _NAMED else ""
        text = f"The frame size changes ({listed}): every frame keeps its shape, scaled into {width}x{height} with bars"
        notes = (Note(NoteCode.SIZE_CHANGED, text),)
    return Geometry(width, height, filters, notes)


def _steps(codec: Codec, pixel_format: str, *, lossless: bool) -> tuple[int, int]:
    """Return the numbers of which the width and the height must be multiples."""
    if not lossless:
        return 2, 2
    if codec == "av1":
        return 1, 1
    chroma = layout(pixel_format).chroma
    return 1 << chroma[0], 1 << chroma[1]


def _padding(size: tuple[int, int], full: tuple[int, int], pixel_format: str) -> list[Filter]:
    """Return the filters that pad a frame. Each plane is padded separately if a chroma sample covers only a part of the
    border pixels, because FFmpeg's ``pad`` would overwrite it."""
    halvings = layout(pixel_format).chroma
    if not any(length % (1 << halving) for length, halving in zip(size, halvings, strict=True)):
        return pad_to(size, full)
    chroma, full_chroma = (
        [str(-(-length // (1 << halving))) for length, halving in zip(which, halvings, strict=True)]
        for which in (size, full)
    )
    luma, full_luma = map(str, size), map(str, full)
    named = zip(PLANE_SIZES, (*luma, *full_luma, *chroma, *full_chroma), strict=True)
    return [Filter(PAD_PLANES, (("pix_fmt", pixel_format), *named))]


def pad_to(size: tuple[int, int], full: tuple[int, int]) -> list[Filter]:
    """Return filters that add pixels at the right and at the bottom by repeating the border."""
    right, bottom = full[0] - size[0], full[1] - size[1]
    if (right, bottom) == (0, 0):
        return []
    canvas = (("w", str(full[0])), ("h", str(full[1])), ("x", "0"), ("y", "0"))
    smear = (("right", str(right)), ("bottom", str(bottom)), ("mode", "smear"))
    return [Filter("pad", canvas), Filter("fillborders", smear)]
