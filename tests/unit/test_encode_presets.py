"""The settings of each encoder: the documented factors, the encoder's own defaults, and what differs on purpose."""

from __future__ import annotations

from typing import get_args

import pytest

from src.models.params import Codec, Quality
from src.services.encoding.presets import CRF, encoder_options

ENCODERS: dict[Codec, str] = {"h264": "libx264", "h265": "libx265", "av1": "libsvtav1"}
DEFAULTS: dict[Codec, str] = {"h264": "medium", "h265": "medium", "av1": "8"}


@pytest.mark.parametrize("codec", get_args(Codec))
@pytest.mark.parametrize("quality", ["high", "medium"])
def test_the_documented_factor_at_the_default_speed(codec: Codec, quality: Quality) -> None:
    options = dict(encoder_options(ENCODERS[codec], codec, quality, frame_rate=25))
    assert (options["crf"], options["preset"]) == (str(CRF[codec][quality]), DEFAULTS[codec])
    assert dict(encoder_options(ENCODERS[codec], codec, quality, frame_rate=25, crf=31.5))["crf"] == "31.5"


@pytest.mark.parametrize("codec", get_args(Codec))
def test_lossless_uses_the_default_speed_too(codec: Codec) -> None:
    options = dict(encoder_options(ENCODERS[codec], codec, "lossless", frame_rate=25))
    assert options["preset"] == DEFAULTS[codec]
    assert "crf" not in options
    assert options.get("qp") == "0" or "lossless=1" in options[f"{ENCODERS[codec].removeprefix('lib')}-params"]


@pytest.mark.parametrize(
    ("codec", "rate", "frames"),
    [
        ("h264", 25, 250),
        ("h264", 60, 250),
        ("h264", 5, 50),
        ("h264", 0.01, 1),
        ("h265", 24, 240),
        ("h265", 240, 250),
        ("av1", 25, 125),
        ("av1", 240, 600),
    ],
)
def test_key_frames(codec: Codec, rate: float, frames: int) -> None:
    assert dict(encoder_options(ENCODERS[codec], codec, "high", frame_rate=rate))["g"] == str(frames)


def test_small_frames_of_h265() -> None:
    options = dict(encoder_options("libx265", "h265", "high", frame_rate=25, small=True))
    assert "ctu=16" in options["x265-params"]
