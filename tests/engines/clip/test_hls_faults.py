"""Clips by time of playlists with faults: whole and in their place, or refused with the times that are missing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import pytest

from src.errors import SegmentMissing
from src.models.media_source import ClipSource, NetworkSettings, SourceUnreadable, TimeRange, Track
from src.models.progress import SilentMonitor
from src.models.source import Extraction, MediaAddress, SourceFormat, VideoInfo
from src.services.cutting.cutter import CutResult
from src.services.youtube.selection import Preferences, choose
from tests.engines.clip.origin import Origin
from tests.tools.engine_calls import cut_clip, make_clip
from tests.tools.media_kit import audio_gaps, audio_marks, decode_errors, frame_numbers, media_facts
from tests.tools.media_kit.hls import FILM, HTML, Playlist, jpeg, png, segmented

pytestmark = pytest.mark.slow

BOTH = SourceFormat("both", "mp4", "m3u8_native", "avc1", "mp4a", 256, 144, 144)
VIDEO = replace(BOTH, id="video", audio_codec=None)
AUDIO = replace(BOTH, id="audio", video_codec=None, width=None, height=None, resolution=None)
KINDS = pytest.mark.parametrize("fragmented", [False, True], ids=["ts", "fmp4"])


def served(film: Playlist, audio: Playlist | None, suffix: str = ".seg") -> dict[str, Path | bytes]:
    return film.files("film", suffix) | ({} if audio is None else audio.files("audio", suffix))


def one(folder: Path, start: object, end: object, film: Playlist, audio: Playlist | None = None) -> CutResult:
    """A clip by the engine alone, in one piece."""
    output = folder / "clip.mp4"
    with Origin(served(film, audio)) as origin:
        tracks = [Track(origin.url("film.m3u8"), protocol="hls", has_audio=audio is None)]
        if audio is not None:
            tracks.append(Track(origin.url("audio.m3u8"), protocol="hls", has_video=False))
        report = make_clip(
            ClipSource(tuple(tracks)),
            TimeRange(Fraction(str(start)), Fraction(str(end))),
            output,
            work_dir=folder,
            network=NetworkSettings(segment_retries=1),
            monitor=SilentMonitor(),
        )
    return CutResult(output, report, report.method, cast(Any, None), (report.actual,))


def cut(folder: Path, start: object, end: object, film: Playlist, audio: Playlist | None = None) -> CutResult:
    """A clip of a playlist, or of two whose tracks lie apart, by all the ways that a job goes."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    with Origin(served(film, audio)) as origin:
        entries = (BOTH,) if audio is None else (VIDEO, AUDIO)
        urls = [origin.url("film.m3u8"), origin.url("audio.m3u8")]
        media = {entry.id: MediaAddress(url) for entry, url in zip(entries, urls, strict=False)}
        info = VideoInfo("a-video", "A video", "", duration_seconds=float(film.seconds), formats=entries)
        selection = choose(entries, Preferences("mp4", "best", None, "remux"))
        assert (selection.audio is not None) == (audio is not None)
        wanted = TimeRange(Fraction(str(start)), Fraction(str(end)))
        return cut_clip(Extraction(info, media), selection, wanted, work, NetworkSettings(segment_retries=1))


def numbers(made: CutResult) -> list[int]:
    assert decode_errors(made.path) == ""
    return [frame.number for frame in frame_numbers(made.path)]


def missing(error: SegmentMissing) -> list[tuple[float, float]]:
    return [(one["start"], one["end"]) for one in cast(Any, error.details["missing"])]


FAULTS = {
    "404": lambda film, place: film.missing(place),
    "gap": lambda film, place: film.gap(place),
    "html": lambda film, place: film.spoiled(place, HTML),
    "empty": lambda film, place: film.spoiled(place, b""),
    "image": lambda film, place: film.spoiled(place, png(5000)),
    "truncated": lambda film, place: film.truncated(place),
    "garbled": lambda film, place: film.garbled(place),
}


