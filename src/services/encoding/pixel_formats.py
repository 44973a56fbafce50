"""Chooses the pixel format of an encode by source and codec, for lossless and lossy encodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import av

from src.errors import FormatNotAvailable
from src.models.abilities import Abilities
from src.models.outcome import Note, NoteCode
from src.models.params import Codec

_SUBSAMPLING: Final = {(0, 0): "444", (1, 0): "422", (1, 1): "420"}
_LOSSLESS_BITS: Final[dict[Codec, int]] = {"h264": 10, "h265": 12, "av1": 12}
# In the order of preference: libaom needs several times as long as SVT-AV1.
_LOSSY_ENCODERS: Final[dict[Codec, tuple[str, ...]]] = {
    "h264": ("libx264",),
    "h265": ("libx265",),
    "av1": ("libsvtav1", "libaom-av1"),
}
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


def lossless_target(source: str, codec: Codec, able: Abilities | None = None) -> Target:
    """Choose the nearest format in which the codec can store every sample, and an encoder that is exact in it.

    Raises:
        FormatNotAvailable: the program, whose abilities are ``able``, has no such encoder.
    """
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
    form = name if bits == 8 else f"{name}{bits}le"
    for encoder in _lossless_encoders(codec, form):
        if able is None or able.lossless(encoder, form):
            return Target(form, encoder, notes)
    raise FormatNotAvailable(
        f"The FFmpeg of this server has no encoder for lossless {_CODEC_NAMES[codec]} of {bits} bits ({form})"
    )


def lossy_target(source: str, codec: Codec, *, hdr_to_sdr: bool, able: Abilities | None = None) -> Target:
    """Choose a format that all players support: 4:2:0, with 10 bits if the source and the codec's main profile do.

    Raises:
        FormatNotAvailable: the program, whose abilities are ``able``, has no working encoder for it.
    """
    had = layout(source)
    notes = _alpha(had)
    bits = 8 if codec == "h264" or had.bits <= 8 else 10
    if had.bits > bits and not hdr_to_sdr and not (bits == 10 and had.bits > 12):
        notes += (_fewer_bits(had.bits, bits, codec),)
    if not had.gray and had.chroma != (1, 1):
        notes += (
            Note(NoteCode.CHROMA_REDUCED, "The colour is stored in half resolution (4:2:0), which all players support"),
        )
    form = "yuv420p" if bits == 8 else "yuv420p10le"
    for encoder in _LOSSY_ENCODERS[codec]:
        if able is None or able.encodes(encoder, form):
            return Target(form, encoder, notes)
    raise FormatNotAvailable(
        f"The FFmpeg of this server has no working encoder for {_CODEC_NAMES[codec]} of {bits} bits"
    )


def _lossless_encoders(codec: Codec, form: str) -> tuple[str, ...]:
    if codec == "h264":
        return ("libx264rgb" if form == "rgb24" else "libx264",)
    if codec == "h265":
        return ("libx265",)
    return ("libsvtav1", "libaom-av1") if form == "yuv420p" else ("libaom-av1",)  # SVT-AV1 never is in other formats


def _alpha(had: PixelLayout) -> tuple[Note, ...]:
    return (Note(NoteCode.ALPHA_DROPPED, "The transparency was removed"),) if had.alpha else ()


def _fewer_bits(had: int, bits: int, codec: Codec) -> Note:
    return Note(
        NoteCode.BIT_DEPTH_REDUCED, f"{had}-bit samples became {bits}-bit samples, the most of {_CODEC_NAMES[codec]}"
    )
