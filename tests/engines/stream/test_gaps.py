"""Whatever is wrong with single segments: the rest arrives whole and in time, and what is missing is reported."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from src.errors import CodecNotRemuxable, MediaGone, StreamUnreadable
from src.models.outcome import NoteCode
from src.services.streams.recorder import StreamReport
from tests.engines.clip.origin import Faults, Origin
from tests.engines.stream.sites import encrypted
from tests.engines.stream.taking import in_time, take
from tests.tools.media_kit import audio_marks, decode_errors, frame_numbers
from tests.tools.media_kit.hls import FILM, HTML, Playlist, jpeg, master, png, segmented

pytestmark = pytest.mark.slow

FRAMES = 50  # of a segment
MP4 = b"\0\0\0\x18ftypmp42" + bytes(12)


def taken(files: dict[str, Path | bytes], folder: Path, name: str = "film.m3u8") -> StreamReport:
    with Origin(files) as origin:
        return take(origin, name, folder)


def shown(report: StreamReport) -> list[int]:
    return [frame.number for frame in frame_numbers(report.path)]


def gaps(report: StreamReport) -> list[tuple[int, int]]:
    """To the second, from which they are no further than what lengths of segments are rounded by."""
    found = [(gap.start, gap.end) for gap in report.gaps]
    assert all(abs(time - round(time)) < 0.15 for gap in found for time in gap), found
    return [(round(start), round(end)) for start, end in found]


def segments(*places: int) -> list[int]:
    return [number for place in places for number in range(place * FRAMES, (place + 1) * FRAMES)]


@pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])
@pytest.mark.parametrize("place", [0, 1, 3], ids=["first", "middle", "last"])
def test_a_missing_segment_is_a_gap(place: int, fragmented: bool, tmp_path: Path) -> None:
    film = segmented(FILM, fragmented=fragmented)
    report = taken(film.missing(place).files("film"), tmp_path)
    left = [other for other in range(4) if other != place]
    assert shown(report) == segments(*left)
    assert gaps(report) == [(2 * place, 2 * place + 2)]
    assert report.seconds == pytest.approx(6, abs=0.15)
    assert [note.code for note in report.notes] == [NoteCode.SEGMENTS_MISSING]
    assert decode_errors(report.path) == ""
    in_time(report.path, missing={place})


@pytest.mark.parametrize(
    "content",
    [HTML, b"", MP4 * 40, png(5000), jpeg(40_000), bytes(20_000)],
    ids=str.split("html empty mp4 png jpeg zeros"),
)
def test_what_replaced_a_segment_is_a_gap(content: bytes, tmp_path: Path) -> None:
    report = taken(segmented().spoiled(1, content).files("film"), tmp_path)
    assert shown(report) == segments(0, 2, 3)
    assert gaps(report) == [(2, 4)]


def test_another_film_in_the_place_of_a_segment_is_a_gap(tmp_path: Path) -> None:
    other = segmented(replace(FILM, first_frame_number=1000), fragmented=True)
    content = (other.segments[0].init or b"") + (other.segments[0].content or b"")
    report = taken(segmented().spoiled(2, content).files("film"), tmp_path)
    assert shown(report) == segments(0, 1, 3)
    assert gaps(report) == [(4, 6)]


@pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])
def test_half_a_segment_is_shown_and_half_is_a_gap(fragmented: bool, tmp_path: Path) -> None:
    report = taken(segmented(fragmented=fragmented).truncated(1).files("film"), tmp_path)
    numbers = [number for number in shown_of_damaged(report) if number is not None]
    assert numbers[:50] == segments(0) and numbers[-100:] == segments(2, 3)
    ((start, end),) = ((gap.start, gap.end) for gap in report.gaps)
    assert 2 <= start < 4 and end == pytest.approx(4, abs=0.15)


@pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])
def test_a_garbled_segment_is_reported_and_the_others_are_whole(fragmented: bool, tmp_path: Path) -> None:
    report = taken(segmented(fragmented=fragmented).garbled(1).files("film"), tmp_path)
    numbers = shown_of_damaged(report)
    assert numbers[:50] == segments(0) and numbers[-100:] == segments(2, 3)
    assert report.gaps and all(2 <= gap.start < gap.end <= 4.1 for gap in report.gaps)


def shown_of_damaged(report: StreamReport) -> list[int | None]:
    """The numbers of all frames; None for those that are too damaged to show one."""
    import av

    from tests.tools.media_kit.pattern import FrameUnreadable, read_number

    found: list[int | None] = []
    with av.open(str(report.path)) as container:
        for packet in container.demux(container.streams.video[0]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                try:
                    found.append(read_number(frame))
                except FrameUnreadable:
                    found.append(None)
    return found


def test_a_segment_that_comes_late_is_no_gap(tmp_path: Path) -> None:
    files = segmented().files("film")
    with Origin(files, faults=Faults(statuses=[0, 0, 404, 404, 404])) as origin:
        report = take(origin, "film.m3u8", tmp_path)
    assert shown(report) == segments(0, 1, 2, 3) and not report.gaps


@pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])
def test_a_clock_that_jumps_without_a_tag(fragmented: bool, tmp_path: Path) -> None:
    film = segmented(clock=1200, fragmented=fragmented)[:2].then(segmented(fragmented=fragmented)[2:])
    back = segmented(fragmented=fragmented)[:2].then(segmented(fragmented=fragmented)[:2]).then(film[1:])
    for name, playlist, numbers in (
        ("jump", film, segments(0, 1, 2, 3)),
        ("often", back, segments(0, 1, 0, 1, 1, 2, 3)),
    ):
        report = taken(playlist.files("film"), tmp_path / name)
        assert shown(report) == numbers and not report.gaps
        assert report.seconds == pytest.approx(len(numbers) / 25, abs=0.3)
        frames = frame_numbers(report.path)
        assert max(after.pts - before.pts for before, after in pairwise(frames)) < Fraction(1, 4)
        assert len(audio_marks(report.path)) >= len(numbers) // 25 - 2
    in_time(tmp_path / "jump" / "work" / "stream.mp4")


def advertised(film: Playlist, advertisement: Playlist, *, tag: bool) -> Playlist:
    return film[:2].then(advertisement[:1], tag=tag).then(film[2:], tag=tag)


@pytest.mark.parametrize("tag", [True, False], ids=["tagged", "untagged"])
@pytest.mark.parametrize(
    "changes",
    [{"audio_channels": 1}, {"audio_rate": 44100}, {"audio_channels": 6, "audio_bitrate": "192k"}],
    ids=["mono", "44100", "5.1"],
)
def test_an_advertisement_with_other_audio_sounds_right(changes: dict[str, object], tag: bool, tmp_path: Path) -> None:
    other = segmented(replace(FILM, first_frame_number=1000, **changes))  # type: ignore[arg-type]
    report = taken(advertised(segmented(), other, tag=tag).files("film"), tmp_path)
    assert shown(report) == [*segments(0, 1), *range(1000, 1050), *segments(2, 3)]
    assert [mark.second for mark in audio_marks(report.path)] == [0, 1, 2, 3, 40, 41, 4, 5, 6, 7]
    assert [note.code for note in report.notes] == [NoteCode.SOUND_CONVERTED] and not report.gaps
    in_time(report.path, partial=True)


@pytest.mark.parametrize(
    "changes",
    [{"size": (192, 144)}, {"codec": "hevc"}, {"fps": Fraction(30), "gop_frames": 30}, {"audio": None}],
    ids=["size", "codec", "rate", "silent"],
)
def test_an_advertisement_with_another_picture_is_shown_right(changes: dict[str, object], tmp_path: Path) -> None:
    other = segmented(replace(FILM, first_frame_number=1000, **changes), only="video" if "audio" in changes else "both")  # type: ignore[arg-type]
    report = taken(advertised(segmented(), other, tag=True).files("film"), tmp_path)
    count = 60 if "fps" in changes else 50
    numbers = shown_of_damaged(report) if "size" in changes else shown(report)
    assert len(numbers) == 200 + count
    assert numbers[:100] == segments(0, 1) and numbers[100 + count :] == segments(2, 3)
    if "size" not in changes:  # bars beside the picture hide some blocks of the number
        assert numbers[100 : 100 + count] == list(range(1000, 1000 + count))
    converted = "size" in changes or "codec" in changes
    assert [note.code for note in report.notes] == ([NoteCode.VIDEO_CONVERTED] if converted else [])
    assert report.size == (256, 144)
    if "fps" not in changes:  # the decoder of this check counts in frames of one rate
        assert decode_errors(report.path) == ""


def apart(video: Playlist, audio: Playlist) -> dict[str, Path | bytes]:
    rendition = 'NAME="en",DEFAULT=YES,URI="audio.m3u8"'
    return {**video.files("video"), **audio.files("audio"), "film.m3u8": master("video.m3u8", rendition)}


@pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])
def test_tracks_that_break_at_different_places(fragmented: bool, tmp_path: Path) -> None:
    video, audio = (segmented(only=kind, fragmented=fragmented) for kind in ("video", "audio"))
    report = taken(apart(video.missing(1), audio.gap(2)), tmp_path)
    assert shown(report) == segments(0, 2, 3)
    assert gaps(report) == [(2, 6)]
    assert report.seconds == pytest.approx(8, abs=0.15)  # at each moment one of the tracks goes on
    assert [mark.second for mark in audio_marks(report.path)] == [0, 1, 2, 3, 6, 7]
    in_time(report.path, partial=True)


def test_tracks_that_break_at_the_same_place_close_up(tmp_path: Path) -> None:
    video, audio = (segmented(only=kind) for kind in ("video", "audio"))
    report = taken(apart(video.missing(1), audio.missing(1)), tmp_path)
    assert shown(report) == segments(0, 2, 3)
    assert gaps(report) == [(2, 4)] and report.seconds == pytest.approx(6, abs=0.2)
    in_time(report.path, missing={1})


def test_audio_that_is_gone_altogether_leaves_the_video(tmp_path: Path) -> None:
    video, audio = (segmented(only=kind) for kind in ("video", "audio"))
    report = taken(apart(video, audio.missing(0, 1, 2, 3)), tmp_path)
    assert shown(report) == segments(0, 1, 2, 3) and gaps(report) == [(0, 8)]


def test_a_stream_of_which_nothing_is_there_fails(tmp_path: Path) -> None:
    with pytest.raises(MediaGone):
        taken(segmented().missing(0, 1, 2, 3).files("film"), tmp_path / "gone")
    pages = segmented()
    for place in range(4):
        pages = pages.spoiled(place, HTML)
    with pytest.raises(StreamUnreadable):
        taken(pages.files("film"), tmp_path / "pages")


@pytest.mark.parametrize("header", [png(70), png(60_000), jpeg(3000)], ids=["small", "large", "jpeg"])
def test_images_before_the_media_are_skipped(header: bytes, tmp_path: Path) -> None:
    report = taken(segmented().behind(header).files("film", ".png"), tmp_path)
    assert shown(report) == segments(0, 1, 2, 3) and not report.gaps


@pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])
def test_hevc_is_tagged_for_every_player(fragmented: bool, tmp_path: Path) -> None:
    film = segmented(replace(FILM, codec="hevc"), fragmented=fragmented)
    for name, playlist, numbers in (("whole", film, segments(0, 1, 2, 3)), ("gap", film.missing(1), segments(0, 2, 3))):
        report = taken(playlist.files("film"), tmp_path / name)
        assert b"hvc1" in report.path.read_bytes() and b"hev1" not in report.path.read_bytes()
        assert shown(report) == numbers and decode_errors(report.path) == ""


def test_the_default_audio_inside_the_segments_is_taken(tmp_path: Path) -> None:
    commentary = segmented(replace(FILM, first_frame_number=1000), only="audio")
    files = {
        **segmented().files("main"),
        **commentary.files("other"),
        "film.m3u8": master("main.m3u8", 'NAME="en",DEFAULT=YES', 'NAME="radio",DEFAULT=NO,URI="other.m3u8"'),
    }
    report = taken(files, tmp_path)
    assert [mark.second for mark in audio_marks(report.path)] == list(range(8))


def test_a_key_that_is_no_key_is_a_gap(tmp_path: Path) -> None:
    """The key of the second half is a page with the reason why there is none."""
    folder = tmp_path / "site"
    folder.mkdir()
    files = encrypted(FILM, folder, "film")
    listed = files["film.m3u8"]
    lines = (listed if isinstance(listed, bytes) else listed.read_bytes()).decode().splitlines()
    key = next(line for line in lines if line.startswith("#EXT-X-KEY"))
    middle = [place for place, line in enumerate(lines) if line.startswith("#EXTINF")][4]
    lines.insert(middle, key.replace('URI="film.key"', 'URI="other.key"'))
    files |= {"film.m3u8": "\n".join([*lines, ""]).encode(), "other.key": HTML}
    with Origin(files) as origin:
        report = take(origin, "film.m3u8", tmp_path, retries=0)
    assert shown(report) == segments(0, 1)
    assert gaps(report) == [(4, 8)]
    assert sum("other.key" in line for line in origin.log) == 1, "asked for once, not once for each segment"


def test_a_codec_that_cannot_be_read_is_named_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(CodecNotRemuxable):
        taken(segmented(FILM).of_an_unknown_codec().files("film"), tmp_path)
