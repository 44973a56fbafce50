"""Facts of decoded frames that need no file."""

from __future__ import annotations

from typing import Any

import av
import pytest

from src.services.media.facts import transparent_palette

SIZE = (5, 4)  # lines of 5 pixels are stored with padding behind them


def frame(pixel: int, transparent: int) -> Any:
    """A frame of one colour of its palette, of which one colour is transparent."""
    made: Any = av.VideoFrame(*SIZE, "pal8")
    pixels, colors = made.planes[0], made.planes[1]
    assert pixels.line_size > SIZE[0]
    line = bytes([pixel]) * SIZE[0]
    pixels.update(line.ljust(pixels.line_size, b"\0") * SIZE[1])
    colors.update(b"".join(bytes([0, 0, 0, 0 if number == transparent else 255]) for number in range(256)))
    return made


@pytest.mark.parametrize(("pixel", "transparent", "found"), [(1, 1, True), (1, 2, False), (1, 0, False), (0, 0, True)])
def test_only_colours_of_pixels_make_a_frame_transparent(pixel: int, transparent: int, found: bool) -> None:
    assert transparent_palette(frame(pixel, transparent)) is found
