"""Odd films in chunks: as right as in one piece, and in one piece where chunks are not to be had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from src.models.chunk import Chunk, ChunkTask
from src.models.outcome import NoteCode
from src.models.progress import SilentMonitor
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from tests.engines.encode.recipes import AAC, FAST, SOUND, Row, make, scratch, video
from tests.engines.encode.test_zoo import check_pictures, check_sound, check_streams
from tests.tools.media_kit import TESTED_FFMPEG

pytestmark = pytest.mark.slow
SHORT = (*FAST, "-g", "12", "-bf", "2")
FFV1 = ("-c:v", "ffv1", "-c:a", "pcm_s16le")
ODD = ("-vf", "crop=321:181:exact=1")
SERVICE = EncodingService(FFmpeg(TESTED_FFMPEG), chunk_seconds=0.5)
ROWS = (
    Row("anamorphic lossless", ((*video("360x288"), *SOUND, *FFV1, "-vf", "setsar=64/45"),), ".mkv", "av1", "lossless"),
    Row(
        "a clock of microseconds",
        ((*video(rate="30000/1001"), *SOUND, *SHORT, *AAC, "-video_track_timescale", "1000000"),),
        codec="h265",
    ),
    Row("a title", ((*video(), *SOUND, *SHORT, *AAC, "-metadata", "title=A film"),), facts={"title": "A film"}),
    Row("a title and no sound", ((*video(), *SHORT, "-metadata", "title=A film"),), sound_tracks=0),
)
WHOLE = (
    Row(
        "cut by an edit list",
        (
            ("<.mp4>", *video(seconds=4), "-f", "lavfi", "-i", "sine=d=4", *FAST, "-g", "50", *AAC),
            ("-ss", "1.2", "-i", "{s1}", "-t", "2", "-c", "copy"),
        ),
        sound_offset=None,
    ),
    Row(
        "scratched middle",
        ((*video(), *SOUND, *FAST, "-pix_fmt", "yuv420p", *AAC, "-g", "10"),),
        ".mkv",
        change=scratch,
        frames=range(20, 51),
        likeness=None,
        sound_offset=None,
        notes=frozenset({NoteCode.SOURCE_DAMAGED}),
    ),
)


@pytest.mark.parametrize("row", ROWS + WHOLE, ids=lambda row: row.name)
def test_chunks_make_the_same_film(row: Row, tmp_path: Path) -> None:
    source, output, ran = make(row), tmp_path / "out.mp4", []

    def side_by_side(task: ChunkTask, parts: Sequence[Chunk]) -> list[Path]:
        ran.append(len(parts))
        return [SERVICE.encode_chunk(task, part, SilentMonitor()) for part in parts]

    report = SERVICE.encode_video_to_mp4(source, output, row.codec, row.quality, run_chunks=side_by_side)
    assert list(tmp_path.iterdir()) == [output]
    assert row in WHOLE or ran[0] > 1
    check_streams(row, probe(source), probe(output))
    check_pictures(row, report, source, output)
    if row.sound_tracks and row.sound_offset is not None:
        check_sound(row, output)
    assert row.notes <= {note.code for note in report.notes}
    assert probe(output).tags.get("title") == probe(source).tags.get("title")


def planes(path: Path) -> list[list[NDArray[np.uint8]]]:
    """The samples of all planes of all frames, as bytes."""
    found = []
    with av.open(str(path)) as media:
        for frame in media.decode(video=0):
            sizes = [(part.height, part.width * ((part.bits + 7) // 8)) for part in frame.format.components]
            rows = [np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
            found.append([data[:high, :wide].copy() for data, (high, wide) in zip(rows, sizes, strict=True)])
    return found


@pytest.mark.parametrize(
    ("form", "codec"), [("yuv420p", "h264"), ("yuv420p10le", "h265"), ("yuv422p", "h265")], ids=str
)
def test_no_sample_is_lost_to_the_padding_of_odd_sizes(form: str, codec: str, tmp_path: Path) -> None:
    row = Row("odd", ((*video("322x182", seconds=0.4, form=form), *ODD, "-c:v", "ffv1"),), ".mkv")
    source, output = make(row), tmp_path / "out.mp4"
    report = SERVICE.encode_video_to_mp4(source, output, codec, "lossless")  # type: ignore[arg-type]
    assert report.verified_frames == 10
    for before, after in zip(planes(source), planes(output), strict=True):
        for had, has in zip(before, after, strict=True):
            assert np.array_equal(has[: had.shape[0], : had.shape[1]], had)
