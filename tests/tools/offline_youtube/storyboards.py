"""The storyboards of films: sheets of small pictures, each with the number of the frame at its time."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.tools.media_kit import cached_file
from tests.tools.media_kit.pattern import COLUMNS, ROWS, blocks
from tests.tools.offline_youtube.http import Reply, refused
from tests.tools.offline_youtube.ladder import RUNGS, SECONDS
from tests.tools.offline_youtube.situations import VideoId, situation


@dataclass(frozen=True)
class Level:
    """One size: of a picture in pixels, of a sheet in pictures, and how many pictures there are."""

    width: int
    height: int
    columns: int
    rows: int
    count: int

    @property
    def sheets(self) -> int:
        """The number of sheets; the last one may not be full."""
        return math.ceil(self.count / (self.columns * self.rows))


LEVELS = (Level(48, 30, 10, 10, 10), Level(80, 45, 5, 5, 20), Level(160, 90, 3, 3, 20))
"""The smallest first, as the site lists them: the last is yt-dlp's ``sb0``."""
_PATH = re.compile(r"/sb/(?P<id>[\w-]{11})/storyboard3_L(?P<level>\d)/(?:M(?P<sheet>\d+)|default)\.jpg")


def storyboard_spec(video_id: VideoId) -> dict[str, object] | None:
    """The part of the player's answer that tells where the sheets are; ``None`` for films without files that play."""
    what = situation(video_id)
    if not RUNGS[what.formats] or what.drm or what.formats == "withheld" or what.player != "good":
        return None
    address = f"https://i.ytimg.com/sb/{video_id}/storyboard3_L$L/$N.jpg?sqp=offline"
    levels = [
        f"{e.width}#{e.height}#{e.count}#{e.columns}#{e.rows}#{SECONDS * 1000 // e.count}#"
        f"{'M$M' if number else 'default'}#rs$offline{number}"
        for number, e in enumerate(LEVELS)
    ]
    return {"playerStoryboardSpecRenderer": {"spec": "|".join([address, *levels])}}


def storyboard_sheet(path: str) -> Reply:
    """A sheet by the path of its address."""
    found = _PATH.fullmatch(path)
    known = [video_id for video_id in VideoId if found and video_id == found["id"]]
    if found is None or not known or int(found["level"]) >= len(LEVELS):
        return refused(404)
    level, sheet = LEVELS[int(found["level"])], int(found["sheet"] or 0)
    rungs = RUNGS[situation(known[0]).formats]
    if sheet >= level.sheets or not rungs:
        return refused(404)
    fps = next(rung.film.fps for rung in rungs if rung.film.codec)
    first = sheet * level.columns * level.rows
    times = [place * SECONDS / level.count for place in range(first, level.count)][: level.columns * level.rows]
    numbers = [math.ceil(seconds * fps) for seconds in times]
    recipe = f"storyboard {level} {numbers}"
    body = cached_file(recipe, ".jpg", lambda target: _draw(target, level, numbers)).read_bytes()
    return Reply(body=body, content_type="image/jpeg")


def picture_of(sheet: NDArray[np.uint8], level: Level, place: int) -> NDArray[np.uint8]:
    """One picture of a decoded sheet."""
    row, column = divmod(place, level.columns)
    return sheet[row * level.height : (row + 1) * level.height, column * level.width : (column + 1) * level.width]


def _draw(target: Path, level: Level, numbers: list[int]) -> None:
    sheet = np.zeros((level.rows * level.height, level.columns * level.width), np.uint8)
    for place, number in enumerate(numbers):
        down = np.arange(level.height) * ROWS // level.height
        across = np.arange(level.width) * COLUMNS // level.width
        picture_of(sheet, level, place)[:] = blocks(number)[down][:, across]
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = sheet.shape[1], sheet.shape[0], "yuvj420p"
    encoder.time_base, encoder.qmin, encoder.qmax = Fraction(1, 25), 2, 3
    frame = av.VideoFrame.from_ndarray(sheet, format="gray").reformat(format="yuvj420p")
    target.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))
