"""The ways to a clip of awkward sources: which one is taken, that it is told, and that the clip is right."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import pytest

from src.models.progress import SilentMonitor
from src.models.source import Extraction, MediaAddress, SourceFormat, VideoInfo
from src.services.clip import Network, TimeRange
from src.services.clip_cutter import ClipCutter, Cut, CutTask
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.youtube.selection import Wish, choose
from tests.clip.origin import Origin
from tests.clip.sources import SMALL
from tests.media_kit import FFMPEG, cached_film, decode_errors, frame_numbers

pytestmark = pytest.mark.slow
RANGE = TimeRange(Fraction("3.3"), Fraction("8.75"))  # frames 83 to 218 of 25 per second
FRAMES = list(range(83, 219))


def cut(url: str, entry: SourceFormat, folder: Path, wanted: TimeRange = RANGE) -> Cut:
    """A clip of the only format of a video."""
    info = VideoInfo("a-video", "A video", "", duration_seconds=12, formats=(entry,))
    video = Extraction(info, {entry.id: MediaAddress(url)})
    selection = choose(info.formats, Wish(entry.container, "best", None, "remux"))  # type: ignore[arg-type]
    cutter = ClipCutter(cast(Any, None), FFmpeg(Path(FFMPEG)), Network())
    return cutter.cut(CutTask(info.id, video, selection, wanted, folder, SilentMonitor()))


def test_pictures_of_ten_bits_are_copied_beside_edges_of_the_ffmpeg_program(tmp_path: Path) -> None:
    film = replace(SMALL, codec="vp9", bframes=0, pixel_format="yuv420p10le", audio="opus")
    entry = SourceFormat("v", "webm", "https", "vp9", "opus", 320, 180, 180)
    with Origin({"film.webm": cached_film(film, ".webm")}) as origin:
        made = cut(origin.url("film.webm"), entry, tmp_path)
    assert (made.method, made.report.notes) == ("smart", ())
    assert [frame.number for frame in frame_numbers(made.path)] == FRAMES
    assert decode_errors(made.path) == ""
    with av.open(str(made.path)) as opened:
        assert opened.streams.video[0].codec_context.pix_fmt == "yuv420p10le"
