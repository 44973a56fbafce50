"""yt-dlp's words for formats become our words for quality."""

from __future__ import annotations

import pytest

from src.errors import RequestInvalid
from src.utils.format_selection import quality_of


@pytest.mark.parametrize(
    ("selection", "quality"),
    [
        ("best", "best"),
        ("worst", "worst"),
        ("bestaudio", "audio"),
        ("bestaudio[ext=m4a]/bestaudio", "audio"),
        ("best[height<=720]", "720p"),
        ("best[height<720]", "719p"),
        ("bestvideo[height<=1080]+bestaudio/best[height<=1080]", "1080p"),
        ("bv*[height<=1440][ext=mp4]+ba[ext=m4a]/b[ext=mp4]/b", "1440p"),
        ("bestvideo+bestaudio/best", "best"),
        ("bv*+ba/b", "best"),
    ],
)
def test_what_is_understood(selection: str, quality: str) -> None:
    assert quality_of(selection) == quality


@pytest.mark.parametrize(
    "selection",
    ["", "best --exec rm", "best/", "best+best", "bestaudio+bestvideo", "137", "best[height<=720", "best[height<=72]",
     "best[filesize<5M]", "bestvideo+bestaudio+bestaudio", "best/--exec rm"],
)  # fmt: skip
def test_what_is_refused(selection: str) -> None:
    with pytest.raises(RequestInvalid, match="format_selection"):
        quality_of(selection)