@pytest.mark.matrix(5)
@KINDS
@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_clip_that_touches_what_is_missing_fails_and_tells_when_that_is(
    fault: str, place: int, fragmented: bool, tmp_path: Path
) -> None:
    film = FAULTS[fault](segmented(FILM, fragmented=fragmented), place)
    for start, end in ((2 * place + 0.5, 2 * place + 1.5), (max(2 * place - 0.1, 0), min(2 * place + 2.1, 8))):
        with pytest.raises(SegmentMissing) as caught:
            one(tmp_path, start, end, film)
        assert missing(caught.value) == [(2.0 * place, 2.0 * place + 2)]
        assert f"{2 * place} to {2 * place + 2} s" in caught.value.message


@pytest.mark.matrix(5)
@KINDS
@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("fault", ["404", "gap", "html", "truncated"])
def test_a_clip_beside_what_is_missing_is_whole(fault: str, place: int, fragmented: bool, tmp_path: Path) -> None:
    film = FAULTS[fault](segmented(FILM, fragmented=fragmented), place)
    before, behind = (0, 2 * place), (2 * place + 2, min(2 * place + 4.04, 8))
    for start, end in (before, behind):
        if start < end:
            made = one(tmp_path, start, end, film)
            assert numbers(made) == list(range(start * 25, round(end * 25)))
            assert made.report.method in ("smart", "copy")
            assert all(stop - begin < 0.03 for begin, stop in audio_gaps(made.path))


@pytest.mark.parametrize("track", ["video", "audio"])
@pytest.mark.parametrize("fault", ["404", "gap", "html"])
def test_a_segment_of_one_track_is_missing(track: str, fault: str, tmp_path: Path) -> None:
    film, audio = segmented(FILM, only="video"), segmented(FILM, only="audio")
    if track == "video":
        film = FAULTS[fault](film, 1)
    else:
        audio = FAULTS[fault](audio, 1)
    for start, end in ((2.5, 3.5), (0, 8)):
        with pytest.raises(SegmentMissing) as caught:
            one(tmp_path, start, end, film, audio)
        ((lost_from, lost_to),) = missing(caught.value)
        assert (lost_from, lost_to) == pytest.approx((2, 4), abs=0.02)
    made = one(tmp_path, 4.2, 7, film, audio)
    assert numbers(made) == list(range(105, 175))
    assert [mark.second for mark in audio_marks(made.path)] == [5, 6]


def test_a_segment_that_its_server_lacks_for_a_moment_is_asked_for_again(tmp_path: Path) -> None:
    film = segmented(FILM)
    with Origin(film.files("film")) as origin:
        content = origin.files.pop("film-1.seg")

        def publish(number: int) -> None:
            if sum("film-1.seg" in line for line in origin.log) == 3:
                origin.files["film-1.seg"] = content

        origin.on_request = publish
        source = ClipSource((Track(origin.url("film.m3u8"), protocol="hls"),))
        output, wanted = tmp_path / "clip.mp4", TimeRange(Fraction(2), Fraction(4))
        arguments: dict[str, Any] = {"work_dir": tmp_path, "monitor": SilentMonitor()}
        with pytest.raises(SegmentMissing):
            make_clip(source, wanted, output, network=NetworkSettings(segment_retries=1), **arguments)
        make_clip(source, wanted, output, network=NetworkSettings(segment_retries=1), **arguments)
    assert [frame.number for frame in frame_numbers(output)] == list(range(50, 100))


# --- clocks that jump, advertisements ---------------------------------------------------------------------------


def part(
    first: int, seconds: int, *, clock: float = 0, only: Any = "both", fragmented: bool = False, **audio: Any
) -> Playlist:
    """A film of its own, whose frames are numbered from ``first`` on."""
    film = replace(FILM, seconds=Fraction(seconds), first_frame_number=first, **audio)
    return segmented(film, fragmented=fragmented, only=only, clock=clock)


def in_step(made: CutResult, seconds: range) -> None:
    """The audio is whole, in its place, and of the right pitch: the marks of these seconds are where they belong."""
    assert [mark.second for mark in audio_marks(made.path)] == list(seconds)
    first = numbers(made)[0] / 25
    assert all(abs(mark.at - (mark.second - first)) < 0.03 for mark in audio_marks(made.path))
    assert all(stop - begin < 0.03 for begin, stop in audio_gaps(made.path))


