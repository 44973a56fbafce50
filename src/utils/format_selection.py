"""yt-dlp's words for formats, as far as they say what a whole video can be had as here."""

from __future__ import annotations

import re

from src.errors import RequestInvalid

_PART = re.compile(
    r"(?P<name>best|worst|bestvideo|worstvideo|bestaudio|b|w|bv|wv|ba)\*?"
    r"(?P<filters>(?:\[(?:height(?:<=|<|=)\d{3,4}|ext=(?:mp4|m4a))\])*)"
)
_HEIGHT = re.compile(r"height(<=|<|=)(\d+)")
_SOUND = ("bestaudio", "ba")
_LOWEST = ("worst", "worstvideo", "w", "wv")


def quality_of(selection: str) -> str:
    """``best``, ``worst``, ``audio`` or the most lines, such as ``720p``, that a selection asks for.

    ``best[height<=720]``, ``bv*[height<1080]+ba/b`` and the like: pictures of any or of a limited height, with sound or
    without saying so; the sound alone. What stands behind a ``/`` is for videos that do not exist so: here the next
    lower resolution is taken then.

    Raises:
        RequestInvalid: it is no such selection.
    """
    choices = [[_PART.fullmatch(part) for part in choice.split("+")] for choice in selection.split("/")]
    for choice in choices:
        names = [part["name"] if part else None for part in choice]
        if None in names or len(choice) > 2 or (len(choice) == 2 and (names[0] in _SOUND or names[1] not in _SOUND)):
            raise RequestInvalid(
                "format_selection may be such as best, bestaudio, bv*[height<=720]+ba or best[height<=720]"
            )
    first = choices[0][0]
    assert first is not None
    if first["name"] in _SOUND:
        return "audio"
    if first["name"] in _LOWEST:
        return "worst"
    heights = [int(lines) - (sign == "<") for sign, lines in _HEIGHT.findall(first["filters"])]
    return f"{min(heights)}p" if heights else "best"
