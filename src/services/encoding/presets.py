"""The encoders' own settings for each codec and quality, chosen by measurement (``docs/encoding.md``)."""

from __future__ import annotations

from typing import Final

from src.models.encode_plan import Options
from src.models.params import Codec, Quality

# The documented quality of each preset, as the encoder's constant rate factor.
CRF: Final[dict[Codec, dict[Quality, int]]] = {
    "h264": {"high": 18, "medium": 23},
    "h265": {"high": 20, "medium": 28},
    "av1": {"high": 23, "medium": 30},
}

# What differs from the encoder's own defaults, which the documented factors are meant for, as (option, value): it takes
# less time at the same quality and size (docs/benchmarks/encode.md). libx264: no partitions of 8x8 in B-frames, up to
# five of them, a look-ahead of 20 frames, simple weights. libx265: rate-distortion level 2, two references, two merge
# candidates. SVT-AV1 has nothing that is faster and not larger.
TUNED: Final[dict[str, Options]] = {
    "libx264": (
        ("preset", "medium"),
        ("bf", "5"),
        ("x264-params", "partitions=i4x4,i8x8,p8x8:rc-lookahead=20:weightp=1"),
    ),
    "libx265": (("preset", "medium"),),
    "libsvtav1": (("preset", "8"),),
    "libaom-av1": (("cpu-used", "6"), ("row-mt", "1"), ("b", "0")),
}
_TUNED_X265: Final = {"rd": "2", "ref": "2", "max-merge": "2"}
# Lossless files of faster presets are up to 16 % (libx264, libx265) and 42 % (SVT-AV1) larger. libx264 makes no
# B-frames here, so nothing is lost with its looking ahead.
LOSSLESS: Final[dict[str, Options]] = {
    "libx264": (("preset", "medium"), ("qp", "0"), ("bf", "0"), ("x264-params", "rc-lookahead=0:weightp=1")),
    "libx264rgb": (("preset", "medium"), ("qp", "0"), ("bf", "0"), ("x264-params", "rc-lookahead=0:weightp=1")),
    "libx265": (("preset", "medium"),),
    "libsvtav1": (("preset", "8"),),
    "libaom-av1": (("cpu-used", "8"), ("row-mt", "1"), ("lag-in-frames", "0")),
}
DEFAULT_RATE: Final = 25.0
MOST_GOP_FRAMES: Final = 250
"""What libx264 and libx265 do by themselves: more key frames cost bytes, most of all where little moves."""
GOP_SECONDS: Final[dict[Codec, float]] = {"h264": 10.0, "h265": 10.0, "av1": 5.0}


def gop_frames(codec: Codec, frame_rate: float) -> int:
    """Frames between two key frames, at most: ten seconds (AV1: five), and 250 frames of H.264 and H.265."""
    frames = max(1, round(GOP_SECONDS[codec] * min(frame_rate, 120)))
    return frames if codec == "av1" else min(frames, MOST_GOP_FRAMES)


def encoder_options(
    encoder: str, codec: Codec, quality: Quality, *, frame_rate: float, small: bool = False, crf: float | None = None
) -> Options:
    """The options of one encoder; ``crf`` replaces the documented one; ``small`` is a frame under 32 pixels."""
    named: dict[str, str] = {"g": str(gop_frames(codec, frame_rate))}
    private: dict[str, str] = {}
    if quality == "lossless":
        named |= dict(LOSSLESS[encoder])
        private |= {} if encoder.startswith("libx264") else {"lossless": "1"}
    else:
        factor = CRF[codec][quality] if crf is None else crf
        named |= dict(TUNED[encoder]) | {"crf": f"{factor:g}"}
    if encoder == "libx265":
        private |= {"log-level": "error"} | ({"ctu": "16", "min-cu-size": "8"} if small else {})
        private |= {} if quality == "lossless" else _TUNED_X265
    if private:
        name = {"libx265": "x265-params", "libsvtav1": "svtav1-params", "libaom-av1": "aom-params"}[encoder]
        named[name] = ":".join(f"{key}={value}" for key, value in private.items())
    return tuple(named.items())
