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

# The factor at which the speed chosen below gives the quality (VMAF) that the documented factor gives at "medium".
EQUAL_FACTOR: Final[dict[tuple[str, Quality], float]] = {
    ("libx264", "high"): 17.4,
    ("libx264", "medium"): 22.5,
    ("libx265", "high"): 19.7,
    ("libx265", "medium"): 27.8,
}
SPEED: Final[dict[tuple[str, Quality], str]] = {
    ("libx264", "high"): "faster",
    ("libx264", "medium"): "faster",
    ("libx265", "high"): "faster",
    ("libx265", "medium"): "faster",
    ("libsvtav1", "high"): "9",
    ("libsvtav1", "medium"): "9",
    ("libaom-av1", "high"): "6",
    ("libaom-av1", "medium"): "6",
}
LOSSLESS: Final[dict[str, Options]] = {
    "libx264": (("preset", "veryfast"), ("qp", "0")),
    "libx264rgb": (("preset", "veryfast"), ("qp", "0")),
    "libx265": (("preset", "superfast"),),
    "libsvtav1": (("preset", "10"),),
    "libaom-av1": (("cpu-used", "8"), ("row-mt", "1"), ("lag-in-frames", "0")),
}
GOP_SECONDS: Final = 5.0
DEFAULT_RATE: Final = 25.0


def encoder_options(
    encoder: str, codec: Codec, quality: Quality, *, frame_rate: float, small: bool = False, crf: float | None = None
) -> Options:
    """The options of one encoder; ``crf`` replaces the documented one; ``small`` is a picture under 32 pixels."""
    gop = max(1, round(GOP_SECONDS * min(frame_rate, 120)))
    named: dict[str, str] = {"g": str(gop)}
    private: dict[str, str] = {}
    if quality == "lossless":
        named |= dict(LOSSLESS[encoder])
        private |= {} if encoder.startswith("libx264") else {"lossless": "1"}
    else:
        factor = crf if crf is not None else EQUAL_FACTOR.get((encoder, quality), CRF[codec][quality])
        named |= {"cpu-used" if encoder == "libaom-av1" else "preset": SPEED[encoder, quality], "crf": f"{factor:g}"}
        if encoder == "libaom-av1":
            named |= {"row-mt": "1", "b": "0"}
    if encoder == "libx265":
        private |= {"log-level": "error"} | ({"ctu": "16", "min-cu-size": "8"} if small else {})
    if private:
        name = {"libx265": "x265-params", "libsvtav1": "svtav1-params", "libaom-av1": "aom-params"}[encoder]
        named[name] = ":".join(f"{key}={value}" for key, value in private.items())
    return tuple(named.items())
