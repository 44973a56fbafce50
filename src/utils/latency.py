"""Reads how much later viewers see what happens: a preset of the site, or seconds."""

from __future__ import annotations

import re

from src.errors import RequestInvalid

# Seconds between the camera and the viewer. The site has three settings and states that low latency is mostly below
# 10 seconds and ultra-low mostly below 5 (https://support.google.com/youtube/answer/7444635); normal is commonly
# measured between 15 and 30.
PRESETS = {"ultra-low": 3.0, "low": 8.0, "normal": 20.0}
MOST_SECONDS = 120.0
_SECONDS = re.compile(r"\d{1,3}(?:\.\d{1,3})?")


def latency_seconds(text: str) -> float:
    """Return the seconds for a preset's name or a number.

    Raises:
        RequestInvalid: the text is neither, or more than two minutes.
    """
    name = text.strip().lower().replace("_", "-").replace("ultralow", "ultra-low")
    if name in PRESETS:
        return PRESETS[name]
    if _SECONDS.fullmatch(name) and float(name) <= MOST_SECONDS:
        return float(name)
    raise RequestInvalid(f"latency must be {', '.join(PRESETS)}, or seconds up to {MOST_SECONDS:g}.")
