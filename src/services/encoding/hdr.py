"""HDR metadata: given to the encoders, and compared with what the finished file has."""

from __future__ import annotations

from typing import Final

from src.models.encode_plan import Options
from src.models.media import MasteringDisplay, VideoStream
from src.models.outcome import Note, NoteCode

_PARAMETERS: Final = {"libx264": "x264-params", "libx265": "x265-params", "libsvtav1": "svtav1-params"}


def with_light(options: Options, encoder: str, source: VideoStream) -> Options:
    """The encoder's options, with mastering display and light levels where the encoder has options for them.

    FFmpeg hands them on by itself since 7.0 only, and not to every encoder.
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
    named[key] = ":".join([*([named[key]] if key in named else []), *more])
    return tuple(named.items())


def _display(display: MasteringDisplay, *, whole: bool) -> str:
    """As G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min): in steps of 0.00002 and 0.0001 cd/m2 (H.265, D.2.28), or as decimals."""

    def written(value: float, steps: int) -> str:
        return str(round(value * steps)) if whole else f"{value:.5f}"

    red, green, blue = display.primaries
    places = {"G": green, "B": blue, "R": red, "WP": display.white_point}
    text = "".join(f"{name}({written(x, 50_000)},{written(y, 50_000)})" for name, (x, y) in places.items())
    most, least = written(display.max_luminance, 10_000), written(display.min_luminance, 10_000)
    return f"{text}L({most},{least})"


def lost(source: VideoStream, made: VideoStream) -> tuple[Note, ...]:
    """What the source says of its light and the finished HDR file does not."""
    if not made.is_hdr:
        return ()
    names = []
    if source.mastering is not None and made.mastering is None:
        names.append("mastering display")
    if source.light_level is not None and made.light_level is None:
        names.append("light levels")
    names += [name for name in source.dynamic_metadata if name not in made.dynamic_metadata]
    if not names:
        return ()
    return (Note(NoteCode.HDR_METADATA_DROPPED, f"HDR metadata that are not kept: {', '.join(names)}"),)


def dolby_vision(source: VideoStream) -> tuple[Note, ...]:
    """Dolby Vision whose video is no HDR10, HLG or SDR by itself (profile 5): only its own players show its colours."""
    if not source.is_dolby_vision or source.color_transfer is not None:
        return ()
    text = (
        "This is Dolby Vision without a base layer: its colours are right in Dolby Vision players only, and wrong here"
    )
    return (Note(NoteCode.DOLBY_VISION, text),)
