"""Every row of the zoo ends as it says: as a right file, or as a refusal that leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from src.errors import AppError
from src.models.encode_plan import EncodeReport
from src.models.media import MediaInfo
from src.models.outcome import NoteCode
from src.services.encoding_service import EncodingService
from src.services.ffmpeg_utils_service import FFmpeg
from src.services.media.probe import probe
from tests.engines.encode import look
from tests.engines.encode.recipes import Row, make
from tests.engines.encode.zoo import HOSTILE, RIGHT
from tests.tools.media_kit import TESTED_FFMPEG, audio_marks

pytestmark = pytest.mark.slow
STEP_SECONDS = 0.045  # sound so much early is noticed (ITU-R BT.1359); late sound only at 0.125


@pytest.fixture(scope="module")
def encoder() -> EncodingService:
    return EncodingService(FFmpeg(TESTED_FFMPEG))


@pytest.mark.matrix(3)
@pytest.mark.parametrize("row", RIGHT, ids=lambda row: row.name)
def test_becomes_right(row: Row, encoder: EncodingService, tmp_path: Path) -> None:
    source, output = make(row), tmp_path / "out.mp4"
    report = encoder.encode_video_to_mp4(source, output, row.codec, row.quality)
    assert list(tmp_path.iterdir()) == [output]
    assert look.decode_errors(output) == ""
    had, has = probe(source), probe(output)
    check_streams(row, had, has)
    check_pictures(row, report, source, output)
    if row.sound_tracks and row.sound_offset is not None:
        check_sound(row, output)
    assert row.notes <= {note.code for note in report.notes}
    if NoteCode.SOURCE_DAMAGED not in row.notes and row.frames is None:
        assert NoteCode.SOURCE_DAMAGED not in {note.code for note in report.notes}


def check_streams(row: Row, had: MediaInfo, has: MediaInfo) -> None:
    """Codec, tag, shape, colours, and what else the row names."""
    before, after = had.main_video, has.main_video
    assert before is not None and after is not None
    assert (after.codec, after.codec_tag) == {
        "h264": ("h264", "avc1"),
        "h265": ("hevc", "hvc1"),
        "av1": ("av1", "av01"),
    }[row.codec]
    assert len(has.audio) == row.sound_tracks
    assert all(stream.codec == "aac" for stream in has.audio)
    if row.facts.get("aspect", 0) is not None:
        (wide, high), (width, height) = before.display_size, after.display_size
        assert abs(wide / high - width / height) <= 0.02 * wide / high + 1 / min(width, height)
    looked_up: dict[str, object] = {
        "pixel_format": after.pixel_format,
        "transfer": after.color_transfer,
        "range": after.color_range,
        "light": after.light_level.max_content if after.light_level else None,
        "channels": has.audio[0].channels if has.audio else 0,
        "languages": tuple(stream.language for stream in has.audio),
        "subtitles": tuple(stream.codec for stream in has.subtitles),
        "cover": has.cover_art is not None,
        "title": has.tags.get("title"),
        "location": has.tags.get("location"),
    }
    for name, value in row.facts.items():
        assert name == "aspect" or looked_up[name] == value, name


def check_pictures(row: Row, report: EncodeReport, source: Path, output: Path) -> None:
    """As many frames, of the same look, at the same times."""
    interlaced = NoteCode.DEINTERLACED in row.notes
    shown, expected = look.thumbnails(output), look.thumbnails(source, deinterlace=interlaced)
    assert len(shown) == report.frames
    if row.quality == "lossless":
        assert report.verified_frames == len(shown)
    if row.frames is not None:
        assert len(shown) in row.frames
        return
    assert len(shown) == len(expected)
    if row.likeness is not None:
        assert look.difference(shown, expected) <= (1.5 if row.quality == "lossless" else row.likeness)
    came, went = look.frame_times(source), look.frame_times(output)
    assert len(went) == len(came)
    assert max(abs(a - came[0] - (b - went[0])) for a, b in zip(came, went, strict=True)) <= 0.003


def check_sound(row: Row, output: Path) -> None:
    """The mark of second k sounds k seconds after the first frame, or later by the row's offset."""
    marks = audio_marks(output)
    assert marks
    first = look.frame_times(output)[0]
    with av.open(str(output)) as media:
        first += (media.start_time or 0) / 1_000_000
    for mark in marks:
        assert abs(mark.at - first - mark.second - (row.sound_offset or 0.0)) <= STEP_SECONDS


@pytest.mark.parametrize("row", HOSTILE, ids=lambda row: row.name)
def test_is_refused(row: Row, encoder: EncodingService, tmp_path: Path) -> None:
    source = make(row)
    for attempt in (
        encoder.get_video_metadata,
        lambda path: encoder.encode_video_to_mp4(path, tmp_path / "o.mp4", "h264", "medium"),
    ):
        with pytest.raises(AppError) as caught:
            attempt(source)
        assert caught.value.code == row.refused
        assert str(source.parent) not in caught.value.message
    assert list(tmp_path.iterdir()) == []
