"""Chooses the pixel format of an encode by source and codec, for lossless and lossy encodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av

from src.models.outcome import Note, NoteCode
from src.models.params import Codec

_SUBSAMPLING: Final = {(0, 0): "444", (1, 0): "422", (1, 1): "420"}
_LOSSLESS_BITS: Final[dict[Codec, int]] = {"h264": 10, "h265": 12, "av1": 12}
_CODEC_NAMES: Final[dict[Codec, str]] = {"h264": "H.264", "h265": "H.265", "av1": "AV1"}


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """The structure of a pixel format: bits per sample, halvings of the chroma, and its kind.

    ``indirect``: a palette, or fewer than 8 bits, which not every conversion expands to the full range.
    """

    bits: int
    chroma: tuple[int, int]
    rgb: bool = False
    gray: bool = False
    alpha: bool = False
    indirect: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The pixel format and the encoder, and notes about what is lost."""

    pixel_format: str
    encoder: str
    notes: tuple[Note, ...] = ()


def layout(pixel_format: str) -> PixelLayout:
    """Return the layout of one of FFmpeg's formats; an unknown name counts as 8-bit 4:2:0."""
    try:
        known = av.VideoFormat(pixel_format, 64, 64)
    except ValueError:
        return PixelLayout(8, (1, 1))
    parts = known.components
    alpha = any(part.is_alpha for part in parts)
    if known.has_palette or known.is_rgb:
        bits = 8 if known.has_palette else parts[0].bits
        indirect = known.has_palette or bits < 8
        return PixelLayout(bits, (0, 0), rgb=True, alpha=alpha, indirect=indirect)
    if len(parts) - alpha < 3:
        return PixelLayout(max(8, parts[0].bits), (0, 0), gray=True, alpha=alpha)
    halvings = (64 // parts[1].width).bit_length() - 1, (64 // parts[1].height).bit_length() - 1
    return PixelLayout(parts[0].bits, halvings, alpha=alpha)


def lossless_target(source: str, codec: Codec) -> Target:
    """Choose the nearest format in which the codec can store every sample."""
    had = layout(source)
    notes = _alpha(had)
    bits = next((size for size in (8, 10, 12) if had.bits <= size), 12)
    most = 8 if had.rgb and codec == "h264" else _LOSSLESS_BITS[codec]
    if had.bits > most:
        notes += (_fewer_bits(had.bits, most, codec),)
    elif bits != had.bits and had.bits > 8:
        text = f"The {had.bits}-bit samples are stored as {bits}-bit samples"
        notes += (Note(NoteCode.PIXELS_CONVERTED, text),)
    bits = min(bits, most)
    if had.rgb:
        name = "rgb24" if codec == "h264" else "gbrp"
    elif had.gray:
        name = "yuv420p" if codec == "h264" and bits == 8 else "gray"
    else:
        if had.chroma not in _SUBSAMPLING:
            text = "No codec supports the source's chroma layout; the colour is stored in full resolution (4:4:4)"
            notes += (Note(NoteCode.PIXELS_CONVERTED, text),)
        name = f"yuv{_SUBSAMPLING.get(had.chroma, '444')}p"
    return Target(name if bits == 8 else f"{name}{bits}le", _lossless_encoder(codec, name, bits), notes)


def lossy_target(source: str, codec: Codec, *, hdr_to_sdr: bool) -> Target:
    """Choose a format that all players support: 4:2:0, with 10 bits if the source and the codec's main profile do."""
    had = layout(source)
    notes = _alpha(had)
    bits = 8 if codec == "h264" or had.bits <= 8 else 10
    if had.bits > bits and not hdr_to_sdr and not (bits == 10 and had.bits > 12):
        notes += (_fewer_bits(had.bits, bits, codec),)
    if not had.gray and had.chroma != (1, 1):
        notes += (
            Note(NoteCode.CHROMA_REDUCED, "The colour is stored in half resolution (4:2:0), which all players support"),
        )
    encoder = {"h264": "libx264", "h265": "libx265", "av1": "libsvtav1"}[codec]
    return Target("yuv420p" if bits == 8 else "yuv420p10le", encoder, notes)


def _lossless_encoder(codec: Codec, name: str, bits: int) -> str:
    if codec == "h264":
        return "libx264rgb" if name == "rgb24" else "libx264"
    if codec == "h265":
        return "libx265"
    return "libsvtav1" if name == "yuv420p" and bits == 8 else "libaom-av1"  # SVT-AV1 is exact in 8-bit 4:2:0 only


def _alpha(had: PixelLayout) -> tuple[Note, ...]:
    return (Note(NoteCode.ALPHA_DROPPED, "The transparency was removed"),) if had.alpha else ()


def _fewer_bits(had: int, bits: int, codec: Codec) -> Note:
    return Note(
        NoteCode.BIT_DEPTH_REDUCED, f"{had}-bit samples became {bits}-bit samples, the most of {_CODEC_NAMES[codec]}"
    )
