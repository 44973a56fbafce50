"""Passes HDR metadata to the encoders and compares them with those of the finished file."""

from __future__ import annotations

from typing import Final

from src.models.encode_plan import Options
from src.models.media import MasteringDisplay, VideoStream
from src.models.outcome import Note, NoteCode

_PARAMETERS: Final = {"libx264": "x264-params", "libx265": "x265-params", "libsvtav1": "svtav1-params"}


def with_light(options: Options, encoder: str, source: VideoStream) -> Options:
    """Add the mastering display and light levels to the encoder's options, if it has options for them.

    FFmpeg passes them on only since 7.0, and not to every encoder.
    """
    if encoder not in _PARAMETERS or not source.is_hdr:
        return options
    mastering, light = source.mastering, source.light_level
    more: list[str] = []
    if mastering is not None:
        name = {"libx264": "mastering-display", "libx265": "master-display"}.get(encoder, "mastering-display")
        more.append(f"{name}={_display(mastering, whole=encoder != 'libsvtav1')}")
    if light is not None:
        name = {"libx264": "cll", "libx265": "max-cll"}.get(encoder, "content-light")
        more.append(f"{name}={light.max_content},{light.max_frame_average}")
    if not more:
        return options
    named = dict(options)
    key = _PARAMETERS[encoder]
    named[key] = ":".join(filter(None, [named.get(key), *more]))
    return tuple(named.items())


def _display(display: MasteringDisplay, *, whole: bool) -> str:
    """Format a display as G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min): in steps of 0.00002 and 0.0001 cd/m2 (H.265, D.2.28) if
    ``whole``, otherwise as decimals."""

    def written(value: float, steps: int) -> str:
        return str(round(value * steps)) if whole else f"{value:.5f}"

    red, green, blue = display.primaries
    places = {"G": green, "B": blue, "R": red, "WP": display.white_point}
    text = "".join(f"{name}({written(x, 50_000)},{written(y, 50_000)})" for name, (x, y) in places.items())
    most, least = written(display.max_luminance, 10_000), written(display.min_luminance, 10_000)
    return f"{text}L({most},{least})"


def lost(source: VideoStream, encoded: VideoStream) -> tuple[Note, ...]:
    """Note the HDR metadata of the source that the finished HDR file lacks."""
    if not encoded.is_hdr:
        return ()
    names = []
    if source.mastering is not None and encoded.mastering is None:
        names.append("mastering display")
    if source.light_level is not None and encoded.light_level is None:
        names.append("light levels")
    names += [name for name in source.dynamic_metadata if name not in encoded.dynamic_metadata]
    if not names:
        return ()
    return (Note(NoteCode.HDR_METADATA_DROPPED, f"HDR metadata that were omitted: {', '.join(names)}"),)


def dolby_vision(source: VideoStream) -> tuple[Note, ...]:
    """Note Dolby Vision without a base layer of HDR10, HLG or SDR (profile 5), which other players show wrongly."""
    if not source.is_dolby_vision or source.color_transfer is not None:
        return ()
    text = (
        "This is Dolby Vision without a base layer: only Dolby Vision players show its colours correctly, not this file"
    )
    return (Note(NoteCode.DOLBY_VISION, text),)