@pytest.mark.matrix(3)
@KINDS
@pytest.mark.parametrize(("before", "after"), [(1200, 0), (0, 1200), (0, 3), (3, 0), (95_440, 0)])
def test_a_clock_that_jumps_without_a_tag(before: float, after: float, fragmented: bool, tmp_path: Path) -> None:
    film = part(0, 4, clock=before, fragmented=fragmented)
    film = film.then(part(100, 4, clock=after, fragmented=fragmented))
    made = cut(tmp_path, 0, 8, film)
    assert numbers(made) == list(range(200))
    in_step(made, range(8))
    behind = one(tmp_path, 5.2, 7.2, film)
    assert numbers(behind) == list(range(130, 180))
    in_step(behind, range(6, 8))


@pytest.mark.parametrize("after", [10, 1200])
def test_a_clock_that_jumps_in_both_of_two_tracks(after: float, tmp_path: Path) -> None:
    film, audio = (
        part(0, 4, only=only, clock=600).then(part(100, 4, only=only, clock=after)) for only in ("video", "audio")
    )
    made = cut(tmp_path, 1, 7, film, audio)
    assert numbers(made) == list(range(25, 175))
    in_step(made, range(1, 7))
    behind = one(tmp_path, 4.2, 6.2, film, audio)
    assert numbers(behind) == list(range(105, 155))
    in_step(behind, range(5, 7))


@pytest.mark.matrix(3)
@pytest.mark.parametrize("tag", [True, False], ids=["tagged", "untagged"])
@pytest.mark.parametrize(
    ("film", "ad"),
    [((2, 48000), (1, 48000)), ((1, 44100), (6, 48000)), ((6, 48000), (2, 22050)), ((2, 22050), (2, 44100))],
)
def test_an_advertisement_with_other_audio(
    film: tuple[int, int], ad: tuple[int, int], tag: bool, tmp_path: Path
) -> None:
    """As many channels and the rate of the first part, nothing silent, and nothing higher or lower than it was."""

    parts = []
    for place, (channels, rate) in enumerate((film, ad, film)):
        recipe = replace(FILM, seconds=Fraction(2), first_frame_number=place * 50)
        parts.append(segmented(replace(recipe, audio_channels=channels, audio_rate=rate, audio_bitrate="128k")))
    shown = parts[0].then(parts[1], tag=tag).then(parts[2], tag=tag)
    made = cut(tmp_path, 0, 6, shown)
    assert numbers(made) == list(range(150))
    in_step(made, range(6))
    facts = media_facts(made.path).audio
    assert facts is not None
    assert (facts.channels, facts.rate) == film
    assert {"parts_joined", "sound_converted"} <= {note.code for note in made.report.notes}


# --- headers of images, HEVC --------------------------------------------------------------------------------


@pytest.mark.matrix(3)
@KINDS
@pytest.mark.parametrize("header", [png(70), png(5000), png(65_536), jpeg(20_000)], ids=["70", "5000", "64k", "jpeg"])
def test_segments_behind_an_image(header: bytes, fragmented: bool, tmp_path: Path) -> None:
    made = one(tmp_path, 1.2, 4.8, segmented(FILM, fragmented=fragmented).behind(header))
    assert numbers(made) == list(range(30, 120))
    assert made.report.method == "smart"
    in_step(made, range(2, 5))


def test_segments_behind_too_long_an_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SegmentMissing):
        one(tmp_path, 1.2, 4.8, segmented(FILM).behind(png(65_537)))


@KINDS
def test_hevc_is_tagged_for_all_players(fragmented: bool, tmp_path: Path) -> None:
    film = segmented(replace(FILM, codec="hevc", bframes=0), fragmented=fragmented)
    made = one(tmp_path, 1.2, 4.8, film)
    assert numbers(made) == list(range(30, 120))
    with av.open(str(made.path)) as opened:
        assert opened.streams.video[0].codec_context.codec_tag == "hvc1"


def test_a_codec_that_cannot_be_read_is_left_to_another_method(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="codec without a decoder"):
        one(tmp_path, 1, 3, segmented(FILM).of_an_unknown_codec())
