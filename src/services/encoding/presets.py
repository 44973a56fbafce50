"""Defines the encoder settings for each codec and quality, chosen by measurement (``docs/encoding.md``)."""

from __future__ import annotations

from typing import Final

from src.models.encode_plan import Options
from src.models.params import Codec, Quality

TAGS: Final[dict[Codec, str]] = {"h264": "avc1", "h265": "hvc1", "av1": "av01"}
"""The tag of each codec in an MP4."""

# The documented quality of each preset, as the encoder's constant rate factor.
CRF: Final[dict[Codec, dict[Quality, int]]] = {
    "h264": {"high": 18, "medium": 23},
    "h265": {"high": 20, "medium": 28},
    "av1": {"high": 23, "medium": 30},
}

# The speed of each encoder for high and medium. libx264, libx265 and SVT-AV1 have the settings of the plain command: no
# faster ones were found that keep quality and size on every kind of video (docs/benchmarks/encode.md).
SPEED: Final[dict[str, Options]] = {
    "libx264": (("preset", "medium"),),
    "libx265": (("preset", "medium"),),
    "libsvtav1": (("preset", "8"),),
    "libaom-av1": (("cpu-used", "6"), ("row-mt", "1"), ("b", "0")),
}
# Lossless files of faster presets are up to 16 % (libx264, libx265) and 42 % (SVT-AV1) larger. libx264 writes no
# B-frames here, so it does not need its lookahead.
LOSSLESS: Final[dict[str, Options]] = {
    "libx264": (("preset", "medium"), ("qp", "0"), ("bf", "0"), ("x264-params", "rc-lookahead=0:weightp=1")),
    "libx264rgb": (("preset", "medium"), ("qp", "0"), ("bf", "0"), ("x264-params", "rc-lookahead=0:weightp=1")),
    "libx265": (("preset", "medium"),),
    "libsvtav1": (("preset", "8"),),
    "libaom-av1": (("cpu-used", "8"), ("row-mt", "1"), ("lag-in-frames", "0")),
}
DEFAULT_RATE: Final = 25.0
MOST_GOP_FRAMES: Final = 250
"""The default of libx264 and libx265: more key frames cost bytes, most of all in scenes with little motion."""
GOP_SECONDS: Final[dict[Codec, float]] = {"h264": 10.0, "h265": 10.0, "av1": 5.0}


def gop_frames(codec: Codec, frame_rate: float) -> int:
    """Return the most frames between two key frames: ten seconds (AV1: five), and for H.264 and H.265 250 frames."""
    frames = max(1, round(GOP_SECONDS[codec] * min(frame_rate, 120)))
    return frames if codec == "av1" else min(frames, MOST_GOP_FRAMES)


def encoder_options(
    encoder: str, codec: Codec, quality: Quality, *, frame_rate: float, small: bool = False, crf: float | None = None
) -> Options:
    """Return the options of one encoder. ``crf`` replaces the documented one; ``small``: a frame under 32 pixels."""
    named: dict[str, str] = {"g": str(gop_frames(codec, frame_rate))}
    private: dict[str, str] = {}
    if quality == "lossless":
        named |= dict(LOSSLESS[encoder])
        private |= {} if encoder.startswith("libx264") else {"lossless": "1"}
    else:
        factor = CRF[codec][quality] if crf is None else crf
        named |= dict(SPEED[encoder]) | {"crf": f"{factor:g}"}
    if encoder == "libx265":
        private |= {"log-level": "error"} | ({"ctu": "16", "min-cu-size": "8"} if small else {})
    if private:
        name = {"libx265": "x265-params", "libsvtav1": "svtav1-params", "libaom-av1": "aom-params"}[encoder]
        named[name] = ":".join(f"{key}={value}" for key, value in private.items())
    return tuple(named.items())
