"""How much later viewers see what happens: the presets of the site, or seconds."""

from __future__ import annotations

import re

from src.errors import RequestInvalid

# Seconds between the camera and the viewer. The site offers three settings and says of them that viewers of a low
# latency are mostly less than 10 seconds behind and those of ultra-low mostly less than 5
# (https://support.google.com/youtube/answer/7444635); normal is commonly measured between 15 and 30.
PRESETS = {"ultra-low": 3.0, "low": 8.0, "normal": 20.0}
MOST_SECONDS = 120.0
_SECONDS = re.compile(r"\d{1,3}(?:\.\d{1,3})?")


def latency_seconds(text: str) -> float:
    """Return the seconds that a preset's name or a number means.

    Raises:
        RequestInvalid: it is neither, or more than two minutes.
    """
    name = text.strip().lower().replace("_", "-").replace("ultralow", "ultra-low")
    if name in PRESETS:
        return PRESETS[name]
    if _SECONDS.fullmatch(name) and float(name) <= MOST_SECONDS:
        return float(name)
    raise RequestInvalid(f"latency must be {', '.join(PRESETS)}, or seconds up to {MOST_SECONDS:g}.")
