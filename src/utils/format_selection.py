"""Reads yt-dlp format selections, as far as they describe a quality that this service offers for whole videos."""

from __future__ import annotations

import re

from src.errors import RequestInvalid

_PART = re.compile(
    r"(?P<name>best|worst|bestvideo|worstvideo|bestaudio|b|w|bv|wv|ba)\*?"
    r"(?P<filters>(?:\[(?:height(?:<=|<|=)\d{3,4}|ext=(?:mp4|m4a))\])*)"
)
_HEIGHT = re.compile(r"height(<=|<|=)(\d+)")
_AUDIO = ("bestaudio", "ba")
_LOWEST = ("worst", "worstvideo", "w", "wv")


def quality_of(selection: str) -> str:
    """Return ``best``, ``worst``, ``audio`` or the largest height, such as ``720p``, that a selection requests.

    Supported are ``best[height<=720]``, ``bv*[height<1080]+ba/b`` and the like: video with or without a limit of its
    height, with or without explicit audio; or audio alone. Alternatives after a ``/`` are ignored: when a resolution
    does not exist, this service takes the next lower one.

    Raises:
        RequestInvalid: the selection is not supported.
    """
    choices = [[_PART.fullmatch(part) for part in choice.split("+")] for choice in selection.split("/")]
    for choice in choices:
        names = [part["name"] for part in choice if part]
        is_audio = [name in _AUDIO for name in names]
        if len(names) < len(choice) or (len(names) > 1 and is_audio != [False, True]):
            raise RequestInvalid(
                "format_selection may be such as best, bestaudio, bv*[height<=720]+ba or best[height<=720]"
            )
    first = choices[0][0]
    assert first is not None
    if first["name"] in _AUDIO:
        return "audio"
    if first["name"] in _LOWEST:
        return "worst"
    heights = [int(lines) - (sign == "<") for sign, lines in _HEIGHT.findall(first["filters"])]
    return f"{min(heights)}p" if heights else "best"
