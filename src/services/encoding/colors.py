"""Plans the colour tags of the encoded file, and the conversion of sources whose tags cannot be written or used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from src.models.encode_plan import Color, Filter, Options
from src.models.media import VideoStream
from src.models.outcome import Note, NoteCode
from src.services.encoding.pixel_formats import layout

SDR: Final = Color("bt709", "bt709", "bt709", "tv")
UNKNOWN: Final = "unknown"
# libx265 refuses primaries above 12 (source/common/param.cpp, x265_check_params).
_REFUSED_PRIMARIES: Final = {"libx265": frozenset({"jedec-p22"})}
# The values of zscale's ``matrixin`` in FFmpeg 5.1 and later, which calls rgb gbr.
_ZSCALE_MATRICES: Final = frozenset({"bt709", "bt470bg", "smpte170m", "bt2020nc", "bt2020c", "ictcp"})
_ZSCALE_PRIMARIES: Final = frozenset({"bt709", "bt470bg", "smpte170m", "bt2020", "smpte431", "smpte432"})


@dataclass(frozen=True, slots=True)
class ColorPlan:
    """``color``: the tags to write; ``before``: filters before any scaling; ``convert``: options of the scaling."""

    color: Color
    before: tuple[Filter, ...] = ()
    convert: Options = ()
    notes: tuple[Note, ...] = ()


def plan_colors(source: VideoStream, encoder: str, *, lossless: bool, tone_map: bool) -> ColorPlan:
    """Use the source's tags, except those that the encoder refuses or that cannot be true."""
    color = Color(source.color_primaries, source.color_transfer, source.color_space, source.color_range)
    rgb = layout(source.pixel_format).rgb
    before: tuple[Filter, ...] = ()
    refused: list[str] = []
    primaries, transfer, space = color.primaries, color.transfer, color.space
    if primaries == "reserved" or primaries in _REFUSED_PRIMARIES.get(encoder, frozenset()):
        refused.append("primaries")
        primaries = UNKNOWN
    if transfer == "reserved":
        refused.append("transfer characteristics")
        transfer = UNKNOWN
    if space == "reserved" or (space == "rgb" and not rgb):
        # Filters and encoders refuse these values; an RGB matrix for YUV samples is an error of the source.
        refused.append("matrix coefficients")
        space = UNKNOWN
        before = (Filter("setparams", (("colorspace", UNKNOWN),)),)
    text = f"Colour tags that cannot be written were omitted: {', '.join(refused)}"
    notes = (Note(NoteCode.COLOR_TAGS_DROPPED, text),) if refused else ()
    if tone_map:
        return ColorPlan(SDR, before, notes=notes)
    if rgb:
        return _of_rgb(source, Color(primaries, transfer), notes, lossless=lossless)
    convert = () if color.range is None else (("out_range", color.range),)
    return ColorPlan(Color(primaries, transfer, space, color.range), before, convert, notes)


def _of_rgb(source: VideoStream, color: Color, notes: tuple[Note, ...], *, lossless: bool) -> ColorPlan:
    """Plan the colours of RGB: RGB in a lossless file, otherwise YUV with the matrix of the gamut, in limited range."""
    primaries = color.primaries or "bt709"
    # FFmpeg 5.1 ignores the matrix for palettes, and no version expands 5 bits to the full range of planar RGB.
    before = (Filter("format", (("pix_fmts", "rgb24"),)),) if layout(source.pixel_format).indirect else ()
    if lossless:
        return ColorPlan(Color(primaries, color.transfer or "iec61966-2-1", "rgb", "pc"), before, notes=notes)
    wide = primaries == "bt2020"
    transfer = "bt709" if color.transfer in (None, "iec61966-2-1") else color.transfer
    space, matrix = ("bt2020nc", "bt2020") if wide else ("bt709", "bt709")
    convert = (("out_color_matrix", matrix), ("out_range", "tv"))
    return ColorPlan(Color(primaries, transfer, space, "tv"), before, convert, notes)


def tone_map(source: VideoStream) -> list[Filter]:
    """Return the filters from PQ or HLG to BT.709: in linear light, with Hable's curve and 100 cd/m2 as white."""
    rgb = layout(source.pixel_format).rgb
    matrix = source.color_space if source.color_space in _ZSCALE_MATRICES else "bt2020nc"
    primaries = source.color_primaries if source.color_primaries in _ZSCALE_PRIMARIES else "bt2020"
    zscale_matrix, default_range = ("gbr", "pc") if rgb else (matrix, "tv")
    source_tags = {
        "transferin": source.color_transfer or "smpte2084",
        "primariesin": primaries,
        "matrixin": zscale_matrix,
        "rangein": source.color_range or default_range,
    }
    linear = {"transfer": "linear", "npl": "100"} | source_tags
    back = {"transfer": "bt709", "matrix": "bt709", "range": "tv"}
    # zscale fails if the frames have no matrix or primaries, even if its options name them.
    frames = Color(
        source_tags["primariesin"],
        source_tags["transferin"],
        "rgb" if rgb else source_tags["matrixin"],
        source_tags["rangein"],
    )
    return [
        *color_tags(frames),
        Filter("zscale", tuple(linear.items())),
        Filter("format", (("pix_fmts", "gbrpf32le"),)),
        Filter("zscale", (("primaries", "bt709"),)),
        Filter("tonemap", (("tonemap", "hable"), ("desat", "0"))),
        Filter("zscale", tuple(back.items())),
        Filter("sidedata", (("mode", "delete"), ("type", "MASTERING_DISPLAY_METADATA"))),
        Filter("sidedata", (("mode", "delete"), ("type", "CONTENT_LIGHT_LEVEL"))),
    ]


def color_tags(color: Color) -> list[Filter]:
    """Return filters that set the tags of frames, from which FFmpeg's encoders take them."""
    named = {
        "color_primaries": color.primaries,
        "color_trc": color.transfer,
        "colorspace": "gbr" if color.space == "rgb" else color.space,
        "range": color.range,
    }
    tags = tuple((name, value) for name, value in named.items() if value is not None)
    return [Filter("setparams", tags)] if tags else []
